"""The exact gradient of the multilinear extension, many queries at a time in vector lanes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64, Int64, Integer

from zerocost.compiled import compiled

__all__ = ["BLOCK", "LANES", "add_gradients"]

LANES = 32
"""Queries that go through the recurrences together: four 512-bit registers of float64.

Fewer lose to the checks around each vector loop; with more, the cells of the items of one batch no
longer stay in the second-level cache beside the probabilities.
"""

BLOCK = 128
"""Positions whose probabilities are kept at a time; longer lists are walked block by block."""


@compiled
def add_gradients(
    indptr: Int64[np.ndarray, " offsets"],
    items: Integer[np.ndarray, " positions"],
    utility: Float[np.ndarray, " positions"],
    depth: Int64[np.ndarray, " queries"],
    chosen: Int64[np.ndarray, " chosen"],
    k: int,
    cells: Float64[np.ndarray, "items 2"],
    squares: Float64[np.ndarray, " squared"],
) -> float:
    r"""Add K dF_q/dv of every chosen query to the cells; return the sum of K F_q.

    With :math:`A_j(i)` the probability that exactly j of the positions before i are present and
    :math:`X_r(i)` the expected utility of the r-th present position from i on (0 where there is
    none),

    .. math::

        A_j(i+1) &= A_j(i) + p_i (A_{j-1}(i) - A_j(i)) \\
        X_r(i) &= X_r(i+1) + p_i (X_{r-1}(i+1) - X_r(i+1)), \quad X_0(i+1) := u_i \\
        K \, \partial F_q / \partial p_i &= \sum_{j<K} A_j(i) (u_i - X_{K-j}(i+1)), \quad
        K F_q = \sum_{r=1}^{K} X_r(1)

    Args:
        indptr: where each query's list begins in ``items``; ``[queries + 1]``.
        items: int32 or int64 ``[positions]`` in ``0 .. items - 1``, best rank first.
        utility: float32 or float64 ``[positions]``.
        depth: how many positions of each query's list are looked at.
        chosen: the queries to add, by index; neighbours share registers and should be of one
            length.
        k: how many present positions count.
        cells: float64 ``[items, 2]``, of each item the probability to be present, in 0 .. 1, and
            the gradient, which is added to. Side by side, because one cache line then serves both.
        squares: float64 ``[items]``, the squares of the positions' gradients are added to it; or
            empty.

    Returns:
        The sum over the chosen queries of K F_q. O(M K) a query; memory O(K (sqrt(M) + 128)).
    """
    longest = 0
    for query in chosen:
        longest = max(longest, depth[query])
    # Walking back needs the probabilities of every position. Short lists keep them all, near the
    # core; long ones keep those where a block begins and work each block out anew.
    block = max(BLOCK, int(np.ceil(np.sqrt(float(longest)))))
    starts = np.zeros((longest // block + 1, k, LANES))
    before = np.zeros((min(block, longest) + 1, k, LANES))
    after = np.zeros((k, LANES))
    p = np.zeros((min(block, longest), LANES))
    u = np.zeros((min(block, longest), LANES))
    found = np.zeros((min(block, longest), LANES))
    objective = 0.0
    for first in range(0, chosen.shape[0], LANES):
        batch = chosen[first : first + LANES]
        length = 0
        for query in batch:
            length = max(length, depth[query])
        before[0] = 0.0
        before[0, 0] = 1.0
        after[:] = 0.0
        blocks = (length + block - 1) // block
        for b in range(blocks):
            if b > 0:
                before[0] = before[block]
            starts[b] = before[0]
            high = min(length, (b + 1) * block)
            rows = high - b * block
            _gather(indptr, items, utility, depth, batch, cells, b * block, p[:rows], u[:rows])
            _walk_down(p[:rows], before)
        for b in range(blocks - 1, -1, -1):
            high = min(length, (b + 1) * block)
            rows = high - b * block
            if b < blocks - 1:
                before[0] = starts[b]
                _gather(indptr, items, utility, depth, batch, cells, b * block, p[:rows], u[:rows])
                _walk_down(p[:rows], before)
            _walk_up(p[:rows], u[:rows], before, after, found[:rows])
            _scatter(indptr, items, depth, batch, b * block, found[:rows], cells, squares)
        for j in range(k):
            for lane in range(batch.shape[0]):
                objective += after[j, lane]
    return objective


@compiled
def _gather(
    indptr: Int64[np.ndarray, " offsets"],
    items: Integer[np.ndarray, " positions"],
    utility: Float[np.ndarray, " positions"],
    depth: Int64[np.ndarray, " queries"],
    batch: Int64[np.ndarray, " batch"],
    cells: Float64[np.ndarray, "items 2"],
    low: int,
    p: Float64[np.ndarray, "block lanes"],
    u: Float64[np.ndarray, "block lanes"],
) -> None:
    for lane in range(LANES):
        rows = 0
        if lane < batch.shape[0]:
            query = batch[lane]
            begin = indptr[query] + low
            rows = min(p.shape[0], max(0, depth[query] - low))
            for i in range(rows):
                p[i, lane] = cells[items[begin + i], 0]
                u[i, lane] = utility[begin + i]
        for i in range(rows, p.shape[0]):  # a position that is never present changes nothing
            p[i, lane] = 0.0
            u[i, lane] = 0.0


@compiled
def _scatter(
    indptr: Int64[np.ndarray, " offsets"],
    items: Integer[np.ndarray, " positions"],
    depth: Int64[np.ndarray, " queries"],
    batch: Int64[np.ndarray, " batch"],
    low: int,
    found: Float64[np.ndarray, "block lanes"],
    cells: Float64[np.ndarray, "items 2"],
    squares: Float64[np.ndarray, " squared"],
) -> None:
    for lane in range(batch.shape[0]):
        query = batch[lane]
        begin = indptr[query] + low
        rows = min(found.shape[0], max(0, depth[query] - low))
        for i in range(rows):
            cells[items[begin + i], 1] += found[i, lane]
        if squares.shape[0] > 0:
            for i in range(rows):
                squares[items[begin + i]] += found[i, lane] * found[i, lane]


@compiled
def _walk_down(
    p: Float64[np.ndarray, "block lanes"], before: Float64[np.ndarray, "rows k lanes"]
) -> None:
    k = before.shape[1]
    for i in range(p.shape[0]):
        for lane in range(LANES):
            before[i + 1, 0, lane] = before[i, 0, lane] - p[i, lane] * before[i, 0, lane]
        # Three ranks at a time share what they load, and the checks around each vector loop.
        for j in range(1, k - 2, 3):
            for lane in range(LANES):
                q = p[i, lane]
                b0, b1 = before[i, j - 1, lane], before[i, j, lane]
                b2, b3 = before[i, j + 1, lane], before[i, j + 2, lane]
                before[i + 1, j, lane] = b1 + q * (b0 - b1)
                before[i + 1, j + 1, lane] = b2 + q * (b1 - b2)
                before[i + 1, j + 2, lane] = b3 + q * (b2 - b3)
        for j in range(k - (k - 1) % 3, k):
            for lane in range(LANES):
                stays = before[i, j, lane]
                before[i + 1, j, lane] = stays + p[i, lane] * (before[i, j - 1, lane] - stays)


@compiled
def _walk_up(
    p: Float64[np.ndarray, "block lanes"],
    u: Float64[np.ndarray, "block lanes"],
    before: Float64[np.ndarray, "rows k lanes"],
    after: Float64[np.ndarray, "k lanes"],
    found: Float64[np.ndarray, "block lanes"],
) -> None:
    k = after.shape[0]
    left = (k - 1) % 3
    for i in range(p.shape[0] - 1, -1, -1):
        for lane in range(LANES):
            found[i, lane] = before[i, k - 1, lane] * (u[i, lane] - after[0, lane])
        for r in range(1, k - 2, 3):
            for lane in range(LANES):
                gain = u[i, lane]
                found[i, lane] += (
                    before[i, k - 1 - r, lane] * (gain - after[r, lane])
                    + before[i, k - 2 - r, lane] * (gain - after[r + 1, lane])
                    + before[i, k - 3 - r, lane] * (gain - after[r + 2, lane])
                )
        for r in range(k - left, k):
            for lane in range(LANES):
                found[i, lane] += before[i, k - 1 - r, lane] * (u[i, lane] - after[r, lane])
        for r in range(k - 1, left, -3):
            for lane in range(LANES):
                q = p[i, lane]
                x0, x1 = after[r - 3, lane], after[r - 2, lane]
                x2, x3 = after[r - 1, lane], after[r, lane]
                after[r, lane] = x3 + q * (x2 - x3)
                after[r - 1, lane] = x2 + q * (x1 - x2)
                after[r - 2, lane] = x1 + q * (x0 - x1)
        for r in range(left, 0, -1):
            for lane in range(LANES):
                after[r, lane] += p[i, lane] * (after[r - 1, lane] - after[r, lane])
        for lane in range(LANES):
            after[0, lane] += p[i, lane] * (u[i, lane] - after[0, lane])
