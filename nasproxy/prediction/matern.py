"""The kernel of the Gaussian process, and how probable it makes the training accuracies.

.. math:: k(x, x') = a\\,(1 + \\sqrt5 r + \\tfrac53 r^2)\\,e^{-\\sqrt5 r},
          \\qquad r^2 = \\sum_j w_j^2 (x_j - x'_j)^2,
          \\qquad w_j = s_{g(j)}^{-1} e^{-b_{g(j)} - \\delta_j}

with s_g the typical distance within the group g of columns. So a group has a length of its own,
and each of its columns may depart from it (automatic relevance), held by a prior to as much as few
training architectures can tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

__all__ = ["Kernel", "log_posterior", "start"]

_JITTER = 1e-6
_DEPARTURE = 0.5  # standard deviation of delta: most columns within a factor of e of their group
_NOISE = -2.5  # mean of the logarithm of the noise's variance, of targets with variance 1
_AMPLITUDE = 2.0  # standard deviation of log a


@dataclass(frozen=True, eq=False)
class Kernel:
    """A kernel's parameters.

    Attributes:
        weights: w ``[d]``, one over the length of each column.
        amplitude: a.
        noise: the variance of an observation around the function.
    """

    weights: Float64[np.ndarray, " d"]
    amplitude: float
    noise: float

    def between(
        self, x: Float64[np.ndarray, "n d"], y: Float64[np.ndarray, "m d"]
    ) -> Float64[np.ndarray, "n m"]:
        """k of every pair, without noise. O(n m d)."""
        shape, _ = _matern(_squared(x * self.weights, y * self.weights))
        return self.amplitude * shape

    def observed(self, x: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "n n"]:
        """The covariance of observations: k, and the noise on the diagonal."""
        covariance = self.between(x, x)
        covariance[np.diag_indices(len(x))] += self.noise + _JITTER
        return covariance


@dataclass(frozen=True, eq=False)
class _Layout:
    """Where parameters lie in one vector: b of the groups, delta of the columns, log a, log noise.

    Attributes:
        group: of every column, 0, 1, ...
        typical: the logarithm of each group's typical distance.
    """

    group: Int64[np.ndarray, " d"]
    typical: Float64[np.ndarray, " g"]

    @property
    def size(self) -> int:
        return len(self.typical) + len(self.group) + 2

    def kernel(self, parameters: Float64[np.ndarray, " q"]) -> Kernel:
        groups = len(self.typical)
        base = self.typical + parameters[:groups]
        weights = np.exp(-base[self.group] - parameters[groups:-2])
        return Kernel(weights, float(np.exp(parameters[-2])), float(np.exp(parameters[-1])))


def start(
    x: Float64[np.ndarray, "n d"], group: Int64[np.ndarray, " d"]
) -> tuple[_Layout, Float64[np.ndarray, " q"]]:
    """The layout of the parameters, and the most probable ones before anything is fitted."""
    numbered = np.unique(group, return_inverse=True)[1].astype(np.int64)
    variance = x.var(axis=0)
    totals = np.bincount(numbered, weights=variance)
    layout = _Layout(numbered, 0.5 * np.log(2 * np.maximum(totals, 1e-12)))
    parameters = np.zeros(layout.size)
    parameters[-1] = _NOISE
    return layout, parameters


def log_posterior(
    parameters: Float64[np.ndarray, " q"],
    layout: _Layout,
    x: Float64[np.ndarray, "n d"],
    y: Float64[np.ndarray, " n"],
) -> tuple[float, Float64[np.ndarray, " q"]]:
    r"""Minus the logarithm of the parameters' posterior up to a constant, and its gradient.

    .. math:: \tfrac12 y^T K^{-1} y + \tfrac12 \log|K| + \tfrac12 \sum_g b_g^2
              + \tfrac12 \sum_j (\delta_j / \tfrac12)^2 + \tfrac12 (\log a / 2)^2
              + \tfrac12 (\log \sigma^2 + \tfrac52)^2

    O(n^3 + n^2 d).

    Reference: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, eq. 5.8, 5.9.
    """
    from scipy.linalg import cho_factor, cho_solve

    kernel = layout.kernel(parameters)
    scaled = x * kernel.weights
    shape, slope = _matern(_squared(scaled, scaled))
    covariance = kernel.amplitude * shape
    covariance[np.diag_indices(len(x))] += kernel.noise + _JITTER
    factor = cho_factor(covariance, lower=True)
    alpha = cho_solve(factor, y)
    inverse = cho_solve(factor, np.eye(len(x)))
    outer = 0.5 * (inverse - np.outer(alpha, alpha))  # d/dK of the first two terms
    value = 0.5 * float(y @ alpha) + float(np.log(np.diag(factor[0])).sum())

    groups = len(layout.typical)
    pull = kernel.amplitude * outer * slope
    # d r^2 / d delta_j is -2 (w_j (x_j - x'_j))^2, summed over pairs without forming them.
    pairs = 2 * (pull.sum(axis=1) @ scaled**2 - np.einsum("nd,nd->d", scaled, pull @ scaled))
    columns = -2 * pairs
    gradient = np.empty(layout.size)
    gradient[:groups] = np.bincount(layout.group, weights=columns, minlength=groups)
    gradient[groups:-2] = columns
    gradient[-2] = kernel.amplitude * float((outer * shape).sum())
    gradient[-1] = kernel.noise * float(np.trace(outer))

    spreads = np.ones(layout.size)
    spreads[groups:-2], spreads[-2] = _DEPARTURE, _AMPLITUDE
    centre = np.zeros(layout.size)
    centre[-1] = _NOISE
    away = (parameters - centre) / spreads
    return value + 0.5 * float(away @ away), gradient + away / spreads


def _squared(
    x: Float64[np.ndarray, "n d"], y: Float64[np.ndarray, "m d"]
) -> Float64[np.ndarray, "n m"]:
    total = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1) - 2 * (x @ y.T)
    squared: Float64[np.ndarray, "n m"] = np.maximum(total, 0.0)
    return squared


def _matern(
    squared: Float64[np.ndarray, "n m"],
) -> tuple[Float64[np.ndarray, "n m"], Float64[np.ndarray, "n m"]]:
    """The kernel of amplitude 1, and its derivative by the squared distance."""
    root = np.sqrt(5 * squared)
    decay = np.exp(-root)
    return (1 + root + root * root / 3) * decay, -5 / 6 * (1 + root) * decay
