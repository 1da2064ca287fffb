"""How much of a list has to be looked at for a gradient that is wrong by a stated amount."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64, Int64, Integer

from dataselect.importance.gradient import check_k, check_values
from dataselect.importance.retrievals import Retrievals, repeats_of
from zerocost.compiled import compiled

__all__ = ["depths", "query_range"]


def depths(
    retrievals: Retrievals,
    values: Float[np.ndarray, " items"],
    *,
    k: int,
    epsilon: float,
    repeats: Int64[np.ndarray, " queries"] | None = None,
) -> tuple[Int64[np.ndarray, " queries"], Float64[np.ndarray, " queries"]]:
    r"""The shortest start of each list that leaves each item's derivative within ``epsilon``.

    Looking at the first m positions only changes K times the derivative of any position, looked at
    or not, by at most

    .. math:: R \max_i P(\text{fewer than K of the first m positions other than i are present})

    with R the range of utilities and 0: only then does anything behind m count. The greatest of
    these probabilities leaves out the position that is most likely present. It grows as values
    fall, so it is worked out anew at every point. An item at c positions of the list errs by at
    most c times that.

    Args:
        retrievals: the lists.
        values: float64 ``[items]`` in 0 .. 1.
        k: how many present positions count.
        epsilon: the largest error of dF_q/dv_i, for every query and item; above 0.
        repeats: how often each list names its most repeated item, where known.

    Returns:
        How much of each list, int64 ``[queries]``, and the bound on the error there, in units of
        the derivative (0 where the whole list is looked at). O(depth K) a query.
    """
    check_k(k)
    v = check_values(values, retrievals.n_items)
    most = repeats_of(retrievals) if repeats is None else repeats
    unit = query_range(retrievals) / k * np.maximum(most, 1)
    depth = np.empty(retrievals.n_queries, dtype=np.int64)
    tail = np.empty(retrievals.n_queries)
    with np.errstate(divide="ignore"):
        allowed = np.where(unit > 0, epsilon / unit, np.inf)
    _depths(retrievals.indptr, retrievals.items, v, k, allowed, depth, tail)
    return depth, tail * unit


def query_range(retrievals: Retrievals) -> float:
    """The range that the utilities and 0 span: the most that an item can displace or add."""
    utility = retrievals.utility
    return float(utility.max(initial=0.0)) - float(utility.min(initial=0.0))


@compiled
def _depths(
    indptr: Int64[np.ndarray, " offsets"],
    items: Integer[np.ndarray, " positions"],
    values: Float64[np.ndarray, " items"],
    k: int,
    allowed: Float64[np.ndarray, " queries"],
    depth: Int64[np.ndarray, " queries"],
    tail: Float64[np.ndarray, " queries"],
) -> None:
    present = np.zeros(k)
    for query in range(depth.shape[0]):
        begin, end = indptr[query], indptr[query + 1]
        depth[query] = end - begin
        tail[query] = 0.0
        present[:] = 0.0
        present[0] = 1.0
        left_out = -1.0  # the likeliest position so far is held back from the distribution
        for i in range(begin, end):
            p = values[items[i]]
            if left_out < 0.0:
                left_out = p
                continue
            if p > left_out:
                left_out, p = p, left_out
            fewer = 0.0
            for j in range(k - 1, 0, -1):
                present[j] += p * (present[j - 1] - present[j])
                fewer += present[j]
            present[0] -= p * present[0]
            fewer += present[0]
            if fewer <= allowed[query] and i + 1 < end:
                depth[query] = i + 1 - begin
                tail[query] = fewer
                break
