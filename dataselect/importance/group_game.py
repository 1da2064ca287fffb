"""The exact game whose players are groups: a group's documents are present together."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64, Int64, Integer

from dataselect.importance.gradient import (
    Gradient,
    added_up,
    check_k,
    check_values,
    in_threads,
    partitions,
)
from dataselect.importance.retrievals import Retrievals
from zerocost.compiled import compiled

__all__ = ["group_gradient"]


def group_gradient(
    retrievals: Retrievals,
    values: Float[np.ndarray, " groups"],
    *,
    k: int,
    threads: int | None = None,
) -> Gradient:
    r"""The exact gradient where all positions of one player are present or absent together.

    .. math::

        K F_q(v) = \sum_i u_i \, p_{g(i)} \,
        P\Big(c_{g(i)}(i) + \sum_{h \neq g(i)} c_h(i) B_h < K\Big)

    with :math:`c_h(i)` the positions of group h before i and :math:`B_h` independent
    Bernoulli(:math:`v_h`). F is linear in each :math:`v_h`, so that the derivative is the
    difference between the group being there and not.

    Args:
        retrievals: lists whose items are the players: ``retrievals.with_players(group, n)``. Over
            the items themselves this is the exact game in which a repeated item takes all of its
            positions.
        values: float64 ``[players]`` in 0 .. 1.
        k: how many present positions count.
        threads: how many; the result does not depend on it.

    Returns:
        Gradient and objective. O(M G K) operations a query of M positions of G groups: M times
        what independent positions cost.
    """
    check_k(k)
    v = check_values(values, retrievals.n_items)
    chosen = np.arange(retrievals.n_queries, dtype=np.int64)
    parts = partitions(chosen, retrievals.n_items)
    sums = np.zeros((len(parts), retrievals.n_items))
    longest = int(retrievals.lengths.max(initial=0))
    counted = min(k, max(1, longest))

    def add(part: int) -> float:
        return _add_group_gradients(
            retrievals.indptr,
            retrievals.items,
            retrievals.utility,
            parts[part],
            longest,
            counted,
            v,
            sums[part],
        )

    objectives = in_threads(add, len(parts), threads)
    scale = 1.0 / (k * max(1, len(chosen)))
    return Gradient(added_up(sums) * scale, sum(objectives) * scale, np.empty(0))


@compiled
def _add_group_gradients(
    indptr: Int64[np.ndarray, " offsets"],
    items: Integer[np.ndarray, " positions"],
    utility: Float[np.ndarray, " positions"],
    chosen: Int64[np.ndarray, " chosen"],
    longest: int,
    k: int,
    values: Float64[np.ndarray, " groups"],
    gradient: Float64[np.ndarray, " groups"],
) -> float:
    local = np.full(values.shape[0], -1, np.int64)
    player = np.empty(longest, np.int64)
    count = np.zeros(longest, np.int64)
    # upper[g, t]: P(at most t positions of the groups g, g + 1, ... are present).
    upper = np.zeros((longest + 1, k))
    below = np.zeros((longest + 1, k))
    objective = 0.0
    for query in chosen:
        groups = 0
        for i in range(indptr[query], indptr[query + 1]):
            own = local[items[i]]
            if own < 0:
                own = groups
                local[items[i]] = own
                player[own] = items[i]
                count[own] = 0
                groups += 1
            room = k - count[own]
            if room > 0 and utility[i] != 0.0:
                _distributions(player, count, groups, own, k, values, below, upper)
                free = upper[0, room - 1]
                worth = utility[i] * values[items[i]]
                gradient[items[i]] += utility[i] * free
                objective += worth * free
                for other in range(groups):
                    if other != own and count[other] > 0:
                        gradient[player[other]] += worth * (
                            _at_most(below[other], upper[other + 1], room - 1 - count[other])
                            - _at_most(below[other], upper[other + 1], room - 1)
                        )
            count[own] += 1
        for i in range(indptr[query], indptr[query + 1]):
            local[items[i]] = -1
    return objective


@compiled
def _distributions(
    player: Int64[np.ndarray, " longest"],
    count: Int64[np.ndarray, " longest"],
    groups: int,
    own: int,
    k: int,
    values: Float64[np.ndarray, " groups"],
    below: Float64[np.ndarray, "rows k"],
    upper: Float64[np.ndarray, "rows k"],
) -> None:
    # below[g, t]: P(exactly t positions of the groups before g are present); own left out.
    for t in range(k):
        below[0, t] = 1.0 if t == 0 else 0.0
        upper[groups, t] = 1.0
    for g in range(groups):
        p = 0.0 if g == own else values[player[g]]
        for t in range(k):
            shifted = below[g, t - count[g]] if t >= count[g] else 0.0
            below[g + 1, t] = (1.0 - p) * below[g, t] + p * shifted
    for g in range(groups - 1, -1, -1):
        p = 0.0 if g == own else values[player[g]]
        for t in range(k):
            shifted = upper[g + 1, t - count[g]] if t >= count[g] else 0.0
            upper[g, t] = (1.0 - p) * upper[g + 1, t] + p * shifted


@compiled
def _at_most(
    exactly: Float64[np.ndarray, " k"], at_most: Float64[np.ndarray, " k"], most: int
) -> float:
    total = 0.0
    for t in range(most + 1):  # none where most is negative: too many positions
        total += exactly[t] * at_most[most - t]
    return total
