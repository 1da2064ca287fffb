"""How far the optimum and its gains move when the runs are others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from dataselect.weighting.estimate import Estimate
from dataselect.weighting.optimum import Optimum, Predict
from dataselect.weighting.regressors.regressor import Fitted, Regressor

__all__ = ["Gains", "Resampled", "gains_at", "resample"]

Optimise = Callable[[Predict, Float64[np.ndarray, "starts scores"]], Optimum]


@dataclass(frozen=True)
class Gains:
    """What a model expects at weights, and by how much that is less than elsewhere.

    Attributes:
        loss: at the weights.
        over_uniform: loss at uniform weights less that at the weights.
        over_single: loss at the best single score less that at the weights.
        single: which score that is.
    """

    loss: float
    over_uniform: float
    over_single: float
    single: int


@dataclass(frozen=True)
class Resampled:
    """What half-samples of the runs say.

    Attributes:
        weights: ``[resamples, scores]``, the optimum of each.
        loss: predicted at the optimum, corrected.
        over_uniform: gain, corrected.
        over_single: gain, corrected.
    """

    weights: Float64[np.ndarray, "resamples scores"]
    loss: Estimate
    over_uniform: Estimate
    over_single: Estimate


def gains_at(
    fitted: Fitted, weights: Float64[np.ndarray, " scores"], single: int | None = None
) -> Gains:
    """What a fit expects at weights.

    Args:
        fitted: the model.
        weights: on the simplex.
        single: the score to compare with; None takes the one with the least expected loss.
    """
    k = len(weights)
    found = fitted.predict(np.vstack([weights[None], np.full((1, k), 1 / k), np.eye(k)]))
    alone = found[2:]
    best = int(np.argmin(alone)) if single is None else single
    return Gains(float(found[0]), float(found[1] - found[0]), float(alone[best] - found[0]), best)


def resample(
    regressor: Regressor,
    fitted: Fitted,
    optimum: Float64[np.ndarray, " scores"],
    weights: Float64[np.ndarray, "runs scores"],
    losses: Float64[np.ndarray, " runs"],
    *,
    optimise: Optimise,
    resamples: int,
    seed: int,
    on_fit: Callable[[int, int], None] | None = None,
) -> Resampled:
    """Refit to halves of the runs, optimise each, and see what the whole says of their optima.

    The optimum of a fitted function is where it is least, and partly where its errors are: what is
    predicted there is too good. A half h stands to the whole as the whole stands to the truth: for
    statistics that are smooth in the data f_h − f has the distribution of f − truth. So
    g_h(w_h) − g(w_h), the gain that a half expects at its own optimum less the gain that the whole
    expects there, is a draw of the error of g(w). Its mean is taken off where the gain is too
    large by it, and its quantiles give the interval.

    Args:
        regressor: refitted to each half.
        fitted: the fit to all runs.
        optimum: of that fit.
        weights: of the runs.
        losses: of the runs.
        optimise: finds the optimum of a fit; is given points to start from.
        resamples: how many halves, each with its complement.
        seed: of the draws.
        on_fit: called with (done, total).

    References:
        Shao and Wu 1989, the delete-half jackknife; Efron 1983, optimism.
    """
    n = len(losses)
    rng = np.random.default_rng(seed)
    whole = gains_at(fitted, optimum)
    found: list[Float64[np.ndarray, " scores"]] = []
    errors = []
    while len(found) < resamples:
        order = rng.permutation(n)
        for half in (order[: (n + 1) // 2], order[n // 2 :])[: resamples - len(found)]:
            kept = np.sort(half)
            own = regressor.fit(weights[kept], losses[kept], seed=seed)
            at = optimise(own.predict, optimum[None]).weights
            expected = gains_at(own, at)
            seen = gains_at(fitted, at, expected.single)
            errors.append(
                (
                    expected.loss - seen.loss,
                    expected.over_uniform - seen.over_uniform,
                    expected.over_single - seen.over_single,
                )
            )
            found.append(at)
            if on_fit is not None:
                on_fit(len(found), resamples)
    off = np.array(errors)
    return Resampled(
        np.stack(found),
        Estimate.corrected(whole.loss, off[:, 0], sign=-1),
        Estimate.corrected(whole.over_uniform, off[:, 1]),
        Estimate.corrected(whole.over_single, off[:, 2]),
    )
