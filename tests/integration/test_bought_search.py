"""nasproxy search --buy as a user runs it, killed in the middle too."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from zerocost_cli.nasproxy.search import command as search_command

from nasproxy import spaces
from nasproxy.errors import NasproxyError

NASPROXY = Path(sys.executable).with_name("nasproxy")
TRAIN = """
import os, signal, sys
text = sys.argv[1]
if os.path.exists("kill-me") and len(open("log").readlines()) == 7:
    os.remove("kill-me")
    os.kill(os.getppid(), signal.SIGKILL)
open("log", "a").write(text + "\\n")
print("epoch 1 of 1")
print(70 + 5 * text.count("conv_3x3") + text.count("conv_1x1"))
"""


def _search(folder: Path, out: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(str(NASPROXY), "search", "--space", "nasbench201", "--buy", "12", "--first", "5"),
        *("--evaluate", f"{sys.executable} train.py {{arch}}", "--scores", "scores.parquet"),
        *("--out", out, *options),
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_and_continued(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    cells = [str(cell) for cell in spaces.get("nasbench201").architectures()[:60]]
    table = pa.table({"architecture": cells, "hint": [float(len(cell)) for cell in cells]})
    pq.write_table(table, tmp_path / "scores.parquet")
    whole = _search(tmp_path, "whole", "--json")
    assert whole.returncode == 0, whole.stderr
    assert json.loads(whole.stdout)["trainings"] == 12
    (tmp_path / "log").unlink()
    (tmp_path / "log").touch()
    (tmp_path / "kill-me").touch()
    killed = _search(tmp_path, "cut")
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "cut" / "result.json").exists()
    again = _search(tmp_path, "cut")
    assert again.returncode == 0, again.stderr
    for name in ("bought.parquet", "result.json"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    trained = (tmp_path / "log").read_text().splitlines()
    # The one that was under way when the search was killed had not said its number yet.
    assert len(trained) <= 13
    assert len(set(trained)) == 12


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--budget", "5"), "--budget does not go with --buy"),
        (("--proxies", "naswot"), "--proxies does not go with --buy"),
        (("--acquisition", "eii"), "no acquisition 'eii'"),
        (("--predictor", "gpp"), "gpp"),
        (("--target", "cifar10"), "--target belongs to --benchmark"),
        (("--images", "cifar10"), "--images does not go with --buy"),
        (("--max-params", "0"), "no positive number"),
        (("--max-latency", "pixle3=8"), "did you mean pixel3?"),
    ],
)
def test_bad_usage(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    arguments = ["--space", "nasbench201", "--buy", "5", "--evaluate", "true {arch}"]
    ran = CliRunner().invoke(search_command, [*arguments, "--out", str(tmp_path / "o"), *options])
    message = str(ran.exception) if isinstance(ran.exception, NasproxyError) else ran.output
    assert ran.exit_code != 0
    assert said in message
    assert not (tmp_path / "o").exists()


def test_lower_is_of_a_command(tmp_path: Path) -> None:
    arguments = ["--space", "nasbench201", "--buy", "5", "--benchmark", "nasbench201", "--lower"]
    ran = CliRunner().invoke(search_command, [*arguments, "--out", str(tmp_path / "o")])
    assert ran.exit_code == 2
    assert "--lower belongs to --evaluate" in ran.output
    assert not (tmp_path / "o").exists()
