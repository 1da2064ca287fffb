"""Banzhaf, Shapley and leave-one-out values: the gradient of one extension at chosen points."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float64, Int64, Integer

from dataselect.errors import DataselectError
from dataselect.importance.gradient import Gradient, check_k, gradient
from dataselect.importance.retrievals import Retrievals
from zerocost.compiled import compiled

__all__ = ["GradientRule", "banzhaf", "knn_shapley", "leave_one_out", "nodes_needed", "shapley"]


@runtime_checkable
class GradientRule(Protocol):
    """`gradient` (positions are players) or `group_gradient` (a player's positions go together)."""

    def __call__(
        self,
        retrievals: Retrievals,
        values: Float[np.ndarray, " items"],
        *,
        k: int,
        threads: int | None = None,
    ) -> Gradient:
        """The gradient of the game at a point."""
        ...


def banzhaf(
    retrievals: Retrievals, *, k: int, rule: GradientRule = gradient, threads: int | None = None
) -> Float64[np.ndarray, " items"]:
    r"""Banzhaf values, :math:`\partial F(\tfrac12, \dots, \tfrac12)`: one gradient. O(N M K)."""
    half = np.full(retrievals.n_items, 0.5)
    return rule(retrievals, half, k=k, threads=threads).values


def leave_one_out(
    retrievals: Retrievals, *, k: int, rule: GradientRule = gradient, threads: int | None = None
) -> Float64[np.ndarray, " items"]:
    r"""F(all) - F(all but i), :math:`\partial F(1, \dots, 1)`: one gradient. O(N M K)."""
    return rule(retrievals, np.ones(retrievals.n_items), k=k, threads=threads).values


def shapley(
    retrievals: Retrievals,
    *,
    k: int,
    nodes: int | None = None,
    rule: GradientRule = gradient,
    threads: int | None = None,
) -> Float64[np.ndarray, " items"]:
    r"""Shapley values, :math:`\int_0^1 \partial F(t, \dots, t) \, dt`, by Gauss-Legendre.

    For a list of M players the integrand is a polynomial of degree M - 1 in t, which n nodes
    integrate exactly where 2 n - 1 >= M - 1.

    Args:
        retrievals: the lists; over players where ``rule`` is `group_gradient`.
        k: how many present positions count.
        nodes: how many; by default as many as are exact, see `nodes_needed`.
        rule: the game.
        threads: how many.

    Returns:
        float64 ``[items]``. O(nodes N M K); `knn_shapley` is O(N M) where it applies.

    References:
        Owen, "Multilinear extensions of games", Management Science 18 (1972).
    """
    from numpy.polynomial.legendre import leggauss

    count = nodes_needed(retrievals) if nodes is None else nodes
    if count < 1:
        raise DataselectError(f"nodes is {count}", accepted="1 or more")
    points, weights = leggauss(count)
    total = np.zeros(retrievals.n_items)
    for point, weight in zip(points, weights, strict=True):
        at = np.full(retrievals.n_items, (point + 1.0) / 2.0)
        total += weight / 2.0 * rule(retrievals, at, k=k, threads=threads).values
    return total


def nodes_needed(retrievals: Retrievals) -> int:
    """ceil(M / 2) for the longest list: the nodes with which Gauss-Legendre is exact."""
    return max(1, -(-int(retrievals.lengths.max(initial=0)) // 2))


def knn_shapley(retrievals: Retrievals, *, k: int) -> Float64[np.ndarray, " items"]:
    r"""The closed form of the same Shapley values, for positions as players.

    .. math::

        s_M = \frac{u_M}{K} \frac{\min(K, M)}{M}, \quad
        s_i = s_{i+1} + \frac{u_i - u_{i+1}}{K} \frac{\min(K, i)}{i}

    The game is linear in u, so that the published form for 0/1 utilities holds for real ones.

    Args:
        retrievals: the lists; values of positions that name one item are added up.
        k: the neighbours that count.

    Returns:
        float64 ``[items]``, the mean over queries. O(N M).

    References:
        Jia et al., "Efficient task-specific data valuation for nearest neighbor algorithms",
        PVLDB 12 (2019), theorem 1.
    """
    check_k(k)
    total = np.zeros(retrievals.n_items)
    _add_closed_form(retrievals.indptr, retrievals.items, retrievals.utility, k, total)
    return total / max(1, retrievals.n_queries)


@compiled
def _add_closed_form(
    indptr: Int64[np.ndarray, " offsets"],
    items: Integer[np.ndarray, " positions"],
    utility: Float[np.ndarray, " positions"],
    k: int,
    total: Float64[np.ndarray, " items"],
) -> None:
    for query in range(indptr.shape[0] - 1):
        begin, end = indptr[query], indptr[query + 1]
        value = 0.0
        following = 0.0
        for i in range(end - 1, begin - 1, -1):
            rank = float(i - begin + 1)
            # After the last position stands an answer of no worth.
            value += (float(utility[i]) - following) / k * min(float(k), rank) / rank
            following = float(utility[i])
            total[items[i]] += value
