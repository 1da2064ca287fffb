"""dataselect rater, as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataselect.scores import open_scores

Command = Callable[..., Any]
GOOD = ("a careful account of the method", "the result follows from the premise")
BAD = ("BUY NOW click here", "login | cart | cheap")
SMALL = ("--bits", "10", "--signals", "none")


@pytest.fixture(name="labels")
def _labels(here: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for k in range(60):
        good = int(rng.integers(0, 2))
        text = f"{k} {(GOOD if good else BAD)[int(rng.integers(0, 2))]}."
        rows.append(json.dumps({"text": text, "label": good, "quality": good * 5}))
    (here / "labels.jsonl").write_text("\n".join(rows))
    return here / "labels.jsonl"


def test_train_evaluate_score(labels: Path, here: Path, dataselect: Command) -> None:
    trained = dataselect("rater", "train", "labels.jsonl", "--out", "good.safetensors", *SMALL)
    assert trained.code == 0, trained.err
    assert "60 labels of 60 documents, loss logistic" in trained.out
    assert "auc" in trained.out
    described = json.loads((here / "good.json").read_text())
    assert described["manifest"]["inputs"][0]["path"] == "labels.jsonl"
    assert described["training"]["held_out"]["auc"]["value"] > 0.9
    again = dataselect("rater", "train", "labels.jsonl", "--out", "good.safetensors", *SMALL)
    assert again.code == 2
    assert "--overwrite" in again.err

    machine = dataselect("rater", "evaluate", "good.safetensors", "labels.jsonl", "--json")
    assert machine.code == 0, machine.err
    found = json.loads(machine.out)
    assert found["column"] == "good"
    assert found["metrics"]["auc"]["low"] <= found["metrics"]["auc"]["value"] <= 1
    assert len(found["worst"]) == 10
    shown = dataselect("rater", "evaluate", "good.safetensors", "labels.jsonl", "--worst", 2)
    assert "Ranked most differently" in shown.out

    scored = dataselect(
        "score", "labels.jsonl", "--out", "scores", "--scorers", "heuristics,rater:good.safetensors"
    )
    assert scored.code == 0, scored.err
    table = open_scores("scores")
    assert "good" in str(table.columns)


def test_json_of_training_and_a_heuristic(labels: Path, dataselect: Command) -> None:
    trained = dataselect(
        "rater", "train", "labels.jsonl", "--out", "q.safetensors", "--label", "quality",
        "--loss", "ridge", "--no-check", "--json", *SMALL,
    )  # fmt: skip
    assert trained.code == 0, trained.err
    assert json.loads(trained.out)["loss"] == "ridge"
    named = ("--column", "heuristic_cleanliness", "--json")
    found = dataselect("rater", "evaluate", "heuristics", "labels.jsonl", *named)
    assert found.code == 0, found.err
    assert json.loads(found.out)["rows"] == 60


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("train", "none.jsonl", "--out", "x.safetensors"), "cannot be read"),
        (("train", "labels.jsonl", "--out", "x.pt"), "ends with .safetensors"),
        (("train", "labels.jsonl", "--out", "no/x.safetensors"), "mkdir -p no"),
        (("train", "labels.jsonl", "--out", "x.safetensors", "--label", "labl"), "did you mean"),
        (("train", "one.jsonl", "--out", "x.safetensors"), "all 30 labels are 1"),
        (("train", "empty.jsonl", "--out", "x.safetensors"), "holds no labels"),
        (("train", "labels.jsonl", "--out", "x.safetensors", "--loss", "pairwise"), "two texts"),
        (("evaluate", "none.safetensors", "labels.jsonl"), "cannot be read"),
        (("evaluate", "labels.jsonl", "labels.jsonl"), "no scorer named"),
        (("evaluate", "heuristics", "labels.jsonl"), "none is named"),
    ],
)
def test_wrong_input_is_explained(
    labels: Path, here: Path, dataselect: Command, arguments: tuple[str, ...], wrong: str
) -> None:
    (here / "one.jsonl").write_text('{"text": "a", "label": 1}\n' * 30)
    (here / "empty.jsonl").write_text("")
    found = dataselect("rater", *arguments)
    assert found.code == 2
    assert wrong in found.err
    assert "Traceback" not in found.err
    assert not (here / "x.safetensors").exists()
