"""'Add a proxy in ten minutes' works as it is written."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "CONTRIBUTING.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guide's files, as a reader would make them."""
    section = GUIDE.read_text(encoding="utf-8").partition("## Add a proxy")[2].partition("\n## ")[0]
    proxy, test = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    made = tmp_path_factory.mktemp("guide")
    (made / "my_proxies.py").write_text(proxy, encoding="utf-8")
    (made / "test_my_proxies.py").write_text(test, encoding="utf-8")
    return made


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_guides_command_scores_with_the_new_proxy(folder: Path) -> None:
    section = GUIDE.read_text(encoding="utf-8")
    (line,) = re.findall(r"^nasproxy (score .*MEAN_GRADIENT.*)$", section, flags=re.MULTILINE)
    found = run(
        folder,
        "-c",
        "from zerocost_cli.nasproxy.main import run; run()",
        *line.split(),
        "--batch-size",
        "4",
    )
    assert found.returncode == 0, found.stderr
    assert "mean_gradient" in found.stdout
    assert "grad_norm" in found.stdout


def test_the_guides_test_passes_and_runs_every_promise(folder: Path) -> None:
    found = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_proxies.py")
    assert found.returncode == 0, found.stdout
    passed = int(re.findall(r"(\d+) passed", found.stdout)[0])
    assert passed > 20


def test_a_proxy_that_breaks_a_promise_fails_the_guides_test(folder: Path) -> None:
    broken = (
        (folder / "my_proxies.py")
        .read_text()
        .replace(
            "    return {\n",
            '    trace[WEIGHT_GRADIENTS].popitem()[1].fill_(float("nan"))\n    return {\n',
        )
        .replace("float(gradient.abs()", "float(torch.rand(()) * gradient.abs()")
    )
    elsewhere = folder / "broken"
    elsewhere.mkdir()
    (elsewhere / "my_proxies.py").write_text(broken)
    (elsewhere / "test_my_proxies.py").write_text((folder / "test_my_proxies.py").read_text())
    found = run(elsewhere, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_proxies.py")
    assert found.returncode == 1
    assert "failed" in found.stdout


def test_the_guides_entry_point_group_is_the_registrys() -> None:
    assert '[project.entry-points."nasproxy.proxies"]' in GUIDE.read_text(encoding="utf-8")
