"""How well a trained rater tells what people judged good: documents of dclm_human_250.jsonl.

    python benchmarks/rater_dclm.py LABELS.jsonl [--repeats 20]

Each repeat deals the documents into five folds anew. All that a rater learns (scaling, strength,
weights, calibration) it learns on four of them; the AUC is that of the fifth, averaged over folds
and repeats. The interval is the 95 % percentile bootstrap over documents, drawn alike in all
repeats. Beside it heuristic_cleanliness, which learns nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from dataselect.scorers.heuristics import HEURISTICS
from dataselect.scorers.raters import Features, label
from dataselect.scorers.raters.features import extract
from dataselect.scorers.raters.metrics import auc
from dataselect.scorers.raters.training import cross_validate

DRAWS = 500


def mean_auc(
    good: np.ndarray, runs: list[tuple[np.ndarray, np.ndarray]], times: np.ndarray
) -> float:
    found = []
    for scores, fold in runs:
        for k in np.unique(fold):
            rows = np.repeat(np.flatnonzero(fold == k), times[fold == k])
            found.append(auc(good[rows], scores[rows]))
    return float(np.nanmean(found))


def with_interval(good: np.ndarray, runs: list[tuple[np.ndarray, np.ndarray]]) -> str:
    rng = np.random.default_rng(0)
    once = np.ones(len(good), np.int64)
    drawn = [
        mean_auc(
            good, runs, np.bincount(rng.integers(0, len(good), len(good)), minlength=len(good))
        )
        for _ in range(DRAWS)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{mean_auc(good, runs, once):.4f} ({low:.3f} to {high:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in arguments.labels.read_text("utf-8").splitlines()]
    labelled = label([row["text"] for row in rows], np.array([float(row["label"]) for row in rows]))
    good = labelled.target > 0
    features = Features()
    raw = extract(labelled.texts, features)
    began, runs = time.process_time(), []
    for seed in range(arguments.repeats):
        found = cross_validate(labelled, raw, "logistic", features, folds=5, seed=seed)
        runs.append((found.scores, found.fold))
    each = [mean_auc(good, [run], np.ones(len(good), np.int64)) for run in runs]
    print(f"{len(good)} documents, {good.sum()} good; {arguments.repeats} repeats of 5 folds")
    print(f"trained rater: AUC {with_interval(good, runs)}")
    print(f"  of single repeats: {min(each):.4f} to {max(each):.4f}")
    print(f"  {(time.process_time() - began) / arguments.repeats:.1f} CPU seconds a repeat")
    batch = pa.RecordBatch.from_arrays([labelled.texts], names=["text"])
    scores = HEURISTICS.score(batch).column("heuristic_cleanliness").to_numpy(zero_copy_only=False)
    alone = [(scores[labelled.first], np.zeros(len(good), np.int64))]
    print(f"heuristic_cleanliness: AUC {with_interval(good, alone)}")


if __name__ == "__main__":
    main()
