"""The (epsilon, delta) approximation: what the user states, and what was used for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from dataselect.importance.gradient import Gradient, gradient
from dataselect.importance.retrievals import Retrievals, repeats_of
from dataselect.importance.sampling import Sampling, sampled_gradient
from dataselect.importance.truncation import depths, query_range

__all__ = ["Approximation", "Used", "approximate_gradients"]


@dataclass(frozen=True)
class Approximation:
    r"""What is asked: at every epoch, :math:`P(\max_i |\hat g_i - g_i| > \epsilon) \le \delta`
    over all epochs together.

    Without sampling all of epsilon goes to the truncation of the lists, and the bound holds with
    certainty; with it, half to each, and delta is shared equally by the epochs.

    Attributes:
        epsilon: the largest error of any item's derivative of F, above 0. For utilities in 0 .. 1
            derivatives are within 1/K.
        delta: the probability that the bound fails in any epoch, in 0 .. 1; not used without
            sampling.
        sampling: none, hoeffding or bernstein.
    """

    epsilon: float
    delta: float = 0.05
    sampling: Sampling = "none"

    def __post_init__(self) -> None:
        if not 0 < self.epsilon < np.inf:
            raise DataselectError(f"epsilon is {self.epsilon}", accepted="a number above 0")
        if not 0 < self.delta < 1:
            raise DataselectError(f"delta is {self.delta}", accepted="between 0 and 1")
        if self.sampling not in ("none", "hoeffding", "bernstein"):
            raise DataselectError(
                f"sampling is {self.sampling!r}", accepted="none, hoeffding or bernstein"
            )


@dataclass(frozen=True)
class Used:
    """What one epoch took.

    Attributes:
        mean_depth: positions looked at a query, on average.
        deepest: positions looked at in the query where it was most.
        truncation_bound: on the error of any item's derivative, the mean over queries.
        queries: how many were looked at.
        sampling_bound: on the error of any item's derivative, with the probability asked.
    """

    mean_depth: float
    deepest: int
    truncation_bound: float
    queries: int
    sampling_bound: float


def approximate_gradients(
    retrievals: Retrievals,
    asked: Approximation,
    *,
    k: int,
    epochs: int,
    seed: int,
    threads: int | None = None,
) -> Callable[[Float64[np.ndarray, " items"], int], tuple[Gradient, Used]]:
    """A function from a point and an epoch to the approximate gradient there.

    Depths are worked out anew at every point, so that lists are deepened where the bound would be
    missed. Queries are drawn anew in every epoch, by the seed and the epoch alone, so that the
    bound holds at points that depend on earlier draws, and an interrupted run goes on alike.

    Args:
        retrievals: the lists.
        asked: epsilon, delta, sampling.
        k: how many present positions count.
        epochs: how many gradients will be asked for at the most; delta is shared among them.
        seed: of the draws.
        threads: how many.
    """
    repeats = repeats_of(retrievals)
    most = int(repeats.max(initial=1))
    half_range = query_range(retrievals) * max(1, most) / k
    items = int(np.count_nonzero(retrievals.times_retrieved()))
    sampled = asked.sampling != "none"
    share = asked.epsilon / 2 if sampled else asked.epsilon

    def at(values: Float64[np.ndarray, " items"], epoch: int) -> tuple[Gradient, Used]:
        depth, errors = depths(retrievals, values, k=k, epsilon=share, repeats=repeats)
        queries, bound = retrievals.n_queries, 0.0
        if sampled:
            drawn = sampled_gradient(
                retrievals,
                values,
                k=k,
                epsilon=share,
                delta=asked.delta / epochs,
                sampling=asked.sampling,
                half_range=half_range,
                items=items,
                repeats=max(1, most),
                rng=np.random.default_rng([seed, epoch]),
                depth=depth,
                threads=threads,
            )
            found, queries, bound = drawn.gradient, drawn.queries, drawn.bound
        else:
            found = gradient(retrievals, values, k=k, depth=depth, threads=threads)
        used = Used(
            mean_depth=float(depth.mean()) if len(depth) else 0.0,
            deepest=int(depth.max(initial=0)),
            truncation_bound=float(errors.mean()) if len(errors) else 0.0,
            queries=queries,
            sampling_bound=bound,
        )
        return found, used

    return at
