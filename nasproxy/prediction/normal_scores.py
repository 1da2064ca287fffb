"""Normal scores: numbers by their rank, as quantiles of the normal distribution."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Num

__all__ = ["knots_of", "normal_scores", "through_knots"]

_BEYOND = 1.0


def normal_scores(values: Num[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """The normal score of each number among all: z_i = Phi^-1((r_i - 1/2) / n).

    r_i is the average rank, 1 the smallest, so that equals stay equal. O(n log n).

    Args:
        values: finite numbers.

    Reference: van der Waerden, 1952; the constant 1/2 is Hazen's.
    """
    from scipy.special import ndtri

    from nasproxy.ranking.aggregate import average_ranks

    scores: Float64[np.ndarray, " n"] = ndtri(
        (average_ranks(np.asarray(values, dtype=np.float64)) - 0.5) / len(values)
    )
    return scores


def knots_of(
    values: Num[np.ndarray, " n"],
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    """The distinct values in ascending order and the normal score of each."""
    distinct, first = np.unique(values, return_index=True)
    return distinct.astype(np.float64), normal_scores(values)[first]


def through_knots(
    values: Num[np.ndarray, " n"],
    distinct: Float64[np.ndarray, " k"],
    scores: Float64[np.ndarray, " k"],
) -> Float64[np.ndarray, " n"]:
    """The scores that numbers would have had among those that the knots were made of.

    Linear between knots. Beyond the last knots the line of the outermost tenth of them goes on, for
    one unit of score at the most: a network larger than any seen is not the same as the largest.

    Args:
        values: any finite numbers.
        distinct: ascending, k of 1 or more.
        scores: of each.
    """
    if len(distinct) == 1:
        return np.full(len(values), scores[0])
    step = max(1, len(distinct) // 10)
    low = (scores[step] - scores[0]) / (distinct[step] - distinct[0])
    high = (scores[-1] - scores[-1 - step]) / (distinct[-1] - distinct[-1 - step])
    found: Float64[np.ndarray, " n"] = np.interp(values, distinct, scores)
    found += np.maximum((values - distinct[0]) * low, -_BEYOND) * (values < distinct[0])
    found += np.minimum((values - distinct[-1]) * high, _BEYOND) * (values > distinct[-1])
    return found
