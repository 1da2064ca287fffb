"""Several processes at one search: real ones, on a journal that they share."""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from nasproxy.errors import NasproxyError
from nasproxy.images import load_batch
from nasproxy.search import result as search_result
from nasproxy.search import run as search_run
from nasproxy.search.run import SharedStudy
from nasproxy.spaces.nasbench201.space import NASBench201
from zerocost.errors import ZerocostError

Command = Callable[..., Any]
RESULTS = ("evaluations.parquet", "result.json")


def _handed_in(storage: Path) -> list[str]:
    lines = [json.loads(line) for line in storage.read_text().splitlines()]
    events = [line.get("user_attrs") or {} for line in lines]
    return [e["evaluation"]["function"] for e in events if e.get("event") == "done"]


def test_processes_on_one_journal_evaluate_nothing_twice_though_one_is_killed(
    here: Path, start: Command
) -> None:
    storage = here / "study.log"
    asked = ("search", "--space", "own:SPACE", "--images", "noise", "--batch-size", "4")
    asked += ("--proxies", "naswot", "--budget", 60, "--population", 10, "--tournament", 3)
    asked += ("--storage", storage)
    workers = [start(*asked, "--out", f"worker{i}") for i in range(2)]
    until = time.monotonic() + 300
    while not storage.exists() or storage.read_bytes().count(b'"done"') < 5:
        assert time.monotonic() < until
        assert all(worker.poll() is None for worker in workers)
        time.sleep(0.01)
    os.killpg(workers[0].pid, signal.SIGKILL)
    workers[0].communicate(timeout=60)
    workers[0] = start(*asked, "--out", "worker0")
    for worker in workers:
        _, error = worker.communicate(timeout=300)
        assert worker.returncode == 0, error
    counted = Counter(_handed_in(storage))
    assert len(counted) == 60
    assert set(counted.values()) == {1}
    tables = {(here / f"worker{i}" / "evaluations.parquet").read_bytes() for i in range(2)}
    assert len(tables) == 1
    assert not list(here.glob("worker*/journal.jsonl"))


def _search(out: Path, storage: Path, **changed: Any) -> None:
    shared = SharedStudy(str(storage))
    arguments: Mapping[str, Any] = {"budget": 8, "population": 6, "tournament": 2, "shared": shared}
    search_run.search(
        NASBench201(channels=4, cells=1),
        load_batch("noise", size=4),
        ["naswot"],
        out,
        **{**arguments, **changed},
    )


def test_a_process_ended_while_it_writes_is_finished_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, cut, whole = tmp_path / "study.log", tmp_path / "cut", tmp_path / "whole"
    with monkeypatch.context() as patched:
        patched.setattr(search_result, "write_json", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            _search(cut, storage)
    assert (cut / "evaluations.parquet").exists()
    _search(cut, storage)
    _search(whole, storage)
    assert (cut / RESULTS[0]).read_bytes() == (whole / RESULTS[0]).read_bytes()
    assert not (cut / "journal.jsonl").exists()
    with pytest.raises(NasproxyError, match="holds a finished search"):
        _search(cut, storage)


def test_processes_that_share_a_study_have_folders_of_their_own(tmp_path: Path) -> None:
    def another(_: Any) -> None:
        with pytest.raises(ZerocostError, match="another run is writing"):
            _search(tmp_path / "one", tmp_path / "study.log")

    _search(tmp_path / "one", tmp_path / "study.log", on_evaluation=another)
