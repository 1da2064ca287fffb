"""Commands ended in mid-run and given again: the same bytes as if nothing had happened."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from nasproxy.images import load_batch
from nasproxy.search import result as search_result
from nasproxy.search import run as search_run
from nasproxy.spaces.nasbench201.space import NASBench201

Command = Callable[..., Any]
SMALL = ("--space", "own:SPACE", "--images", "noise", "--batch-size", "4")
RESULTS = ("evaluations.parquet", "result.json")


def _end_at(running: Any, journal: Path, records: int, number: int) -> None:
    """Send a signal to the whole process group once the journal holds so many records."""
    until = time.monotonic() + 300
    while time.monotonic() < until and running.poll() is None:
        if journal.exists() and journal.read_bytes().count(b"\n") > records:
            break
        time.sleep(0.002)
    assert running.poll() is None, running.communicate()
    os.killpg(running.pid, number)


def test_rank_killed_again_and_again_ends_with_the_same_bytes(
    here: Path, nasproxy: Command, start: Command
) -> None:
    asked = ("rank", *SMALL, "--sample", 70, "--proxies", "naswot,params")
    whole = nasproxy(*asked, "--jobs", 1, "--out", "whole.parquet")
    assert whole.code == 0
    out = here / "scores.parquet"
    journal = here / "scores.parquet.journal.jsonl"
    for records, jobs in ((3, 1), (25, 2)):
        running = start(*asked, "--jobs", jobs, "--out", out)
        _end_at(running, journal, records, signal.SIGKILL)
        running.communicate(timeout=60)
        assert running.returncode == -signal.SIGKILL
        assert not out.exists()
        kept = journal.read_bytes().count(b"\n") - 1
        assert records <= kept < 70
    refused = nasproxy(*asked, "--jobs", 1, "--out", out, "--seed", 1)
    assert refused.code == 2
    assert "seed: 0 there, 1 now" in refused.err
    assert nasproxy(*asked, "--jobs", 1, "--out", out).code == 0
    assert out.read_bytes() == (here / "whole.parquet").read_bytes()
    assert not journal.exists()


def test_workers_end_with_a_killed_parent(here: Path, start: Command) -> None:
    asked = ("rank", *SMALL, "--all", "--jobs", 2, "--out", "scores.parquet")
    running = start(*asked)
    journal = here / "scores.parquet.journal.jsonl"
    until = time.monotonic() + 300
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 3):
        assert time.monotonic() < until
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)  # the parent alone, as a system short of memory does
    running.communicate(timeout=30)  # ends only when no worker holds the pipes any more


def test_search_killed_again_and_again_ends_with_the_same_bytes(
    here: Path, nasproxy: Command, start: Command
) -> None:
    asked = ("search", *SMALL, "--budget", 60, "--population", 10, "--tournament", 3)
    assert nasproxy(*asked, "--out", "whole").code == 0
    journal = here / "cut" / "journal.jsonl"
    for records in (2, 25):
        running = start(*asked, "--out", "cut")
        _end_at(running, journal, records, signal.SIGKILL)
        running.communicate(timeout=60)
        assert sorted(p.name for p in (here / "cut").iterdir()) == ["journal.jsonl"]
    assert nasproxy(*asked, "--out", "cut").code == 0
    assert _results(here / "cut") == _results(here / "whole")
    assert not journal.exists()


def test_control_c_exits_130_and_keeps_what_is_scored(
    here: Path, nasproxy: Command, start: Command
) -> None:
    asked = ("rank", *SMALL, "--sample", 400, "--out", "scores.parquet", "--jobs", 2)
    journal = here / "scores.parquet.journal.jsonl"
    running = start(*asked)
    _end_at(running, journal, 5, signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert out == ""
    assert "the same command goes on from there" in err
    assert "Traceback" not in err, err
    assert journal.read_bytes().count(b"\n") > 5


def test_control_c_while_workers_import_leaves_them_alone(here: Path, start: Command) -> None:
    running = start("rank", *SMALL, "--sample", 400, "--out", "scores.parquet", "--jobs", 2)
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    if not children.exists():
        running.kill()
        running.communicate(timeout=60)
        pytest.skip("this system does not list the children of a process")
    until = time.monotonic() + 300
    # The tracker of resources comes first, then the workers, which import for a second or more.
    while len(children.read_text().split()) < 3:
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < until
        time.sleep(0.002)
    time.sleep(0.3)
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "the same command goes on from there" in err
    assert "Traceback" not in err, err


def _search(out: Path, **changed: Any) -> None:
    arguments: Mapping[str, Any] = {"budget": 20, "population": 6, "tournament": 2, **changed}
    batch = load_batch("noise", size=4)
    search_run.search(NASBench201(channels=4, cells=1), batch, ["naswot"], out, **arguments)


def _results(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in RESULTS]


@pytest.mark.parametrize("sampler", ["evolution", "random"])
def test_a_search_that_fails_at_any_evaluation_can_be_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampler: str
) -> None:
    _search(tmp_path / "whole", sampler=sampler)
    real = search_run.score_candidate
    for at in (1, 7, 20):
        calls = 0

        def failing(*arguments: Any, _at: int = at, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == _at:
                raise MemoryError
            return real(*arguments, **named)

        with monkeypatch.context() as patched:
            patched.setattr(search_run, "score_candidate", failing)
            with pytest.raises(MemoryError):
                _search(tmp_path / f"cut{at}", sampler=sampler)
        _search(tmp_path / f"cut{at}", sampler=sampler)
        assert _results(tmp_path / f"cut{at}") == _results(tmp_path / "whole")


def test_an_interrupted_search_can_be_given_a_larger_budget(tmp_path: Path) -> None:
    def stop(state: Any) -> None:
        if len(state.candidates) == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _search(tmp_path / "cut", on_evaluation=stop, budget=20)
    _search(tmp_path / "cut", budget=30)
    _search(tmp_path / "whole", budget=30)
    assert _results(tmp_path / "cut") == _results(tmp_path / "whole")


def test_a_search_killed_while_it_writes_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _search(tmp_path / "whole")
    with monkeypatch.context() as patched:
        patched.setattr(search_result, "write_json", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            _search(tmp_path / "cut")
    assert (tmp_path / "cut" / "evaluations.parquet").exists()
    _search(tmp_path / "cut")
    assert _results(tmp_path / "cut") == _results(tmp_path / "whole")


def test_two_runs_on_one_output_do_not_mix(here: Path, nasproxy: Command, start: Command) -> None:
    asked = ("search", *SMALL, "--budget", 2000, "--out", "both")
    running = start(*asked)
    journal = here / "both" / "journal.jsonl"
    until = time.monotonic() + 300
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 2):
        assert time.monotonic() < until
        time.sleep(0.01)
    second = nasproxy(*asked)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate(timeout=60)
    assert second.code == 2
    assert "another run is writing" in second.err
