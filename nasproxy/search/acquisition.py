"""What to train next: predictions that promise, and predictions that nobody can be sure of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from nasproxy.prediction.predictor import Prediction
from zerocost.errors import did_you_mean

__all__ = [
    "ACQUISITIONS",
    "acquisition_of",
    "expected_improvement",
    "thompson",
    "upper_confidence",
]

Acquisition = Callable[[Prediction, float, np.random.Generator], Float64[np.ndarray, " n"]]
"""Predictions, the best mean among what is known, a generator -> how much each is wanted."""


def expected_improvement(
    prediction: Prediction, incumbent: float, rng: np.random.Generator
) -> Float64[np.ndarray, " n"]:
    r"""How much better than the incumbent an architecture is on average, counting worse as 0.

    .. math:: \sigma\,(z\,\Phi(z) + \varphi(z)), \qquad z = (\mu - \mu^*) / \sigma

    and max(mu - mu*, 0) where the spread is 0.

    Args:
        prediction: of the candidates.
        incumbent: mu*, the best predicted mean among the architectures that are known, which
            unlike the best of their accuracies is no lucky training.
        rng: not used.

    Reference: Jones, Schonlau and Welch, Efficient global optimization, 1998, eq. 15.
    """
    from scipy.special import ndtr

    gain, spread = prediction.mean - incumbent, prediction.spread
    safe = np.where(spread > 0, spread, 1.0)
    z = gain / safe
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    improvement = np.where(spread > 0, safe * (z * ndtr(z) + density), np.maximum(gain, 0.0))
    found: Float64[np.ndarray, " n"] = improvement
    return found


def upper_confidence(
    prediction: Prediction, incumbent: float, rng: np.random.Generator
) -> Float64[np.ndarray, " n"]:
    """The mean and one spread above it. Reference: Srinivas et al., ICML 2010."""
    bound: Float64[np.ndarray, " n"] = prediction.mean + prediction.spread
    return bound


def thompson(
    prediction: Prediction, incumbent: float, rng: np.random.Generator
) -> Float64[np.ndarray, " n"]:
    """A draw from each candidate's own normal distribution (of their joint one, the margins)."""
    drawn: Float64[np.ndarray, " n"] = prediction.mean + prediction.spread * rng.standard_normal(
        len(prediction.mean)
    )
    return drawn


ACQUISITIONS: dict[str, Acquisition] = {
    "ei": expected_improvement,
    "ucb": upper_confidence,
    "thompson": thompson,
}


def acquisition_of(name: str) -> Acquisition:
    """The acquisition of a name; NasproxyError where there is none (the nearest are offered)."""
    if name not in ACQUISITIONS:
        raise NasproxyError(
            f"there is no acquisition {name!r}",
            accepted=", ".join(ACQUISITIONS),
            hint=did_you_mean(name, ACQUISITIONS),
        )
    return ACQUISITIONS[name]
