"""The Matérn kernel of smoothness 5/2 with a length scale a column, and its likelihood."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

__all__ = ["JITTER", "matern", "negative_log_likelihood"]

JITTER = 1e-8
_ROOT5 = np.sqrt(5.0)


def matern(
    left: Float64[np.ndarray, "n columns"], right: Float64[np.ndarray, "m columns"]
) -> Float64[np.ndarray, "n m"]:
    """k(a, b) = (1 + √5 d + 5/3 d²) exp(−√5 d), with d = |a − b|.

    Args:
        left: points, already divided by their length scales.
        right: the same.
    """
    # In place: most of the time of a million predictions goes by here.
    distance = _squared_distances(left, right)
    np.sqrt(distance, out=distance)
    distance *= _ROOT5
    found: Float64[np.ndarray, "n m"] = np.negative(distance)
    np.exp(found, out=found)
    factor = distance / 3
    factor += 1
    factor *= distance
    factor += 1
    found *= factor
    return found


def negative_log_likelihood(
    log_inverse_lengths: Float64[np.ndarray, " columns"],
    log_signal: float,
    log_noise: float,
    points: Float64[np.ndarray, "runs columns"],
    targets: Float64[np.ndarray, " runs"],
) -> tuple[float, Float64[np.ndarray, " parameters"]]:
    """−ln N(targets; 0, s K + e I) and its gradient by columns, then ln s, then ln e.

    The gradient with respect to all length scales takes one matrix product: with
    M = (α αᵀ − C⁻¹) ∘ dK/d(d²), Σ_ij M_ij (a_ic − a_jc)² = 2 (a_c²ᵀ M 1 − a_cᵀ M a_c).

    Args:
        log_inverse_lengths: ln(1 / length) a column.
        log_signal: ln s.
        log_noise: ln e.
        points: before they are divided by the length scales.
        targets: of mean 0.

    Returns:
        (∞, zeros) where the matrix is not positive definite in floating point. O(n³ + n² columns).

    References:
        Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), eq. 2.30, 5.9.
    """
    from scipy.linalg import cho_solve

    n, columns = points.shape
    scaled = points * np.exp(log_inverse_lengths)
    distance = _ROOT5 * np.sqrt(_squared_distances(scaled, scaled))
    decay = np.exp(log_signal - distance)
    signal = decay * (1 + distance * (1 + distance / 3))
    covariance = signal + (np.exp(log_noise) + JITTER) * np.eye(n)
    gradient = np.zeros(columns + 2)
    try:
        lower = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return float("inf"), gradient
    inverse = cho_solve((lower, True), np.eye(n))
    alpha = inverse @ targets
    value = 0.5 * float(targets @ alpha) + float(np.log(np.diag(lower)).sum())
    value += 0.5 * n * np.log(2 * np.pi)
    outer = np.outer(alpha, alpha) - inverse
    by_square = outer * decay * (1 + distance) * (-5 / 6)
    sums = (scaled * scaled).T @ by_square.sum(axis=1)
    # d(d²) / d ln(1/length) is twice the squared difference; the outer −½ of the likelihood halves.
    gradient[:columns] = -2 * (sums - np.einsum("ic,ic->c", scaled, by_square @ scaled))
    gradient[columns] = -0.5 * float((outer * signal).sum())
    gradient[columns + 1] = -0.5 * float(np.exp(log_noise) * np.trace(outer))
    return value, gradient


def _squared_distances(
    left: Float64[np.ndarray, "n columns"], right: Float64[np.ndarray, "m columns"]
) -> Float64[np.ndarray, "n m"]:
    squares: Float64[np.ndarray, "n m"] = left @ (-2 * right.T)
    squares += (left * left).sum(axis=1)[:, None]
    squares += (right * right).sum(axis=1)
    # Rounding may leave a point a distance below 0 from itself.
    np.maximum(squares, 0.0, out=squares)
    return squares
