"""Several processes at one search, on a storage that they share."""

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
from nasproxy.search.studies import without_password
from nasproxy.spaces.nasbench201.space import NASBench201

Command = Callable[..., Any]


def _handed_in(storage: Path) -> list[str]:
    lines = [json.loads(line) for line in storage.read_text().splitlines()]
    events = [line.get("user_attrs") or {} for line in lines]
    gone = {e["token"] for e in events if e.get("event") == "gone"}  # claims taken away
    done = [e for e in events if e.get("event") == "done" and e["token"] not in gone]
    return [e["evaluation"]["function"] for e in done]


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


@pytest.mark.parametrize("at", ["write_table", "write_json"])
def test_a_process_ended_while_it_writes_is_finished_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    storage, cut, whole = tmp_path / "study.log", tmp_path / "cut", tmp_path / "whole"
    real = getattr(search_result, at)

    def ended(*arguments: Any, **named: Any) -> None:
        real(*arguments, **named)
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(search_result, at, ended)
        with pytest.raises(ZeroDivisionError):
            _search(cut, storage)
    assert (cut / "evaluations.parquet").exists()
    _search(cut, storage)
    _search(whole, storage)
    table = "evaluations.parquet"
    assert (cut / table).read_bytes() == (whole / table).read_bytes()
    with pytest.raises(NasproxyError, match="holds a finished search"):
        _search(cut, storage)
    _search(cut, storage, overwrite=True, budget=10)
    assert json.loads((cut / "result.json").read_text())["evaluations"] == 10


def test_a_shared_study_leaves_the_journal_of_another_search_alone(tmp_path: Path) -> None:
    def stop(_: Any) -> None:
        raise KeyboardInterrupt

    out, storage = tmp_path / "out", tmp_path / "study.log"
    with pytest.raises(KeyboardInterrupt):
        _search(out, storage, shared=None, on_evaluation=stop)
    before = (out / "journal.jsonl").read_bytes()
    with pytest.raises(NasproxyError, match="unfinished search without a shared study"):
        _search(out, storage, seed=1)
    assert (out / "journal.jsonl").read_bytes() == before
    assert not storage.exists()  # nobody else is bound to what was refused


def test_what_is_not_of_this_search_is_not_overwritten(tmp_path: Path) -> None:
    out, storage = tmp_path / "out", tmp_path / "study.log"
    out.mkdir()
    (out / "result.json").write_text("mine")
    with pytest.raises(NasproxyError, match=r"holds a finished search \(result.json\)"):
        _search(out, storage)
    assert (out / "result.json").read_text() == "mine"

    def another(_: Any) -> None:
        if not (tmp_path / "new" / "manifest.json").exists():
            _search(tmp_path / "new", tmp_path / "other.log", budget=4)

    with pytest.raises(NasproxyError, match="another search has finished in"):
        _search(tmp_path / "new", storage, on_evaluation=another)
    found = json.loads((tmp_path / "new" / "result.json").read_text())
    assert found["evaluations"] == 4
    for name in ("journal.jsonl", "result.json"):
        with pytest.raises(NasproxyError, match="a file that a search writes into its --out"):
            _search(tmp_path / "third", tmp_path / "third" / name)


def test_a_search_ended_while_it_overwrites_is_not_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, storage = tmp_path / "out", tmp_path / "study.log"
    _search(out, storage, budget=4)
    with monkeypatch.context() as patched:
        patched.setattr(search_result, "write_json", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            _search(out, storage, budget=6, overwrite=True)
    assert not (out / "manifest.json").exists()
    _search(out, storage, budget=6)
    assert json.loads((out / "result.json").read_text())["evaluations"] == 6
    assert not (out / "unfinished.json").exists()


@pytest.mark.parametrize(
    ("storage", "hidden"),
    [
        ("postgresql+x://me:word@host/db", "postgresql+x://me:***@host/db"),
        ("postgresql://me:pa/ss@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me@srv:word@host/db", "postgresql://me@srv:***@host/db"),
        ("postgresql://me:p@ss@host/db", "postgresql://me:***@host/db"),
        ("mysql://me:wo rd@h/d", "mysql://me:***@h/d"),
        ("redis://:word@h", "redis://:***@h"),
        ("postgresql://h/db?user=me&password=word", "postgresql://h/db?user=me&password=***"),
        ("sqlite:///a:b@c.db", "sqlite:///a:b@c.db"),
        ("https://h:80/x@y", "https://h:80/x@y"),
        ("study.log", "study.log"),
    ],
)
def test_passwords_are_hidden(storage: str, hidden: str) -> None:
    assert without_password(storage) == hidden


def test_passwords_are_not_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = "postgresql+x://me:xyzzy@host/studies"
    with pytest.raises(NasproxyError, match="cannot be opened") as caught:
        _search(tmp_path / "out", tmp_path, shared=SharedStudy(address))
    assert "xyzzy" not in str(caught.value)
    real = search_run.shared_studies
    monkeypatch.setattr(
        search_run, "shared_studies", lambda _, *more: real(str(tmp_path / "s.log"), *more)
    )
    command = ["nasproxy", "search", f"--storage={address}"]
    _search(tmp_path / "out", tmp_path, shared=SharedStudy(address), command=command)
    for written in (tmp_path / "out").glob("*.json"):
        assert "xyzzy" not in written.read_text()
    assert "me:***@host" in (tmp_path / "out" / "manifest.json").read_text()
