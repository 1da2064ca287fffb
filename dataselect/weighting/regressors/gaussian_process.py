"""Gaussian process regression with a length scale a column, on powers of the weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from dataselect.weighting.regressors.matern import JITTER, matern, negative_log_likelihood
from dataselect.weighting.regressors.regressor import check_rows
from dataselect.weighting.regressors.scale import LossScale

__all__ = ["GAUSSIAN_PROCESS", "FittedProcess", "GaussianProcess"]

_CHUNK = 256
_PART = 192
# Means and deviations of normal priors over ln(1/length), ln(signal) and ln(noise). With 64 runs
# and 17 columns the likelihood alone finds length scales that fit the noise.
_LENGTH, _SIGNAL, _NOISE = (-1.0, 1.0), (1.0, 1.5), (np.log(0.03), 2.0)
_BOUNDS = {"length": (-7.0, 4.0), "signal": (-6.0, 7.0), "noise": (np.log(1e-6), 1.0)}
# A start that follows the losses and one that takes them for noise; the likelihood has both modes.
_STARTS = ((-0.5, 1.0, np.log(0.01)), (-1.5, -1.0, np.log(0.5)))


@dataclass(frozen=True)
class FittedProcess:
    """A Gaussian process given runs.

    Attributes:
        power: of the weights.
        inverse_lengths: one a column; a score that does not matter has one near 0.
        signal: variance of the process, in units of the variance of the scaled losses.
        noise: variance of a run's loss about it.
        points: the runs' weights in the metric of the kernel.
        lower: Cholesky factor of the covariance of the runs.
        alpha: covariance⁻¹ times the scaled losses.
        scale: of the losses.
        evidence: negative log posterior of the parameters, up to a constant.
    """

    power: float
    inverse_lengths: Float64[np.ndarray, " scores"]
    signal: float
    noise: float
    points: Float64[np.ndarray, "runs scores"]
    lower: Float64[np.ndarray, "runs runs"]
    alpha: Float64[np.ndarray, " runs"]
    scale: LossScale
    evidence: float

    def predict(self, weights: Float64[np.ndarray, "n scores"]) -> Float64[np.ndarray, " n"]:
        """The loss expected at each weight vector; O(n runs scores)."""
        found = np.empty(len(weights))
        for at in range(0, len(weights), _CHUNK):
            part = weights[at : at + _CHUNK]
            found[at : at + _CHUNK] = self.signal * (
                matern(self._points(part), self.points) @ self.alpha
            )
        return self.scale.losses(found)

    def deviations(self, weights: Float64[np.ndarray, "n scores"]) -> Float64[np.ndarray, " n"]:
        """The deviation of the process about `predict`, in units of the scaled losses; O(n runs²).

        σ² = s − kᵀ C⁻¹ k (Rasmussen and Williams 2006, eq. 2.26), without the noise of a run.
        """
        from scipy.linalg import solve_triangular

        found = np.empty(len(weights))
        for at in range(0, len(weights), _CHUNK):
            part = weights[at : at + _CHUNK]
            cross = self.signal * matern(self.points, self._points(part))
            known = solve_triangular(self.lower, cross, lower=True)
            found[at : at + _CHUNK] = self.signal - (known * known).sum(axis=0)
        return np.asarray(np.sqrt(np.maximum(found, 0.0)))

    def given(self, weights: Float64[np.ndarray, " scores"], loss: float) -> FittedProcess:
        """The process with one run more, its parameters and scale staying as they are; O(runs²)."""
        from scipy.linalg import cho_solve, solve_triangular

        point = self._points(weights[None])
        row = solve_triangular(
            self.lower, self.signal * matern(self.points, point)[:, 0], lower=True
        )
        own = np.sqrt(max(self.signal + self.noise + JITTER - float(row @ row), JITTER))
        n = len(row)
        lower = np.zeros((n + 1, n + 1))
        lower[:n, :n], lower[n, :n], lower[n, n] = self.lower, row, own
        before = self.lower @ (self.lower.T @ self.alpha)
        targets = np.append(before, self.scale.scaled(np.array([loss])))
        return replace(
            self,
            points=np.vstack([self.points, point]),
            lower=lower,
            alpha=cho_solve((lower, True), targets),
        )

    def leave_one_out(self) -> Float64[np.ndarray, " runs"]:
        """Each run's loss as predicted without it, the length scales staying as they are.

        μ_i = y_i − [C⁻¹ y]_i / [C⁻¹]_ii (Rasmussen and Williams 2006, eq. 5.12).
        """
        from scipy.linalg import cho_solve

        inverse = cho_solve((self.lower, True), np.eye(len(self.alpha)))
        targets = self.lower @ (self.lower.T @ self.alpha)
        return self.scale.losses(targets - self.alpha / np.diag(inverse))

    def _points(self, weights: Float64[np.ndarray, "n scores"]) -> Float64[np.ndarray, "n scores"]:
        return np.asarray(np.maximum(weights, 0.0) ** self.power * self.inverse_lengths)


@dataclass(frozen=True)
class GaussianProcess:
    """f ~ GP(0, s k(w^p / ℓ)), Matérn 5/2; ℓ, s and the noise by maximum a posteriori.

    A power of ¼ spreads out the small weights, where losses change fastest; a logarithm would do
    so too, but has no value at 0. ln(1/ℓ) ~ N(−1, 1), ln s ~ N(1, 1.5²), ln noise ~
    N(ln .03, 2²), with losses scaled as `LossScale` says.
    """

    power: float = 0.25
    iterations: int = 100

    @property
    def name(self) -> str:
        """What it is called."""
        return "gp"

    def fit(
        self,
        weights: Float64[np.ndarray, "runs scores"],
        losses: Float64[np.ndarray, " runs"],
        *,
        seed: int = 0,
    ) -> FittedProcess:
        """Fit to runs; nothing is drawn. O(iterations runs³).

        References:
            Rasmussen and Williams, Gaussian Processes for Machine Learning (2006).
        """
        check_rows(weights, losses)
        scale = LossScale.of(losses)
        points = weights**self.power
        targets = scale.scaled(losses)
        columns = points.shape[1]
        # Of many runs a part, taken evenly, says which mode is the better one and nearly where.
        part = np.unique(np.linspace(0, len(losses) - 1, _PART).round().astype(np.int64))
        few = _objective(points[part], targets[part])
        starts = [np.array([start[0]] * columns + [*start[1:]]) for start in _STARTS]
        value, best = min(
            (self._climb(few, start, self.iterations) for start in starts),
            key=lambda found: found[0],
        )
        if len(part) < len(losses):
            value, best = self._climb(_objective(points, targets), best, self.iterations // 4)
        inverse_lengths = np.exp(best[:columns])
        signal, noise = float(np.exp(best[columns])), float(np.exp(best[columns + 1]))
        scaled = points * inverse_lengths
        covariance = signal * matern(scaled, scaled)
        covariance[np.diag_indices(len(losses))] += noise + JITTER
        lower = np.linalg.cholesky(covariance)
        from scipy.linalg import cho_solve

        alpha = cho_solve((lower, True), targets)
        return FittedProcess(
            self.power, inverse_lengths, signal, noise, scaled, lower, alpha, scale, value
        )

    @staticmethod
    def _climb(
        objective: _Objective, start: Float64[np.ndarray, " parameters"], iterations: int
    ) -> tuple[float, Float64[np.ndarray, " parameters"]]:
        from scipy.optimize import minimize

        found = minimize(
            objective,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=[_BOUNDS["length"]] * (len(start) - 2) + [_BOUNDS["signal"], _BOUNDS["noise"]],
            options={"maxiter": iterations},
        )
        return float(found.fun), np.asarray(found.x, dtype=np.float64)


_Objective = Callable[
    [Float64[np.ndarray, " parameters"]], tuple[float, Float64[np.ndarray, " parameters"]]
]


def _objective(
    points: Float64[np.ndarray, "runs columns"], targets: Float64[np.ndarray, " runs"]
) -> _Objective:
    """The negative log posterior of the parameters, with its gradient."""
    columns = points.shape[1]
    centre = np.array([_LENGTH[0]] * columns + [_SIGNAL[0], _NOISE[0]])
    width = np.array([_LENGTH[1]] * columns + [_SIGNAL[1], _NOISE[1]])

    def objective(
        at: Float64[np.ndarray, " parameters"],
    ) -> tuple[float, Float64[np.ndarray, " parameters"]]:
        value, gradient = negative_log_likelihood(
            at[:columns], float(at[columns]), float(at[columns + 1]), points, targets
        )
        off = (at - centre) / width
        return value + 0.5 * float(off @ off), gradient + off / width

    return objective


GAUSSIAN_PROCESS = GaussianProcess()
