"""The heuristics against people's labels: the figures that `dataselect scorers` prints."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dataselect.scorers.heuristics import HEURISTICS
from dataselect.scorers.heuristics.agreement import AGREEMENT
from dataselect.scorers.raters.evaluation import metrics_for, scored
from dataselect.scorers.raters.labels import read_labels

DATA = Path(os.environ.get("ZEROCOST_DATA_DIR", "."))


READABILITY = ("clear.parquet", "Excerpt", "BT_easiness")
CLEANLINESS = ("dclm_human_250.jsonl", "text", "label")


@pytest.mark.parametrize(
    ("column", "labels", "metric", "value"),
    [
        ("heuristic_readability", READABILITY, "spearman", 0.598),
        ("heuristic_cleanliness", CLEANLINESS, "auc", 0.810),
    ],
)
def test_agreement_with_people(
    column: str, labels: tuple[str, str, str], metric: str, value: float
) -> None:
    file, text, label = labels
    path = DATA / "labels" / file
    if not path.is_file():
        pytest.skip(f"no {path}: set ZEROCOST_DATA_DIR")
    labelled = read_labels(path, text=(text,), label_column=label)
    scores = scored(HEURISTICS, labelled, column)
    found = metrics_for(labelled, 0.5)[metric](labelled.target, scores)
    assert found == pytest.approx(value, abs=5e-4)
    assert f"{value:.3f}" in AGREEMENT[column]
