"""--engine ray: the same bytes as this machine's threads, also where workers die."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataselect.corpus import ReadOptions
from dataselect.errors import DataselectError
from dataselect.scorers.scorer import Scorer
from dataselect.scores import open_scores
from dataselect.scores.run import ScoreSummary, score_corpus

HERE = Path(__file__).parent
OPTIONS = ReadOptions(part_bytes=4096)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("ray"),
    # Ray's own threads and sockets are still open when its modules are collected.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two workers on this machine, started once; the first start after an install takes long."""
    ray = pytest.importorskip("ray")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    # Ray's own is 15, with which its workers starve beside another process of tests.
    os.environ.setdefault("RAY_worker_niceness", "0")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    lines = [f'{{"text": "{"word " * (i % 50)}", "id": {i}}}' for i in range(300)]
    lines[5] = "{"
    lines[250] = '{"text": 3}'
    (folder / "a.jsonl").write_text("\n".join(lines))
    (folder / "b.jsonl.gz").write_bytes(
        pa.compress("\n".join(lines).encode(), "gzip", asbytes=True)
    )
    pq.write_table(pa.table({"text": ["row " * i for i in range(100)]}), folder / "c.parquet")
    (folder / "d.txt").write_text("one")
    (folder / "e.txt").write_text("two")
    return folder


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of the user's own, on the path of this process only."""
    shutil.copy(HERE / "own_scorers.py", tmp_path / "of_the_user.py")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    sys.modules.pop("of_the_user", None)
    import of_the_user  # type: ignore[import-not-found]

    return of_the_user


def _run(corpus: Path, out: str, scorer: Scorer, **options: Any) -> ScoreSummary:
    return score_corpus([str(corpus)], out, [scorer], options=OPTIONS, **options)


def _contents(folder: Path) -> dict[str, bytes]:
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: p.read_bytes() for name, p in files.items() if not name.startswith("manifest")}


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_bytes_as_on_threads(
    cluster: None, corpus: Path, own: Any, tmp_path: Path, workers: int
) -> None:
    here = _run(corpus, str(tmp_path / "here"), own.Length(), workers=workers)
    there = _run(corpus, f"file://{tmp_path}/there", own.Length(), engine="ray", workers=workers)
    assert here.parts == there.parts > 10
    assert here.quarantined == {"malformed_json": 2, "text_not_string": 2}
    assert _contents(tmp_path / "here") == _contents(tmp_path / "there")
    assert open_scores(f"file://{tmp_path}/there").documents == 298 * 2 + 100 + 2


def test_a_worker_that_dies_costs_its_part_and_nothing_else(
    cluster: None, corpus: Path, own: Any, tmp_path: Path
) -> None:
    marker = tmp_path / "die"
    marker.write_text("once")
    calls = tmp_path / "calls"
    deadly = own.Deadly(marker=str(marker), calls=str(calls), seconds_a_batch=0.02)
    summary = _run(corpus, str(tmp_path / "there"), deadly, engine="ray", workers=2)
    assert not marker.exists()
    assert summary.fresh == summary.parts
    assert len(calls.read_text()) == summary.parts + 1
    _run(corpus, str(tmp_path / "here"), own.Length(), workers=1)
    assert _contents(tmp_path / "here") == _contents(tmp_path / "there")


def test_what_is_done_on_one_engine_is_not_done_again_on_the_other(
    cluster: None, corpus: Path, own: Any, tmp_path: Path
) -> None:
    def stop(at: Any) -> None:
        if at.documents > 100:
            raise KeyboardInterrupt

    out = str(tmp_path / "both")
    with pytest.raises(KeyboardInterrupt):
        _run(corpus, out, own.Length(), workers=1, on_progress=stop)
    resumed = _run(corpus, out, own.Length(), engine="ray", workers=2)
    assert 0 < resumed.fresh < resumed.parts
    _run(corpus, str(tmp_path / "whole"), own.Length(), workers=1)
    assert _contents(tmp_path / "both") == _contents(tmp_path / "whole")


def test_an_error_comes_back_as_it_was(
    cluster: None, corpus: Path, own: Any, tmp_path: Path
) -> None:
    # two workers read two files at once: either bad row may be met first
    with pytest.raises(DataselectError, match=r"(a\.jsonl|b\.jsonl\.gz), row 5: malformed_json"):
        _run(corpus, str(tmp_path / "out"), own.Length(), engine="ray", workers=2, strict=True)
