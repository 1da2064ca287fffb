"""Studies that several processes share."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from optuna.trial import create_trial

from nasproxy.errors import NasproxyError
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


@pytest.mark.parametrize("cut", [1, 9, 60])
def test_a_journal_cut_in_a_line_goes_on_from_its_last_whole_one(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "study.log"
    _, events = shared_studies(str(path), "one", [True])
    for number in range(3):
        events.add_trial(create_trial(value=float(number)))
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    _, again = shared_studies(str(path), "one", [True])
    assert [trial.values for trial in again.get_trials()] == [[0.0], [1.0]]
    again.add_trial(create_trial(value=5.0))
    _, last = shared_studies(str(path), "one", [True])
    assert [trial.values for trial in last.get_trials()] == [[0.0], [1.0], [5.0]]
    assert not list(tmp_path.glob("*.lock*"))


def test_a_file_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"first\nsecond")
    with pytest.raises(NasproxyError, match=r"notes\.txt"):
        shared_studies(str(path), "one", [True])
    assert path.read_bytes() == b"first\nsecond"
