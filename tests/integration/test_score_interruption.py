"""dataselect score, ended at any point and given again: the same bytes as if nothing had been."""

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
HERE = Path(__file__).parent
DOCUMENTS = 4000


@pytest.fixture
def asked(here: Path) -> tuple[object, ...]:
    shutil.copy(HERE / "own_scorers.py", here)
    (here / "slow.py").write_text(
        "from own_scorers import *\nSLOW = Length(seconds_a_batch=0.03)\n"
    )
    rng = random.Random(0)
    with (here / "corpus.jsonl").open("w") as stream:
        for i in range(DOCUMENTS):
            text = "{" if i % 100 == 7 else json.dumps({"text": "w " * rng.randrange(200)})
            stream.write(text + "\n")
    return ("score", "corpus.jsonl", "--scorers", "slow:SLOW", "--part-bytes", "8K")


def _contents(folder: Path) -> dict[str, bytes]:
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: p.read_bytes() for name, p in files.items() if not name.startswith("manifest")}


def _parts(folder: Path) -> int:
    return len(list((folder / "documents").glob("part-*"))) if folder.is_dir() else 0


def test_killed_three_times_at_random_points_it_ends_with_the_same_bytes(
    here: Path, asked: tuple[object, ...], start: Command, process: Command
) -> None:
    whole = process(*asked, "--out", "whole", "--workers", 2, command="dataselect")
    assert whole.code == 0, whole.err
    total = _parts(here / "whole")
    assert total > 90
    rng = random.Random(1)
    for workers, low, high in ((1, 2, 20), (2, 21, 50), (3, 51, 80)):
        running = start(*asked, "--out", "cut", "--workers", workers, command="dataselect")
        wanted = rng.randrange(low, high)
        until = time.monotonic() + 300
        while _parts(here / "cut") < wanted:
            assert time.monotonic() < until
            assert running.poll() is None, running.communicate()
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate(timeout=60)
        assert wanted <= _parts(here / "cut") < total
        assert not (here / "cut" / "index.json").exists()
    other = process(*asked, "--out", "cut", "--lossy", command="dataselect")
    assert other.code == 2
    assert "lossy: False there, True now" in other.err
    resumed = process(*asked, "--out", "cut", "--json", command="dataselect")
    assert resumed.code == 0, resumed.err
    summary = json.loads(resumed.out)
    assert 0 < summary["fresh"] < total - 50
    assert summary["documents"] == DOCUMENTS - DOCUMENTS // 100
    assert _contents(here / "cut") == _contents(here / "whole")


def test_a_full_disk_in_between_changes_nothing(
    here: Path, asked: tuple[object, ...], process: Command
) -> None:
    assert process(*asked, "--out", "whole", command="dataselect").code == 0
    # No file may be longer than the smallest parts, as on a disk that fills up.
    sizes = sorted(p.stat().st_size for p in (here / "whole" / "documents").iterdir())
    limit = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({sizes[-2]}, {sizes[-1]}))"
    )
    full = process(*asked, "--out", "cut", command="dataselect", limit=limit)
    assert full.code == 1
    assert "the disk is full" in full.err
    assert "run the same command again" in full.err
    assert "Traceback" not in full.err
    assert not [p for p in (here / "cut").rglob("*") if "partial" in p.name]
    resumed = process(*asked, "--out", "cut", command="dataselect")
    assert resumed.code == 0, resumed.err
    assert _contents(here / "cut") == _contents(here / "whole")


def test_control_c_says_how_to_go_on(here: Path, asked: tuple[object, ...], start: Command) -> None:
    running = start(*asked, "--out", "cut", "--workers", 2, command="dataselect")
    until = time.monotonic() + 300
    while _parts(here / "cut") < 3:
        assert time.monotonic() < until
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "the same command goes on from there" in err
    assert out == ""


def test_two_runs_on_one_folder_do_not_mix(
    here: Path, asked: tuple[object, ...], start: Command, process: Command
) -> None:
    running = start(*asked, "--out", "cut", command="dataselect")
    until = time.monotonic() + 300
    while _parts(here / "cut") < 3:
        assert time.monotonic() < until
    second = process(*asked, "--out", "cut", command="dataselect")
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate(timeout=60)
    assert second.code == 2
    assert "another run is writing" in second.err
