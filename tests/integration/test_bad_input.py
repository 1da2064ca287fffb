"""What a new user gets wrong: what is said, how the command ends, and that nothing is lost."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

Command = Callable[..., Any]
SMALL = ("--space", "own:SPACE", "--images", "noise", "--batch-size", "4")
SEARCH = ("search", *SMALL, "--budget", "3")
RANK = ("rank", *SMALL, "--sample", "2", "--jobs", "1")
SCORE = ("score", *SMALL)
CELL = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
OWN_FILES = {"own.py", "__pycache__"}


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }


def _swapped(command: tuple[str, ...], option: str, value: str) -> tuple[str, ...]:
    at = command.index(option)
    return (*command[: at + 1], value, *command[at + 2 :])


CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "command": (("serch",), ("no command 'serch'", "did you mean search?")),
    "data command": (("data", "ftch"), ("ftch", "fetch")),
    "option": ((*SCORE, "--arhc", CELL), ("--arhc", "--arch")),
    **{
        f"{option} with {own}": (
            (*command, option, value),
            (f"{option} belongs to --space", f"with {own}"),
        )
        for own, command in (
            ("--models", ("rank", "--models", "m.toml", "--out", "o.parquet")),
            ("--model", ("score", "--model", "own:network")),
        )
        for option, value in (("--text", "t.txt"), ("--length", "8"), ("--builder", "b"))
    },
    "missing option": (("search",), ("--space", "nasproxy search --help")),
    "no number": ((*SEARCH, "--seed", "one", "--out", "o"), ("'one'", "--seed")),
    "space": (
        ("score", "--space", "nasbench20", "--arch", CELL),
        ("no space named 'nasbench20'", "did you mean nasbench201"),
    ),
    "space module": (
        ("score", "--space", "nowhere:SPACE", "--arch", CELL),
        ("'nowhere'", "cannot be imported", "from this folder"),
    ),
    "space attribute": (
        ("score", "--space", "own:SPACES", "--arch", CELL),
        ("no 'SPACES'", "did you mean SPACE"),
    ),
    "no space": (("score", "--space", "own:PROXY", "--arch", CELL), ("own:PROXY", "accepted")),
    "proxy": (
        (*SEARCH, "--proxies", "naswto,snpi", "--out", "o"),
        ("no proxy named 'naswto'", "did you mean naswot", "nasproxy proxies"),
    ),
    "no proxy": ((*SEARCH, "--proxies", ",", "--out", "o"), ("no proxy is named",)),
    "benchmark": (
        (*SEARCH, "--benchmark", "nasbench202", "--out", "o"),
        ("no benchmark named 'nasbench202'", "did you mean nasbench201"),
    ),
    "target": (
        (*SEARCH, "--benchmark", "nasbench201-analog", "--target", "cifar11", "--out", "o"),
        ("no target 'cifar11'", "did you mean cifar10?"),
    ),
    "target of nothing": (
        (*SEARCH, "--target", "cifar10", "--out", "o"),
        ("--target belongs to --benchmark",),
    ),
    "sampler": (
        (*SEARCH, "--sampler", "evolutoin", "--out", "o"),
        ("no sampler named 'evolutoin'", "did you mean evolution?"),
    ),
    "idle population": (
        (*SEARCH, "--sampler", "tpe", "--population", "9", "--out", "o"),
        ("--population belongs to evolution and nsga2, not to tpe",),
    ),
    "idle tournament": (
        (*SEARCH, "--sampler", "nsga2", "--tournament", "9", "--out", "o"),
        ("--tournament belongs to evolution, not to nsga2",),
    ),
    "two limits of a device": (
        (*SEARCH, "--max-latency", "this=9ms", "--max-latency", "this=8ms", "--out", "o"),
        ("two limits of latency:this", "the lower one"),
    ),
    "population": ((*SEARCH, "--population", "1", "--out", "o"), ("population of 1", "2 or more")),
    "budget 0": ((*_swapped(SEARCH, "--budget", "0"), "--out", "o"), ("budget of 0", "1 or more")),
    "budget -5": ((*_swapped(SEARCH, "--budget", "-5"), "--out", "o"), ("budget of -5",)),
    "operation": (
        (*SCORE, "--arch", CELL.replace("skip_connect", "skip_conect")),
        ("no operation 'skip_conect'", "did you mean skip_connect?"),
    ),
    "an edge too few": (
        (*SCORE, "--arch", CELL.replace("none~2|", "")),
        ("2 edges into node 3", "for example |"),
    ),
    "index": ((*SCORE, "--arch", "15625"), ("no cell 15625", "0 .. 15624")),
    "no arch": (SCORE, ("--space needs --arch",)),
    "space and model": ((*SCORE, "--arch", CELL, "--model", "own:network"), ("either --space",)),
    "arch of model": (("score", "--model", "own:network", "--arch", CELL), ("--arch belongs",)),
    "shape of space": (
        (*SCORE, "--arch", CELL, "--input-shape", "3,32,32"),
        ("--input-shape belongs to --model",),
    ),
    "naswot alone with one": (
        (*_swapped(SCORE, "--batch-size", "1"), "--arch", CELL, "--proxies", "naswot"),
        ("naswot needs a batch of at least 2, and this one has 1", "2 samples or more"),
    ),
    "a search with one": (
        (*_swapped(SEARCH, "--batch-size", "1"), "--proxies", "naswot", "--out", "o"),
        ("naswot needs a batch of at least 2", "--batch-size 64"),
    ),
    "batch of 0": ((*_swapped(RANK, "--batch-size", "0"), "--out", "o"), ("size is 0", "from 1")),
    "batch too large": (
        ("score", "--space", "own:SPACE", "--arch", CELL, "--batch-size", "1798"),
        ("a batch of 1798", "1797"),
    ),
    "images": (
        ("score", "--space", "own:SPACE", "--arch", CELL, "--images", "digit"),
        ("named 'digit'", "did you mean digits?"),
    ),
    "model output": (
        ("score", "--model", "own:Broken", "--images", "noise", "--batch-size", "4"),
        ("are NaN or infinite", "accepted: a network whose output is finite"),
    ),
    "model module": (("score", "--model", "absent:net"), ("'absent'", "cannot be imported")),
    "model without colon": (("score", "--model", "own"), ("'own'", "pkg.module:object")),
    "model of arguments": (
        ("score", "--model", "own:needs"),
        ("cannot be called without arguments", "argument"),
    ),
    "no model": (("score", "--model", "own:OWN"), ("own", "no 'OWN'")),
    "model input": (
        ("score", "--model", "own:network", "--input-shape", "3,16,16", "--images", "noise"),
        ("cannot be called on this batch", "[64, 3, 16, 16]"),
    ),
    "shape of two": (
        ("score", "--model", "own:network", "--input-shape", "3,32"),
        ("'3,32'", "such as 3,32,32"),
    ),
    "shape of letters": (
        ("score", "--model", "own:network", "--input-shape", "a,b,c"),
        ("'a,b,c'", "such as 3,32,32"),
    ),
    "shape of odd digits": (
        ("score", "--model", "own:network", "--input-shape", "²,3,3"),
        ("'²,3,3'", "such as 3,32,32"),
    ),
    "shape of nothing": (
        ("score", "--model", "own:network", "--input-shape", "0,32,32"),
        ("channels is 0", "from 1"),
    ),
    "oblong": (("score", "--model", "own:network", "--input-shape", "3,8,9"), ("not square",)),
    "no archs": (("rank", *SMALL, "--out", "o"), ("not clear", "--all, --sample N")),
    "archs absent": (("rank", *SMALL, "--archs", "no.txt", "--out", "o"), ("no.txt", "cannot be")),
    "sample of 0": ((*_swapped(RANK, "--sample", "0"), "--out", "o"), ("a sample of 0", "1 or")),
    "sample too large": (
        (*_swapped(RANK, "--sample", "9999999999"), "--out", "o"),
        ("4,930 different functions", "1 to 4,930"),
    ),
    "jobs": ((*_swapped(RANK, "--jobs", "0"), "--out", "o"), ("0 jobs", "1 or more")),
    "device": (
        (*SEARCH, "--device", "nonsense", "--out", "o"),
        ("device 'nonsense'", "on this machine cpu", "--device cpu"),
    ),
    "score device": ((*SCORE, "--arch", CELL, "--device", "cuda:77"), ("'cuda:77'", "accepted")),
    "seed": ((*SEARCH, "--seed", "-1", "--out", "o"), ("seed is -1", "from 0")),
    "seed of rank": ((*RANK, "--seed", "-1", "--out", "o"), ("seed is -1", "0 or more")),
    "jobs of an estimate": ((*_swapped(RANK, "--jobs", "0"), "--estimate"), ("0 jobs", "1 or")),
    "folder of nodes": (
        (*RANK, "--out", "o", "--nodes", "no/n.parquet"),
        ("no/n.parquet cannot be written", "does not exist", "mkdir -p no"),
    ),
    "scores and nodes in one file": (
        (*RANK, "--out", "o", "--nodes", "./o"),
        ("o is to hold the scores and the values of nodes", "a file for each"),
    ),
    "folder of rank": ((*RANK, "--out", "no/x.parquet"), ("does not exist", "mkdir -p no")),
    "folder below a file": ((*SEARCH, "--out", "own.py/x"), ("own.py/x", "Not a directory")),
    "a file for a folder": ((*SEARCH, "--out", "own.py"), ("own.py is a file", "accepted: a fold")),
    "a folder for a file": ((*RANK, "--overwrite", "--out", "."), ("is a folder",)),
    "no scores": (
        ("correlate", "no.parquet", "--benchmark", "nasbench201"),
        ("no.parquet does not exist",),
    ),
    "scores of python": (("correlate", "own.py", "--benchmark", "nasbench201"), ("as Parquet",)),
    "data set": (("data", "fetch", "cifar"), ("named 'cifar'", "did you mean cifar10")),
    "data to verify": (("data", "verify", "nope"), ("named 'nope'", "accepted")),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_named_and_leaves_nothing(nasproxy: Command, here: Path, case: str) -> None:
    arguments, expected = CASES[case]
    before = _contents(here)
    found = nasproxy(*arguments)
    assert found.code == 2, found.err
    assert found.out == ""
    for text in expected:
        assert text in found.err
    assert "Traceback" not in found.err
    assert "unexpected" not in found.err
    assert found.err.startswith(("nasproxy: ", "no score: "))
    assert _contents(here) == before
    assert {p.name for p in here.iterdir()} <= OWN_FILES


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_that_is_not_there(nasproxy: Command, here: Path) -> None:
    for command in (SEARCH, RANK):
        found = nasproxy(*command, "--device", "cuda", "--out", "o")
        assert found.code == 2
        assert "device 'cuda'" in found.err
        assert "--device cpu" in found.err
        assert not (here / "o").exists()


def test_a_bad_line_of_a_list_is_numbered(nasproxy: Command, here: Path) -> None:
    (here / "archs.txt").write_text(f"{CELL}\n# note\n{CELL[1:]}\n")
    found = nasproxy("rank", *SMALL, "--archs", "archs.txt", "--out", "o.parquet")
    assert found.code == 2
    assert "archs.txt, line 3" in found.err


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.zeros((4, 3, 8, 8), np.uint8), "x.transpose(0, 2, 3, 1)"),
        (np.zeros((4, 8, 8), np.uint8), "x has the shape [4, 8, 8]"),
        (np.zeros((4, 8, 8, 3), np.float32), "(x * 255).round().astype(np.uint8)"),
        (np.full((4, 8, 8, 3), -7, np.int64), "from -7 to -7"),
        (np.zeros((3, 8, 8, 3), np.uint8), "3 images but y 4 labels"),
    ],
)
def test_images_of_the_wrong_form(
    nasproxy: Command, here: Path, x: np.ndarray, expected: str
) -> None:
    np.savez(here / "mine.npz", x=x, y=np.arange(4))
    found = nasproxy(*_swapped(SEARCH, "--images", "mine.npz"), "--out", "o")
    assert found.code == 2
    assert expected in found.err
    assert "uint8 [n, height, width, 1 or 3]" in found.err
    assert not (here / "o").exists()


def test_images_changed_in_between_do_not_continue_a_run(
    nasproxy: Command, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nasproxy.scoring import rank

    def images(seed: int) -> None:
        x = np.random.default_rng(seed).integers(0, 256, (4, 8, 8, 3)).astype(np.uint8)
        np.savez(here / "mine.npz", x=x, y=np.arange(4))

    images(0)
    asked = (*_swapped(RANK, "--images", "mine.npz"), "--out", "o.parquet")
    with monkeypatch.context() as patched:
        patched.setattr(rank, "write_table", lambda *_, **__: 1 / 0)
        failed = nasproxy(*asked)
        assert failed.code == 1
        assert "unexpected ZeroDivisionError" in failed.err
        assert "--debug" in failed.err
    images(1)
    found = nasproxy(*asked)
    assert found.code == 2
    assert "images: '4 from mine.npz, sha256" in found.err


def test_what_exists_is_not_overwritten_unasked(nasproxy: Command, here: Path) -> None:
    for command, out in ((SEARCH, "s"), (RANK, "r.parquet")):
        assert nasproxy(*command, "--out", out).code == 0
        before = _contents(here)
        found = nasproxy(*command, "--out", out, "--seed", 1)
        assert found.code == 2
        assert "--overwrite" in found.err
        assert _contents(here) == before
        assert nasproxy(*command, "--out", out, "--seed", 1, "--overwrite").code == 0
        assert _contents(here) != before


def test_an_overwriting_search_that_fails_leaves_the_old_results(
    nasproxy: Command, here: Path
) -> None:
    asked = (*SEARCH, "--proxies", "naswot", "--out", "s")
    assert nasproxy(*asked).code == 0
    before = _contents(here)
    found = nasproxy(*_swapped(asked, "--batch-size", "1"), "--overwrite")
    assert found.code == 2
    assert _contents(here) == before


def test_data_altered_or_cut_short_shows_both_hashes(
    nasproxy: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nasproxy.data import NASBENCH201
    from zerocost.files import sha256_of

    folder = tmp_path / "data"
    monkeypatch.setenv("ZEROCOST_DATA_DIR", str(folder))
    absent = nasproxy(*SEARCH, "--benchmark", "nasbench201", "--out", "o")
    assert absent.code == 2
    assert "nasproxy data fetch nasbench201" in absent.err
    path = folder / NASBENCH201.name
    path.parent.mkdir(parents=True)
    for text in ("arch,acc\n", ""):
        path.write_text(text)
        for arguments, code in (
            ((*SEARCH, "--benchmark", "nasbench201", "--out", "o"), 2),
            (("data", "fetch", "nasbench201"), 2),
            (("data", "verify"), 1),
        ):
            found = nasproxy(*arguments)
            assert found.code == code
            said = found.out + found.err
            assert NASBENCH201.sha256 in said
            assert sha256_of(path) in said
            assert str(path) in said
    assert path.read_text() == ""
    assert not (tmp_path / "o").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of half a megabyte."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as stream, suppress(OSError):
        while stream.write(b"x" * 4096):
            pass


@pytest.mark.parametrize(
    ("command", "results", "short_of"),
    [
        (SEARCH, ("s/evaluations.parquet", "s/result.json"), (0, 12_288)),
        (RANK, ("r.parquet",), (0,)),
    ],
)
def test_a_full_disk(  # noqa: PLR0917
    nasproxy: Command,
    small_disk: Path,
    here: Path,
    command: tuple[str, ...],
    results: tuple[str, ...],
    short_of: tuple[int, ...],
) -> None:
    name = Path(results[0]).parts[0]
    assert nasproxy(*command, "--out", name).code == 0
    filler = small_disk / "filler"
    for free in short_of:  # nothing is free; or enough for the journal, but not for all results
        _fill(filler)
        os.truncate(filler, filler.stat().st_size - free)
        found = nasproxy(*command, "--out", small_disk / name)
        assert found.code == 1, found.err
        assert "the disk is full" in found.err
        assert "run the same command again" in found.err
        assert not (small_disk / results[-1]).exists()
    filler.unlink()
    assert nasproxy(*command, "--out", small_disk / name).code == 0
    for result in results:
        assert (small_disk / result).read_bytes() == (here / result).read_bytes()


def test_a_limit_on_file_sizes_is_told_as_a_full_disk_and_nothing_is_lost(
    process: Command, nasproxy: Command, here: Path
) -> None:
    asked = ("rank", *SMALL, "--sample", "40", "--jobs", "1", "--out")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"
    found = process(*asked, "cut.parquet", limit=limit)
    assert found.code == 1, found.err
    assert "the disk is full" in found.err
    assert "Traceback" not in found.err
    assert not (here / "cut.parquet").exists()
    assert nasproxy(*asked, "cut.parquet").code == 0
    assert nasproxy(*asked, "whole.parquet").code == 0
    assert (here / "cut.parquet").read_bytes() == (here / "whole.parquet").read_bytes()
