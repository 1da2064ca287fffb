"""The commands, called in this process or in one of their own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

ROOT = Path(__file__).parents[2]

# What a user would have in the folder where the command is typed.
OWN = """
from dataclasses import replace
import torch
from torch import nn
from nasproxy.proxies.counts import PARAMS
from nasproxy.spaces.nasbench201.space import NASBench201

SPACE = NASBench201(channels=4, cells=1)
PROXY = replace(PARAMS, name="mine", summary="the user's own")

def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 30 * 30, 10))

class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3)
    def forward(self, x):
        return torch.relu(self.layer(x)).mean((2, 3)) * float("nan")

def needs(argument):
    return network()

def fails():
    raise KeyError("ground")
"""


class Outcome(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, but for a module of the user's own."""
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def _caller(
    name: str,
    run: Callable[[], object],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Command:
    """A command's function, called as the command is."""

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        capfd.readouterr()
        code = 0
        try:
            run()
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = capfd.readouterr()
        return Outcome(code, printed.out, printed.err)

    return call


@pytest.fixture
def nasproxy(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """The command in this process: quick; with one thread, as `started` has it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    from zerocost_cli.nasproxy.main import run

    yield _caller("nasproxy", run, monkeypatch, capfd)
    torch.set_num_threads(threads)


@pytest.fixture
def dataselect(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """The command dataselect in this process."""
    from zerocost_cli.dataselect.main import run

    return _caller("dataselect", run, monkeypatch, capfd)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], list[str], str]:
    """300 documents, the files that they are in, and their score folder."""
    from scored_corpus import documents, score, write_corpus

    folder = tmp_path_factory.mktemp("scored")
    rows = documents(300)
    corpus = write_corpus(folder / "corpus", rows)
    return rows, corpus, score(corpus, folder / "scores")


def started(
    *arguments: object, command: str = "nasproxy", limit: str = "", **options: object
) -> "subprocess.Popen[str]":
    """The command in a process and a process group of its own."""
    code = f"from zerocost_cli.{command}.main import run; run()"
    if limit:
        code = f"{limit}; {code}"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "cli")]),
        "OMP_NUM_THREADS": "1",
    }
    if limit:
        # Python does not see that a file of bytecode was cut off, and would read it ever after.
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
        **options,  # type: ignore[call-overload]
    )


@pytest.fixture
def process(here: Path) -> Command:
    """The command in a process of its own, to its end."""

    def call(*arguments: object, command: str = "nasproxy", limit: str = "") -> Outcome:
        running = started(*arguments, command=command, limit=limit)
        out, err = running.communicate(timeout=120)
        return Outcome(running.returncode, out, err)

    return call


@pytest.fixture
def start(here: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """The command in a process of its own, to be ended by the test."""
    return started


@pytest.fixture
def trained_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Trainers write into the current folder, and look for models on the network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
