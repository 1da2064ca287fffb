"""Which weight vectors to try next, given what has been tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from dataselect.weighting.regressors.gaussian_process import GAUSSIAN_PROCESS, FittedProcess

__all__ = ["candidates_of", "expected_improvement", "normal_scores", "propose"]

_EACH_KIND = 1500
_TOP = 10
_FEW, _FEWER = 0.2, 0.3  # of Dirichlet: below 1 most of the weight is on few scores
_LEAST = 1e-3
_APART = 0.02


def normal_scores(losses: Float64[np.ndarray, " runs"]) -> Float64[np.ndarray, " runs"]:
    """Φ⁻¹((rank − ½) / n): what losses are to the search is their order.

    A few selections that are far worse than all others would else take up what a smooth function
    can follow. Equal losses have their mean rank.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    return np.asarray(ndtri((rankdata(losses) - 0.5) / len(losses)))


def expected_improvement(
    mean: Float64[np.ndarray, " n"], deviation: Float64[np.ndarray, " n"], best: float
) -> Float64[np.ndarray, " n"]:
    """E max(0, best − f) with f ~ N(mean, deviation²): σ (z Φ(z) + φ(z)), z = (best − mean) / σ.

    References:
        Jones, Schonlau and Welch 1998, eq. 15.
    """
    from scipy.special import ndtr

    spread = np.maximum(deviation, 1e-12)
    z = (best - mean) / spread
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    return np.asarray(spread * np.maximum(z * ndtr(z) + density, 0.0))


def candidates_of(
    rng: np.random.Generator,
    weights: Float64[np.ndarray, "runs scores"],
    losses: Float64[np.ndarray, " runs"],
) -> Float64[np.ndarray, "n scores"]:
    """Vectors to choose from: even draws, those of few scores, and blends of and with good runs.

    Weights below a thousandth become 0, which hardly any selection notices.
    """
    k, n = weights.shape[1], _EACH_KIND
    top = weights[np.argsort(losses, kind="stable")[:_TOP]]
    one, other = (top[rng.integers(len(top), size=n)] for _ in range(2))
    near, share = rng.beta(1, 3, size=(n, 1)), rng.random((n, 1))
    found = np.concatenate(
        [
            rng.dirichlet(np.ones(k), size=n),
            rng.dirichlet(np.full(k, _FEW), size=n),
            (1 - near) * one + near * rng.dirichlet(np.full(k, _FEWER), size=n),
            share * one + (1 - share) * other,
        ]
    )
    found[found < min(_LEAST, 0.5 / k)] = 0.0
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def propose(
    weights: Float64[np.ndarray, "runs scores"],
    losses: Float64[np.ndarray, " runs"],
    count: int,
    *,
    seed: int | Sequence[int],
    usable: Callable[[Float64[np.ndarray, " scores"]], bool] | None = None,
) -> Float64[np.ndarray, "proposed scores"]:
    """Vectors at which Gaussian processes expect the greatest improvement, one after the other.

    Two processes take turns: one is fitted to the losses, one to their normal scores, which a few
    very bad runs cannot bend. After each choice both are told that what they expected there has
    come true, so that the next is elsewhere; their length scales stay. What improves is compared
    with the least loss that is *expected* at a run, since the least that was *measured* may be
    luck.

    Args:
        weights: of the runs so far, four or more.
        losses: of them, finite; less is better.
        count: how many at the most, 1 or more.
        seed: of the vectors that are chosen among.
        usable: whether a vector can be tried; None takes all.

    Raises:
        DataselectError: none can be.

    Complexity: O(n³) for the fits to n runs, and O(count · 6,000 · n²) for the choices.

    References:
        Jones, Schonlau and Welch 1998, expected improvement; Ginsbourger, Le Riche and Carraro
        2010, the "kriging believer".
    """
    rng = np.random.default_rng(seed)
    fits: list[FittedProcess] = [
        GAUSSIAN_PROCESS.fit(weights, own) for own in (losses, normal_scores(losses))
    ]
    pool, tried = candidates_of(rng, weights, losses), weights
    away = np.min([_distance(pool, own) for own in weights], axis=0)
    for turn in range(count):
        own = fits[turn % len(fits)]
        expected = own.scale.scaled(own.predict(pool))
        best = float(own.scale.scaled(own.predict(tried)).min())
        gain = expected_improvement(expected, own.deviations(pool), best)
        # The same selection again would tell nothing: its losses are known.
        # With few scores the runs are dense: then the nearer half of what is left is passed over.
        left = away >= 0
        if not left.any():
            break
        gain[away < min(_APART, float(np.median(away[left])))] = -1.0
        gain[~left] = -np.inf
        at = int(np.argmax(gain))
        while usable is not None and not usable(pool[at]):
            gain[at], away[at] = -np.inf, -1.0
            at = int(np.argmax(gain))
            if gain[at] == -np.inf:
                break
        if gain[at] == -np.inf:
            break
        tried = np.vstack([tried, pool[at]])
        away = np.minimum(away, _distance(pool, pool[at]))
        away[away == 0] = -1.0
        fits = [fit.given(pool[at], float(fit.predict(pool[at : at + 1])[0])) for fit in fits]
    if len(tried) == len(weights):
        raise DataselectError(
            "no further weights select a document", accepted="a larger token budget"
        )
    return np.asarray(tried[len(weights) :])


def _distance(
    points: Float64[np.ndarray, "n scores"], point: Float64[np.ndarray, " scores"]
) -> Float64[np.ndarray, " n"]:
    """Total variation, ½ Σ |w_j − v_j|: the share of the weight that is elsewhere."""
    return np.asarray(0.5 * np.abs(points - point).sum(axis=1))
