"""Studies that several processes share."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from nasproxy.search.studies import shared_studies


def test_processes_that_make_the_tables_of_a_database_at_once_all_open_the_study(
    tmp_path: Path,
) -> None:
    together = Barrier(6)

    def opened(_: int) -> str:
        together.wait()
        study, _events = shared_studies(f"sqlite:///{tmp_path / 'study.db'}", "one", [True])
        return study.study_name

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(opened, range(6))) == ["one"] * 6
