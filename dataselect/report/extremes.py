"""The highest and the lowest documents of each column, found part by part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

__all__ = ["COUNT", "Extremes", "extremes_of", "merge_extremes"]

COUNT = 10


@dataclass(frozen=True)
class Extremes:
    """Places and scores of the highest documents, best first, and of the lowest, worst first.

    Of documents with equal scores the first in the corpus stand first.
    """

    high: Int64[np.ndarray, " high"]
    high_scores: Float64[np.ndarray, " high"]
    low: Int64[np.ndarray, " low"]
    low_scores: Float64[np.ndarray, " low"]


def extremes_of(scores: Float64[np.ndarray, " n"], start: int, *, count: int = COUNT) -> Extremes:
    """Of a part whose first document has the place ``start``; NaN is passed over."""
    places = np.flatnonzero(~np.isnan(scores))
    own = scores[places]
    high, low = _first(-own, count), _first(own, count)
    return Extremes(places[high] + start, own[high], places[low] + start, own[low])


def merge_extremes(first: Extremes, second: Extremes, *, count: int = COUNT) -> Extremes:
    """Of both; the first's documents stand before the second's in the corpus."""
    places = np.concatenate([first.high, second.high])
    scores = np.concatenate([first.high_scores, second.high_scores])
    high = np.argsort(-scores, kind="stable")[:count]
    low_places = np.concatenate([first.low, second.low])
    low_scores = np.concatenate([first.low_scores, second.low_scores])
    low = np.argsort(low_scores, kind="stable")[:count]
    return Extremes(places[high], scores[high], low_places[low], low_scores[low])


def _first(values: Float64[np.ndarray, " n"], count: int) -> Int64[np.ndarray, " count"]:
    """The places of the least values, of equal ones the first."""
    if len(values) > 4 * count:
        bound = np.partition(values, count - 1)[count - 1]
        below = np.flatnonzero(values < bound)
        equal = np.flatnonzero(values == bound)[: count - len(below)]
        near = np.sort(np.concatenate([below, equal]))
    else:
        near = np.arange(len(values))
    order: Int64[np.ndarray, " count"] = near[np.argsort(values[near], kind="stable")][:count]
    return order
