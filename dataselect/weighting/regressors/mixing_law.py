"""Mixing laws: losses as parametric functions of the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from dataselect.weighting.regressors.regressor import check_rows

__all__ = ["MIXING_LAW", "POWER_LAW", "FittedLaw", "MixingLaw"]

Form = Literal["exponential", "power"]

# Floors to start from, as distances below the least loss, in ranges of the losses.
_FLOORS = (0.02, 0.1, 0.3, 1.0, 3.0)
_STARTS = 2
_PENALTY = 1e-3
_WIDEST = 30.0


@dataclass(frozen=True)
class FittedLaw:
    """L(w) = c + d exp(t·w) or c + d (Σ_j e^{t_j} w_j)^−b.

    Attributes:
        form: which of the two.
        floor: c.
        range: d, by which losses were divided while the law was fitted.
        rates: t, one a score.
        exponent: b; 1 where the form has none.
    """

    form: Form
    floor: float
    range: float
    rates: Float64[np.ndarray, " scores"]
    exponent: float

    def predict(self, weights: Float64[np.ndarray, "n scores"]) -> Float64[np.ndarray, " n"]:
        """The loss expected at each weight vector."""
        parameters = np.concatenate([[0.0, np.log(self.exponent)], self.rates])
        return self.floor + self.range * _shape(self.form, parameters, weights)[0]


@dataclass(frozen=True)
class MixingLaw:
    """A law fitted by least squares.

    ``exponential``: L = c + k exp(Σ_j t_j w_j), the law as published; weights add up to 1, so k is
    a shift of all t. ``power``: L = c + (Σ_j e^{t_j} w_j)^−b, a power law in the data that counts
    for the target, each score's share counting e^{t_j}.

    The rates are drawn to their mean by a weak penalty, without which a score that no run gives
    much weight may take any rate.
    """

    form: Form = "exponential"

    @property
    def name(self) -> str:
        """What it is called."""
        return "mixing_law" if self.form == "exponential" else "power_law"

    def fit(
        self,
        weights: Float64[np.ndarray, "runs scores"],
        losses: Float64[np.ndarray, " runs"],
        *,
        seed: int = 0,
    ) -> FittedLaw:
        """Fit to runs from several floors; nothing is drawn.

        References:
            Ye et al., "Data mixing laws", arXiv 2403.16952 (2024), the exponential law.
        """
        from scipy.optimize import least_squares

        check_rows(weights, losses)
        spread = float(np.ptp(losses)) or 1.0
        least = float(losses.min())
        targets = (losses - least) / spread
        guesses = sorted(
            (self._guess(weights, targets, floor) for floor in _FLOORS), key=lambda found: found[0]
        )
        found = [
            least_squares(
                self._residuals,
                start,
                jac=self._jacobian,
                args=(weights, targets),
                method="trf",
                max_nfev=60,
            )
            for _, start in guesses[:_STARTS]
        ]
        best = min(found, key=lambda result: float(result.cost)).x
        return FittedLaw(
            self.form,
            least + spread * float(best[0]),
            spread,
            np.asarray(best[2:], dtype=np.float64),
            float(np.exp(best[1])),
        )

    def _guess(
        self,
        weights: Float64[np.ndarray, "runs scores"],
        targets: Float64[np.ndarray, " runs"],
        below: float,
    ) -> tuple[float, Float64[np.ndarray, " parameters"]]:
        """Parameters of the law that is linear once its floor is known, and their error."""
        logs = np.log(targets + below)
        if self.form == "power":
            logs = -logs
        columns = weights.shape[1]
        gram = weights.T @ weights + 1e-2 * np.eye(columns)
        rates = np.linalg.solve(gram, weights.T @ (logs - logs.mean())) + logs.mean()
        start = np.concatenate([[-below, 0.0], np.clip(rates, -_WIDEST / 2, _WIDEST / 2)])
        residuals = self._residuals(start, weights, targets)
        return float(residuals @ residuals), start

    def _residuals(
        self,
        parameters: Float64[np.ndarray, " parameters"],
        weights: Float64[np.ndarray, "runs scores"],
        targets: Float64[np.ndarray, " runs"],
    ) -> Float64[np.ndarray, " residuals"]:
        rates = parameters[2:]
        off = parameters[0] + _shape(self.form, parameters, weights)[0] - targets
        drawn = np.sqrt(_PENALTY) * (rates - rates.mean())
        return np.concatenate([off, drawn, [np.sqrt(_PENALTY) * parameters[1]]])

    def _jacobian(
        self,
        parameters: Float64[np.ndarray, " parameters"],
        weights: Float64[np.ndarray, "runs scores"],
        targets: Float64[np.ndarray, " runs"],
    ) -> Float64[np.ndarray, "residuals parameters"]:
        rows, columns = weights.shape
        found = np.zeros((rows + columns + 1, columns + 2))
        found[:rows, 0] = 1.0
        _, by_exponent, by_rates = _shape(self.form, parameters, weights)
        found[:rows, 1] = by_exponent
        found[:rows, 2:] = by_rates
        found[rows:-1, 2:] = np.sqrt(_PENALTY) * (np.eye(columns) - 1 / columns)
        found[-1, 1] = np.sqrt(_PENALTY)
        return found


def _shape(
    form: Form,
    parameters: Float64[np.ndarray, " parameters"],
    weights: Float64[np.ndarray, "n scores"],
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"], Float64[np.ndarray, "n scores"]]:
    """The law without its floor, and its derivatives by ln b and by the rates."""
    rates = np.clip(parameters[2:], -_WIDEST, _WIDEST)
    if form == "exponential":
        value = np.exp(np.minimum(weights @ rates, _WIDEST))
        return value, np.zeros(len(value)), value[:, None] * weights
    exponent = float(np.exp(np.clip(parameters[1], -5, 3)))
    parts = weights * np.exp(rates)
    amount = np.maximum(parts.sum(axis=1), 1e-12)
    value = np.exp(np.clip(-exponent * np.log(amount), -_WIDEST, _WIDEST))
    by_rates = -exponent * (value / amount)[:, None] * parts
    return value, -exponent * np.log(amount) * value, by_rates


MIXING_LAW = MixingLaw()
POWER_LAW = MixingLaw("power")
