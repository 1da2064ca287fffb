"""Which of several networks are better than others in every objective at once."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

__all__ = ["crowding", "fronts_and_crowding", "non_dominated_ranks"]


def non_dominated_ranks(values: Float64[np.ndarray, "n k"]) -> Int64[np.ndarray, " n"]:
    """The front that each point lies on: 0 the Pareto front, 1 the front without it, and so on.

    A point dominates another where it is at least as good in every objective and better in one.
    Equal points share a front.

    Args:
        values: float64 ``[n, k]``, more is better; NaN is worse than every number.

    Returns:
        int64 ``[n]``. O(n^2 k) in time, O(n^2) in memory.

    References:
        Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm:
        NSGA-II", IEEE Transactions on Evolutionary Computation 6(2), 2002, section III.A.
    """
    known = np.where(np.isnan(values), -np.inf, values)
    n, k = known.shape
    if k == 1:  # every value is a front of its own
        return np.unique(-known[:, 0], return_inverse=True)[1].astype(np.int64)
    as_good = np.ones((n, n), dtype=np.bool_)
    better = np.zeros((n, n), dtype=np.bool_)
    for column in known.T:
        as_good &= column[:, None] >= column[None, :]
        better |= column[:, None] > column[None, :]
    dominates = as_good & better
    above = dominates.sum(axis=0)  # how many dominate each
    ranks = np.full(n, -1, dtype=np.int64)
    front = 0
    while (ranks < 0).any():
        here = (above == 0) & (ranks < 0)
        ranks[here] = front
        above = above - dominates[here].sum(axis=0)
        front += 1
    return ranks


def crowding(values: Float64[np.ndarray, "n k"]) -> Float64[np.ndarray, " n"]:
    r"""How alone each point of one front is: the larger, the more it is worth keeping.

    .. math:: d_i = \sum_k \frac{v_k^{(i+1)} - v_k^{(i-1)}}{\max v_k - \min v_k}

    over the neighbours of i in the order of objective k; the ends of an order are infinitely
    alone. An objective that is constant, or has a NaN or an infinity, adds nothing.

    Args:
        values: float64 ``[n, k]``.

    Returns:
        float64 ``[n]``. O(k n log n).

    References:
        Deb and others, NSGA-II, 2002, section III.B.
    """
    n, k = values.shape
    alone = np.zeros(n)
    for objective in range(k):
        column = values[:, objective]
        spread = float(np.ptp(column)) if n else 0.0
        if not np.isfinite(spread) or spread == 0:
            continue
        order = np.argsort(column, kind="stable")
        alone[order[[0, -1]]] = np.inf
        alone[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / spread
    return alone


def fronts_and_crowding(
    values: Float64[np.ndarray, "n k"],
) -> tuple[Int64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """The front of each point, and how alone it is on its front; 0 where there is one objective."""
    fronts = non_dominated_ranks(values)
    alone = np.zeros(len(values))
    if values.shape[1] > 1:
        for front in range(int(fronts.max(initial=-1)) + 1):
            alone[fronts == front] = crowding(values[fronts == front])
    return fronts, alone
