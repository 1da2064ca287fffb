"""Histograms of columns whose range is known from an earlier pass; parts add up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.selection.summary import Summary

__all__ = ["BINS", "Histogram", "add", "empty_histogram"]

BINS = 48
_MOSTLY_ZERO = 0.3
_HEAVY_TAIL = 100.0


@dataclass(frozen=True)
class Histogram:
    """Counts of a column's scores.

    Attributes:
        scale: of the axis.
        edges: of the bins, ascending; a bin holds its lower edge, the last its upper one too.
        counts: in each.
        below: scores under the first edge.
        above: scores over the last.
        zeros: scores of exactly 0 where they are counted apart, because they are many; None where
            they are in the bins.
        at_low: scores equal to the least.
        at_high: scores equal to the greatest.
    """

    scale: Literal["linear", "log"]
    edges: Float64[np.ndarray, " bins_and_one"]
    counts: Int64[np.ndarray, " bins"]
    below: int
    above: int
    zeros: int | None
    at_low: int
    at_high: int


def empty_histogram(summary: Summary, *, whole_numbers: bool, bins: int = BINS) -> Histogram:
    """A histogram without counts, whose bins suit the column.

    The bins span the central 99 % of scores; what lies beyond is counted beside them. A column of
    positive scores whose span is over two orders of magnitude has logarithmic bins; one of few
    whole numbers has a bin for each.

    Args:
        summary: of the column.
        whole_numbers: whether it holds nothing else.
        bins: at the most.
    """
    none = np.zeros(0, dtype=np.int64)
    if not summary.count:
        return Histogram("linear", np.array([0.0]), none, 0, 0, None, 0, 0)
    values, weights = summary.sketch.weighted()
    finite = np.isfinite(values)
    values, weights = values[finite], weights[finite]
    share = float(weights[values == 0].sum() / weights.sum())
    apart = _MOSTLY_ZERO < share < 1
    if apart:
        values, weights = values[values != 0], weights[values != 0]
    at = np.searchsorted(np.cumsum(weights), np.array([0.005, 0.995]) * weights.sum())
    low, high = values[np.minimum(at, len(values) - 1)].tolist()
    if whole_numbers and high - low < bins:
        edges = np.arange(round(low), round(high) + 2) - 0.5
        scale: Literal["linear", "log"] = "linear"
    elif low > 0 and high / low > _HEAVY_TAIL:
        edges, scale = np.geomspace(low, high, bins + 1), "log"
        if whole_numbers:  # no bin between two of them
            edges[-1] += 1
            edges = np.unique(np.round(edges)) - 0.5
    else:
        high = high if high > low else low + max(abs(low), 1.0) * 1e-3
        edges, scale = np.linspace(low, high, bins + 1), "linear"
    return Histogram(
        scale, edges, np.zeros(len(edges) - 1, dtype=np.int64), 0, 0, 0 if apart else None, 0, 0
    )


def add(
    histogram: Histogram, scores: Float64[np.ndarray, " n"], *, low: float, high: float
) -> Histogram:
    """The histogram with more scores; NaN is passed over.

    Args:
        low: the least finite score of the whole column.
        high: the greatest.
    """
    if not len(histogram.counts):
        return histogram
    there = scores[~np.isnan(scores)]
    at_low, at_high = int((there == low).sum()), int((there == high).sum())
    zeros = histogram.zeros
    if zeros is not None:
        zeros += int((there == 0).sum())
        there = there[there != 0]
    edges = histogram.edges
    at = np.searchsorted(edges, there, side="right") - 1
    at[there == edges[-1]] = len(edges) - 2
    inside = (at >= 0) & (at < len(edges) - 1)
    return replace(
        histogram,
        counts=histogram.counts + np.bincount(at[inside], minlength=len(edges) - 1),
        below=histogram.below + int((at < 0).sum()),
        above=histogram.above + int((at >= len(edges) - 1).sum()),
        zeros=zeros,
        at_low=histogram.at_low + at_low,
        at_high=histogram.at_high + at_high,
    )
