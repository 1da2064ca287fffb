"""How well scores order what they score: rank correlations with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Num

from nasproxy.errors import NasproxyError

__all__ = ["Agreement", "Estimate", "agreement", "check_bootstrap", "check_shapes"]

_LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A statistic in -1 .. 1 with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        """The three numbers by name."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Agreement:
    """How well scores order a truth.

    Attributes:
        kendall: tau_b, 1 for the same order, -1 for the reverse.
        spearman: rho, the correlation of average ranks.
        n: the pairs that were compared.
        dropped: the pairs that were left out because a side was NaN.
    """

    kendall: Estimate
    spearman: Estimate
    n: int
    dropped: int

    def as_json(self) -> dict[str, object]:
        """Plain numbers by name."""
        return {
            "kendall": self.kendall.as_json(),
            "spearman": self.spearman.as_json(),
            "n": self.n,
            "dropped": self.dropped,
        }


def agreement(
    scores: Num[np.ndarray, "..."],
    truth: Num[np.ndarray, "..."],
    *,
    name: str = "scores",
    resamples: int = 1000,
    seed: int = 0,
) -> Agreement:
    r"""Kendall's tau_b and Spearman's rho of scores and truth, each with a 95 % interval.

    The intervals are percentile bootstrap intervals over pairs. Resamples in which a side is
    constant have no correlation and are left out; they matter for a handful of pairs only.

    Args:
        scores: real numbers ``[n]``, any unit; infinities are ordered, NaN is dropped.
        truth: real numbers ``[n]``, in the order of ``scores``; the same.
        name: what the scores are called in an error.
        resamples: how many resamples the intervals come from, 1 or more.
        seed: of the resampling; the same pairs are drawn for every proxy with as many pairs.

    Returns:
        The correlations, and how many pairs they stand on.

    Raises:
        NasproxyError: lengths that differ, fewer than 3 pairs, a constant side, no resamples, a
            seed below 0.

    References:
        Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7 (1979).
    """
    # numba takes a third of a second to import: only those who correlate pay for it.
    from nasproxy.ranking.kernel import sorted_pairs, tau_and_rho

    x, y = _compared(scores, truth, name)
    check_bootstrap(resamples, seed)
    pairs = sorted_pairs(x, y)
    tau, rho = tau_and_rho(pairs.x, pairs.y, np.ones(len(x), np.int64)).tolist()
    drawn = np.array(
        [
            tau_and_rho(pairs.x, pairs.y, weights[pairs.order])
            for weights in _weights(len(x), resamples, seed)
        ]
    )
    drawn = drawn[np.isfinite(drawn[:, 0])]
    if not len(drawn):
        raise NasproxyError(
            f"every resample of the {len(x)} pairs of {name} is constant",
            accepted="enough resamples that some are not",
            hint="leave resamples at 1000",
        )
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return Agreement(
        kendall=Estimate(tau, float(low[0]), float(high[0])),
        spearman=Estimate(rho, float(low[1]), float(high[1])),
        n=len(x),
        dropped=np.size(scores) - len(x),
    )


def check_bootstrap(resamples: int, seed: int) -> None:
    """NasproxyError where there is nothing to resample, or no seed to draw by."""
    if resamples < 1:
        raise NasproxyError(
            f"{resamples} bootstrap resamples make no interval",
            accepted="1 or more",
            hint="leave resamples at 1000",
        )
    if seed < 0:
        raise NasproxyError(f"the seed is {seed}", accepted="0 or more", hint="--seed 0")


def check_shapes(scores: Num[np.ndarray, "..."], truth: Num[np.ndarray, "..."], name: str) -> None:
    """NasproxyError where scores and truth are not of one length."""
    if scores.ndim != 1 or scores.shape != truth.shape:
        raise NasproxyError(
            f"{name} has the shape {list(scores.shape)}, the truth {list(truth.shape)}",
            accepted="one number an architecture in both, in the same order",
        )


def _compared(
    scores: Num[np.ndarray, "..."], truth: Num[np.ndarray, ...], name: str
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    check_shapes(scores, truth, name)
    x, y = scores.astype(np.float64), truth.astype(np.float64)
    known = ~(np.isnan(x) | np.isnan(y))
    x, y = x[known], y[known]
    if len(x) < 3:
        raise NasproxyError(
            f"{name} and the truth share {len(x)} pairs without NaN, of {scores.size}",
            accepted="3 pairs or more",
            hint="score more architectures that the benchmark knows",
        )
    for side, values in ((name, x), ("the truth", y)):
        if values.min() == values.max():
            raise NasproxyError(
                f"{side} is {values[0]:g} for all {len(x)} pairs: a constant orders nothing",
                accepted="at least two different values",
            )
    return x, y


def _weights(n: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(rng.integers(0, n, size=n), minlength=n)
