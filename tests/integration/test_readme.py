"""What the README says can be typed, works."""

import re
import shlex
from pathlib import Path

import pytest
import torch
from torch import nn

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_of_the_readme_runs() -> None:
    code, _ = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.ReLU(), nn.Linear(16, 10))
    given = {"model": model, "images": torch.randn(8, 3, 4, 4), "labels": torch.arange(8)}
    exec(code, given)
    assert isinstance(given["model"], nn.Module)
    assert len(given["scores"]["snip"].nodes) == 2


def test_the_three_lines_in_a_training_loop_run() -> None:
    _, code = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    losses = torch.rand(8, requires_grad=True)
    exec(code, {"per_sample_losses": losses})
    assert losses.grad is not None
    assert (losses.grad > 0).all()


def test_the_main_command_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from zerocost_cli.nasproxy.main import main

    (line,) = re.findall(r"bin/nasproxy (search .*)$", README, flags=re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    main(
        [*shlex.split(line), "--budget", "3", "--batch-size", "4"],
        standalone_mode=False,
    )
    out = capsys.readouterr().out
    assert "3 networks scored" in out
    assert "Best of the benchmark: 94.07 %" in out
    assert (tmp_path / "runs" / "digits" / "best_so_far.png").exists()


def test_the_printed_output_is_that_of_the_command() -> None:
    (line,) = re.findall(r"bin/nasproxy (search .*)$", README, flags=re.MULTILINE)
    budget = re.findall(r"--budget (\d+)", line)[0]
    assert f"{budget} networks scored of" in README
    assert (ROOT / "docs" / "images" / "best_so_far.png").exists()


def test_both_set_up_commands_are_constrained() -> None:
    commands = re.findall(r"^python3 -m venv .*$", README, flags=re.MULTILINE)
    assert len(commands) == 2
    assert all("-c constraints.txt" in command for command in commands)
