"""How well scores agree with labels, each with an interval from a bootstrap over documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

__all__ = ["Interval", "Metric", "auc", "f1", "measured", "spearman"]

DRAWS = 1000
"""Samples of a bootstrap."""

Metric = Callable[[np.ndarray, np.ndarray], float]
"""From labels and scores to one number; NaN where it is not defined."""


@dataclass(frozen=True)
class Interval:
    """A value with its percentile bootstrap interval of 95 %."""

    value: float
    low: float
    high: float


def spearman(labels: Float64[np.ndarray, " rows"], scores: Float64[np.ndarray, " rows"]) -> float:
    """Spearman's rank correlation: Pearson's of mid-ranks."""
    a, b = _centred(labels), _centred(scores)
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length > 0 else float("nan")


def auc(good: Bool[np.ndarray, " rows"], scores: Float64[np.ndarray, " rows"]) -> float:
    """P(score of a good document > score of a bad one), ties half (Mann and Whitney 1947)."""
    good = good.astype(bool)
    n, m = int(good.sum()), int((~good).sum())
    if n == 0 or m == 0:
        return float("nan")
    return float((_ranks(scores)[good].sum() - n * (n + 1) / 2) / (n * m))


def f1(good: Bool[np.ndarray, " rows"], chosen: Bool[np.ndarray, " rows"]) -> float:
    """2 hits / (2 hits + false alarms + misses); 0 where there is no hit."""
    hits = int((good & chosen).sum())
    wrong = int((good ^ chosen).sum())
    return 2 * hits / (2 * hits + wrong) if hits + wrong else float("nan")


def measured(
    labels: Float64[np.ndarray, " rows"],
    scores: Float64[np.ndarray, " rows"],
    metrics: Mapping[str, Metric],
    *,
    fold: np.ndarray | None = None,
    seed: int = 0,
) -> dict[str, Interval]:
    """Metrics with intervals.

    Args:
        labels: of the documents.
        scores: of the documents.
        metrics: by name.
        fold: where scores are of several models, the fold of each document: a metric is then the
            mean over folds, and documents are drawn within them.
        seed: of the bootstrap.

    Returns:
        The metrics that are defined.
    """
    rng = np.random.default_rng(seed)
    fold = np.zeros(len(labels), np.int64) if fold is None else fold
    parts = [np.flatnonzero(fold == k) for k in np.unique(fold) if k >= 0]
    found = {}
    drawn = [[part[rng.integers(0, len(part), len(part))] for part in parts] for _ in range(DRAWS)]
    for name, metric in metrics.items():
        value = _mean(metric, labels, scores, parts)
        if np.isnan(value):
            continue
        draws = np.array([_mean(metric, labels, scores, rows) for rows in drawn])
        low, high = np.nanquantile(draws, [0.025, 0.975])
        found[name] = Interval(value, float(low), float(high))
    return found


def _mean(metric: Metric, labels: np.ndarray, scores: np.ndarray, parts: list[np.ndarray]) -> float:
    return float(np.mean([metric(labels[part], scores[part]) for part in parts]))


def _ranks(values: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values))


def _centred(values: np.ndarray) -> np.ndarray:
    ranks = _ranks(values)
    return np.asarray(ranks - ranks.mean())
