"""A gradient from some of the queries, with a bound on its error that holds for every item."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.errors import DataselectError
from dataselect.importance.gradient import Gradient, gradient
from dataselect.importance.retrievals import Retrievals

__all__ = ["Sampled", "Sampling", "hoeffding_size", "sampled_gradient"]

Sampling = Literal["none", "hoeffding", "bernstein"]

FIRST_STAGE = 1024


@dataclass(frozen=True)
class Sampled:
    """A gradient and how good it is.

    Attributes:
        gradient: of the queries drawn.
        queries: how many were drawn, with replacement; all of them, once each, where drawing would
            not have been cheaper.
        bound: with probability 1 - delta no item's derivative is further off than this; 0 where
            all queries were looked at.
    """

    gradient: Gradient
    queries: int
    bound: float


def hoeffding_size(*, half_range: float, epsilon: float, delta: float, items: int) -> int:
    r"""How many draws bound every item's error by ``epsilon`` with probability 1 - ``delta``.

    .. math:: m = \lceil 2 b^2 \ln(2 n / \delta) / \epsilon^2 \rceil

    for terms in [-b, b] and n items. Hoeffding, "Probability inequalities for sums of bounded
    random variables", JASA 58 (1963), theorem 2, and a union bound over the items.
    """
    return math.ceil(2 * half_range**2 * math.log(2 * max(1, items) / delta) / epsilon**2)


def sampled_gradient(
    retrievals: Retrievals,
    values: Float64[np.ndarray, " items"],
    *,
    k: int,
    epsilon: float,
    delta: float,
    sampling: Sampling,
    half_range: float,
    items: int,
    repeats: int,
    rng: np.random.Generator,
    depth: Int64[np.ndarray, " queries"] | None = None,
    threads: int | None = None,
) -> Sampled:
    r"""The gradient of F within ``epsilon`` for all items at once, with probability 1 - ``delta``.

    ``hoeffding`` draws `hoeffding_size` queries. ``bernstein`` draws in stages, each doubling what
    there is, until

    .. math:: \sqrt{2 V_i \ln(4 / \delta') / m} + \frac{14 b \ln(4 / \delta')}{3 (m - 1)}
        \le \epsilon

    for every item i, with :math:`V_i` the variance of its terms in the sample and
    :math:`\delta' = \delta / (n s (s + 1))` in stage s: items that few queries retrieve need far
    fewer draws. Both stop where m reaches the number of queries, and take each of them once.

    Args:
        retrievals: the lists.
        values: float64 ``[items]`` in 0 .. 1.
        k: how many present positions count.
        epsilon: above 0; on the derivative of F, which is at most 1/K for utilities in 0 .. 1.
        delta: in 0 .. 1.
        sampling: the bound to use.
        half_range: b, the largest derivative that one query can give one item.
        items: n, how many items any list names.
        repeats: how often a list names one item, at most.
        rng: draws the queries.
        depth: how much of each list is looked at; all by default.
        threads: how many.

    References:
        Maurer and Pontil, "Empirical Bernstein bounds and sample-variance penalization", COLT
        2009, theorem 4.
    """
    total = retrievals.n_queries
    wanted = hoeffding_size(half_range=half_range, epsilon=epsilon, delta=delta, items=items)
    if sampling == "hoeffding":
        if wanted >= total:
            return _whole(retrievals, values, k=k, depth=depth, threads=threads)
        drawn = rng.integers(0, total, size=wanted)
        found = gradient(retrievals, values, k=k, depth=depth, queries=drawn, threads=threads)
        return Sampled(found, wanted, epsilon)
    if sampling != "bernstein":
        raise DataselectError(f"sampling is {sampling!r}", accepted="none, hoeffding or bernstein")
    draws = 0
    sums = np.zeros(retrievals.n_items)
    squares = np.zeros(retrievals.n_items)
    objective = 0.0
    stage = 0
    while True:
        stage += 1
        more = max(FIRST_STAGE, draws)
        if draws + more >= total:
            return _whole(retrievals, values, k=k, depth=depth, threads=threads)
        drawn = rng.integers(0, total, size=more)
        part = gradient(
            retrievals, values, k=k, depth=depth, queries=drawn, squares=True, threads=threads
        )
        draws += more
        sums += part.values * more
        objective += part.objective * more
        # A query's term for an item adds up at most `repeats` positions: Cauchy-Schwarz.
        squares += part.squares * (repeats / k**2)
        mean = sums / draws
        variance = np.maximum(0.0, squares - draws * mean**2) / (draws - 1)
        log = math.log(4 * max(1, items) * stage * (stage + 1) / delta)
        widest = math.sqrt(2 * float(variance.max(initial=0.0)) * log / draws)
        bound = widest + 14 * half_range * log / (3 * (draws - 1))
        if bound <= epsilon:
            return Sampled(Gradient(mean, objective / draws, np.empty(0)), draws, bound)


def _whole(
    retrievals: Retrievals,
    values: Float64[np.ndarray, " items"],
    *,
    k: int,
    depth: Int64[np.ndarray, " queries"] | None,
    threads: int | None,
) -> Sampled:
    found = gradient(retrievals, values, k=k, depth=depth, threads=threads)
    return Sampled(found, retrievals.n_queries, 0.0)
