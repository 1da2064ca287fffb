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
) -> Float64[np.ndarray, "2"]:
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
    size = x.shape[0]
    x_weight = np.zeros(size, np.int64)
    y_weight = np.zeros(size, np.int64)
    tree = np.zeros(size + 1, np.int64)
    total = 0
    discordant = 0
    tied_both = 0
    run = 0
    for i in range(size):
        if i > 0 and (x[i] != x[i - 1] or y[i] != y[i - 1]):
            tied_both += run * (run - 1) // 2
            run = 0
        weight = weights[i]
        if weight == 0:
            continue
        run += weight
        x_weight[x[i]] += weight
        y_weight[y[i]] += weight
        node = y[i] + 1
        not_greater = 0
        while node > 0:
            not_greater += tree[node]
            node &= node - 1
        discordant += weight * (total - not_greater)
        node = y[i] + 1
        while node <= size:
            tree[node] += weight
            node += node & -node
        total += weight
    tied_both += run * (run - 1) // 2

    # Average ranks, centred and doubled: twice the rank less (n + 1), an exact integer.
    x_rank = np.zeros(size, np.int64)
    y_rank = np.zeros(size, np.int64)
    tied_x = 0
    tied_y = 0
    below_x = 0
    below_y = 0
    for code in range(size):
        tied_x += x_weight[code] * (x_weight[code] - 1) // 2
        tied_y += y_weight[code] * (y_weight[code] - 1) // 2
        x_rank[code] = 2 * below_x + x_weight[code] - total
        y_rank[code] = 2 * below_y + y_weight[code] - total
        below_x += x_weight[code]
        below_y += y_weight[code]

    pairs = total * (total - 1) // 2
    out = np.full(2, np.nan)
    if pairs == tied_x or pairs == tied_y:
        return out
    excess = pairs - tied_x - tied_y + tied_both - 2 * discordant
    out[0] = excess / math.sqrt(pairs - tied_x) / math.sqrt(pairs - tied_y)
    across = 0.0
    spread_x = 0.0
    spread_y = 0.0
    for i in range(size):
        across += float(weights[i]) * x_rank[x[i]] * y_rank[y[i]]
        spread_x += float(weights[i]) * x_rank[x[i]] * x_rank[x[i]]
        spread_y += float(weights[i]) * y_rank[y[i]] * y_rank[y[i]]
    out[1] = across / math.sqrt(spread_x) / math.sqrt(spread_y)
    return out
