"""How well each signal tells what people judged good: documents of dclm_human_250.jsonl.

    python benchmarks/dclm_auc.py LABELS.jsonl [--markdown]

The AUC is the probability that a good document scores above a bad one, ties half; below .5 a signal
is read the other way round. Intervals: 95 %, percentile bootstrap over documents, seed 0.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.stats import rankdata

from dataselect.scorers.signals import ALL, SIGNALS

DRAWS = 2000


def auc(values: np.ndarray, good: np.ndarray) -> float:
    """Mann-Whitney: P(score of a good document > score of a bad one), ties half."""
    ranks = rankdata(values)
    n, m = good.sum(), (~good).sum()
    return float((ranks[good].sum() - n * (n + 1) / 2) / (n * m))


def interval(values: np.ndarray, good: np.ndarray) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    drawn = []
    while len(drawn) < DRAWS:
        rows = rng.integers(0, len(good), len(good))
        if good[rows].any() and not good[rows].all():
            drawn.append(auc(values[rows], good[rows]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in arguments.labels.read_text("utf-8").splitlines()]
    good = np.array([int(row["label"]) for row in rows]) == 1
    texts = pa.array([row["text"] for row in rows], pa.large_string())
    scores = SIGNALS.score(pa.RecordBatch.from_arrays([texts], names=["text"]))
    found, parts = [], []
    for signal in ALL:
        column = signal.column
        values = scores.column(column.name).to_numpy(zero_copy_only=False).astype(float)
        there = ~np.isnan(values)
        oriented = values * (column.direction or 1)
        low, high = interval(values[there], good[there])
        found.append((column.name, int(there.sum()), column.direction,
                      auc(values[there], good[there]), low, high))  # fmt: skip
        if column.direction:
            # Ranks over the documents that have the score; the middle where it is missing.
            rank = np.full(len(good), 0.5)
            rank[there] = (rankdata(oriented[there]) - 0.5) / there.sum()
            parts.append(rank)
    total = np.sum(parts, axis=0)
    low, high = interval(total, good)
    found.sort(key=lambda row: -abs(row[3] - 0.5))
    print(f"{len(good)} documents, {good.sum()} good")
    print(
        f"plain sum of {len(parts)} oriented ranks: AUC {auc(total, good):.3f} "
        f"({low:.3f} to {high:.3f})\n"
    )
    bar = "|" if arguments.markdown else " "
    print(f"{bar} signal {bar} documents {bar} declared direction {bar} AUC {bar} 95 % {bar}")
    if arguments.markdown:
        print("|---|---|---|---|---|")
    for name, there, direction, value, least, most in found:
        print(
            f"{bar} {name} {bar} {there} {bar} {direction:+d} {bar} {value:.3f} {bar} "
            f"{least:.3f} to {most:.3f} {bar}"
        )


if __name__ == "__main__":
    main()
