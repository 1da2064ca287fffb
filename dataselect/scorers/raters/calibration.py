"""From a raw score to what the labels mean, fitted on scores of documents not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from dataselect.scorers.raters.losses import LOSSES, LossName, expected_class

__all__ = ["Calibration", "calibrate"]

_LEAST_SLOPE = 1e-3


@dataclass(frozen=True)
class Calibration:
    """A rising function of the raw score, so that no rank changes.

    Attributes:
        loss: ridge: label = offset + slope · score. logistic: probability = σ of that. ordinal:
            expected class. pairwise: log odds of being preferred to the mean document.
        slope: above 0.
        extra: the offset; of ordinal the steps between classes.
    """

    loss: LossName
    slope: float
    extra: tuple[float, ...]

    def shifted(self, by: float) -> Calibration:
        """The calibration of scores that are smaller by this much."""
        sign = -1 if self.loss == "ordinal" else 1
        first = self.extra[0] + sign * self.slope * by
        return Calibration(self.loss, self.slope, (first, *self.extra[1:]))

    def __call__(self, scores: Float64[np.ndarray, " rows"]) -> Float64[np.ndarray, " rows"]:
        """The calibrated scores."""
        scaled = self.slope * scores
        if self.loss == "ordinal":
            return expected_class(scaled, np.array(self.extra))
        shifted = scaled + self.extra[0]
        if self.loss == "logistic":
            return np.asarray(0.5 * (1 + np.tanh(0.5 * shifted)))
        return np.asarray(shifted)


def calibrate(
    scores: Float64[np.ndarray, " rows"],
    targets: Float64[np.ndarray, " rows"],
    loss: LossName,
) -> tuple[Calibration, float]:
    """The calibration that fits held-out scores best, by the loss itself, and that loss.

    Args:
        scores: raw ones, of documents (pairs: differences) that the model was not fitted to.
        targets: their labels.
        loss: which one.

    Reference:
        Platt 1999, for the logistic loss.
    """
    from scipy.optimize import minimize

    form = LOSSES[loss]
    spread = float(scores.std()) or 1.0
    unit = scores / spread

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, by_score, by_extra = form.value(point[0] * unit, targets, point[1:])
        return value, np.concatenate([[by_score @ unit], by_extra])

    start = np.concatenate([[1.0 if loss != "ridge" else float(targets.std())],
                            form.start(targets)])  # fmt: skip
    bounds = [(_LEAST_SLOPE, 50.0), *[(None, None)] * (len(start) - 1)]
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds)
    extra = tuple(float(each) for each in found.x[1:]) or (0.0,)
    return Calibration(loss, float(found.x[0]) / spread, extra), float(found.fun)
