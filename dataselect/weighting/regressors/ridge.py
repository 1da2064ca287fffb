"""Ridge regression on the weights, their square roots and their logarithms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from dataselect.weighting.regressors.regressor import check_rows
from dataselect.weighting.regressors.scale import LossScale

__all__ = ["RIDGE", "FittedRidge", "Ridge", "features"]

SMALL = 1e-3
_PENALTIES = np.logspace(-4, 5, 46)


def features(weights: Float64[np.ndarray, "n scores"]) -> Float64[np.ndarray, "n features"]:
    """w, √w and ln(1 + w / .001), the last two being steep where weights are small."""
    held = np.maximum(weights, 0.0)
    return np.concatenate([held, np.sqrt(held), np.log1p(held / SMALL)], axis=1)


@dataclass(frozen=True)
class FittedRidge:
    """Coefficients of standardised features.

    Attributes:
        mean: of the features.
        deviation: of the features; 1 where one is the same for all runs.
        coefficients: one a feature.
        penalty: the one chosen.
        scale: of the losses.
    """

    mean: Float64[np.ndarray, " features"]
    deviation: Float64[np.ndarray, " features"]
    coefficients: Float64[np.ndarray, " features"]
    penalty: float
    scale: LossScale

    def predict(self, weights: Float64[np.ndarray, "n scores"]) -> Float64[np.ndarray, " n"]:
        """The loss expected at each weight vector."""
        standard = (features(weights) - self.mean) / self.deviation
        return self.scale.losses(standard @ self.coefficients)


@dataclass(frozen=True)
class Ridge:
    """min |z − X b|² + λ |b|², with λ by leave-one-out error, which has a closed form.

    With X = U S Vᵀ the residual of a run that was left out is (z − ẑ)_i / (1 − h_i),
    h_i = 1/n + Σ_j U_ij² s_j² / (s_j² + λ).
    """

    penalties: Float64[np.ndarray, " penalties"] | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return "ridge"

    def fit(
        self,
        weights: Float64[np.ndarray, "runs scores"],
        losses: Float64[np.ndarray, " runs"],
        *,
        seed: int = 0,
    ) -> FittedRidge:
        """Fit to runs; nothing is drawn.

        References:
            Hoerl and Kennard 1970; Golub, Heath and Wahba 1979, the leave-one-out error.
        """
        check_rows(weights, losses)
        scale = LossScale.of(losses)
        raw = features(weights)
        mean, deviation = raw.mean(axis=0), raw.std(axis=0)
        deviation = np.where(deviation > 1e-12, deviation, 1.0)
        left, singular, right = np.linalg.svd((raw - mean) / deviation, full_matrices=False)
        targets = scale.scaled(losses)
        turned = left.T @ targets
        penalties = _PENALTIES if self.penalties is None else self.penalties
        kept = singular**2 / (singular**2 + penalties[:, None])
        residuals = targets - (kept * turned) @ left.T
        leverage = 1 / len(losses) + kept @ (left**2).T
        errors = ((residuals / (1 - np.minimum(leverage, 1 - 1e-9))) ** 2).mean(axis=1)
        penalty = float(penalties[int(np.argmin(errors))])
        coefficients = right.T @ (singular / (singular**2 + penalty) * turned)
        return FittedRidge(mean, deviation, coefficients, penalty, scale)


RIDGE = Ridge()
