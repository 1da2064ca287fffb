"""Kendall's tau and Spearman's rho of weighted pairs, in one pass over sorted pairs."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from zerocost.compiled import compiled

__all__ = ["SortedPairs", "sorted_pairs", "tau_and_rho"]


class SortedPairs(NamedTuple):
    """Pairs in ascending order of x, then of y, as dense codes: 0 for the smallest value.

    Attributes:
        x: int64 ``[n]``, ascending.
        y: int64 ``[n]``.
        order: int64 ``[n]``, where each sorted pair stood before.
    """

    x: Int64[np.ndarray, " n"]
    y: Int64[np.ndarray, " n"]
    order: Int64[np.ndarray, " n"]


def sorted_pairs(x: Float64[np.ndarray, " n"], y: Float64[np.ndarray, " n"]) -> SortedPairs:
    """Sort pairs once, for any number of weightings.

    Args:
        x: float64 ``[n]``, no NaN.
        y: float64 ``[n]``, no NaN.

    Returns:
        The pairs as codes. O(n log n).
    """
    x_codes = np.unique(x, return_inverse=True)[1].astype(np.int64)
    y_codes = np.unique(y, return_inverse=True)[1].astype(np.int64)
    order = np.lexsort((y_codes, x_codes)).astype(np.int64)
    return SortedPairs(x_codes[order], y_codes[order], order)


@compiled
def tau_and_rho(
    x: Int64[np.ndarray, " n"], y: Int64[np.ndarray, " n"], weights: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, " 2"]:
    r"""Kendall's tau_b and Spearman's rho, where pair i is there ``weights[i]`` times.

    .. math:: \tau_b = \frac{C - D}{\sqrt{(n_0 - n_1)(n_0 - n_2)}}

    with C and D the concordant and discordant pairs of pairs, :math:`n_0 = n(n-1)/2`, and
    :math:`n_1, n_2` those tied in x and in y. rho is the correlation of the average ranks.
    All counts are exact integers; a bootstrap resample is a weighting, so it needs no sorting.

    Args:
        x: int64 codes ``[n]`` in ``0 .. n - 1``, ascending.
        y: int64 codes ``[n]`` in ``0 .. n - 1``, ascending among equal x.
        weights: int64 counts ``[n]``, 0 or more.

    Returns:
        ``[tau_b, rho]``, both NaN where x or y is constant. O(n log n), O(n) memory.

    References:
        Kendall, "The treatment of ties in ranking problems", Biometrika 33 (1945).
        Knight, "A computer method for calculating Kendall's tau with ungrouped data", JASA 61
        (1966): tau from inversions. Fenwick, "A new data structure for cumulative frequency
        tables", Software: Practice and Experience 24 (1994): the counter of inversions.
    """
    x_weight = np.zeros(x.shape[0], np.int64)
    y_weight = np.zeros(x.shape[0], np.int64)
    total = 0
    tied_both = 0
    run = 0
    for i in range(x.shape[0]):
        if i > 0 and (x[i] != x[i - 1] or y[i] != y[i - 1]):
            tied_both += run * (run - 1) // 2
            run = 0
        run += weights[i]
        total += weights[i]
        x_weight[x[i]] += weights[i]
        y_weight[y[i]] += weights[i]
    tied_both += run * (run - 1) // 2

    x_rank, tied_x = _centred_ranks(x_weight, total)
    y_rank, tied_y = _centred_ranks(y_weight, total)
    pairs = total * (total - 1) // 2
    out = np.full(2, np.nan)
    if pairs in (tied_x, tied_y):
        return out
    excess = pairs - tied_x - tied_y + tied_both - 2 * _inversions(y, weights)
    # The square root of a rounded square is exact: equal orders give 1, not nearly 1.
    out[0] = excess / math.sqrt(float(pairs - tied_x) * float(pairs - tied_y))
    across = 0.0
    spread_x = 0.0
    spread_y = 0.0
    for i in range(x.shape[0]):
        across += float(weights[i]) * x_rank[x[i]] * y_rank[y[i]]
        spread_x += float(weights[i]) * x_rank[x[i]] * x_rank[x[i]]
        spread_y += float(weights[i]) * y_rank[y[i]] * y_rank[y[i]]
    out[1] = across / math.sqrt(spread_x * spread_y)
    return out


@compiled
def _inversions(y: Int64[np.ndarray, " n"], weights: Int64[np.ndarray, " n"]) -> int:
    # Equal x stand in ascending y, so that pairs tied in x are no inversions.
    tree = np.zeros(y.shape[0] + 1, np.int64)
    inversions = 0
    before = 0
    for i in range(y.shape[0]):
        if weights[i] == 0:
            continue
        node = y[i] + 1
        not_greater = 0
        while node > 0:
            not_greater += tree[node]
            node &= node - 1
        inversions += weights[i] * (before - not_greater)
        node = y[i] + 1
        while node < tree.shape[0]:
            tree[node] += weights[i]
            node += node & -node
        before += weights[i]
    return inversions


@compiled
def _centred_ranks(
    counts: Int64[np.ndarray, " n"], total: int
) -> tuple[Int64[np.ndarray, " n"], int]:
    # Twice the average rank less (total + 1): an exact integer with mean 0.
    ranks = np.empty(counts.shape[0], np.int64)
    tied = 0
    below = 0
    for code in range(counts.shape[0]):
        ranks[code] = 2 * below + counts[code] - total
        tied += counts[code] * (counts[code] - 1) // 2
        below += counts[code]
    return ranks, tied
