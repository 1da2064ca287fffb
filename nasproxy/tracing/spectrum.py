r"""The spectrum of the covariance of features, through the smaller side where they are affine.

With $X$ of $n$ rows (tokens) and the features $H = X W^\top + b$,

$$\operatorname{cov}(H) = W \operatorname{cov}(X) W^\top$$

and its non-zero eigenvalues are those of $R \operatorname{cov}(X) R^\top$, with
$R^\top R = W^\top W$ ($R$ a Cholesky factor, or the triangle of a QR decomposition where there is
none): exact, of the size of the inputs and not of the features, and nothing of $H$ is formed. The
covariance of $X$ is accumulated in float64, batch after batch, by the update of Chan, Golub and
LeVeque, so that no row is kept and no precision is lost to a mean far from zero. $R$ is of the
weight alone, so that networks with the same weight may share it.

Reference: Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample
variances, COMPSTAT 1982.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float64
from torch import Tensor

from nasproxy.errors import NasproxyError

__all__ = [
    "Moments",
    "affine_spectrum",
    "component_count",
    "effective_dimension",
    "merged",
    "moments_of",
    "spectrum",
    "spectrum_through",
    "triangle_of",
]

_TIE = 1e-12
"""Shares of the variance that differ by less are the same: the sums are rounded too."""


@dataclass(frozen=True)
class Moments:
    """What is kept of rows that were seen.

    Attributes:
        rows: how many.
        mean: their mean, float64 ``[d]``.
        scatter: the sum of the outer products of their deviations from it, float64 ``[d, d]``.
    """

    rows: int
    mean: Float64[np.ndarray, " d"]
    scatter: Float64[np.ndarray, "d d"]

    @property
    def covariance(self) -> Float64[np.ndarray, "d d"]:
        """The unbiased covariance; NasproxyError for fewer than two rows."""
        if self.rows < 2:
            raise NasproxyError(
                f"{self.rows} {'row' if self.rows == 1 else 'rows'} of features: no covariance",
                accepted="two tokens, positions or samples, or more",
            )
        return self.scatter / (self.rows - 1)


def moments_of(rows: Float[Tensor, "n d"]) -> Moments:
    """The moments of rows of any dtype on any device, in float64. O(n d²)."""
    if not len(rows):  # an expert that no token chose, a mask that leaves nothing
        width = rows.shape[1]
        return Moments(0, np.zeros(width), np.zeros((width, width)))
    if rows.device.type == "cpu":
        # NumPy multiplies a matrix by its own transpose in half the operations.
        wide = rows.detach().double().numpy()
        mean = wide.mean(axis=0)
        centred = wide - mean
        return Moments(len(wide), mean, centred.T @ centred)
    # Accelerators other than CUDA have no float64.
    on_device = (rows.detach() if rows.device.type == "cuda" else rows.detach().cpu()).double()
    average = on_device.mean(dim=0)
    deviations = on_device - average
    scatter = deviations.T @ deviations
    return Moments(len(rows), average.cpu().numpy(), scatter.cpu().numpy())


def merged(one: Moments, other: Moments) -> Moments:
    """The moments of two lots of rows together."""
    if not one.rows or not other.rows:
        return one if one.rows else other
    rows = one.rows + other.rows
    step = other.mean - one.mean
    mean = one.mean + step * (other.rows / rows)
    between = np.outer(step, step) * (one.rows * other.rows / rows)
    return Moments(rows, mean, one.scatter + other.scatter + between)


def spectrum(moments: Moments) -> Float64[np.ndarray, " d"]:
    """The eigenvalues of a covariance, largest first. O(d³).

    Raises:
        NasproxyError: fewer than two rows, or features that are not finite or do not vary.
    """
    return _eigenvalues(moments.covariance)


def affine_spectrum(
    inputs: Moments, weight: Float64[np.ndarray, "f d"]
) -> Float64[np.ndarray, " k"]:
    """The eigenvalues of the covariance of ``x @ weight.T + bias``, largest first.

    The k = min(f, d) that can differ from zero; the other f - k are zero. O(f d² + d³).

    Args:
        inputs: the moments of x.
        weight: of the affine map. Its bias moves the mean alone.

    Raises:
        NasproxyError: fewer than two rows, or features that are not finite or do not vary.
    """
    features, width = weight.shape
    if features <= width:
        return _eigenvalues(weight @ inputs.covariance @ weight.T)
    return spectrum_through(inputs, triangle_of(weight))


def triangle_of(weight: Float64[np.ndarray, "f d"]) -> Float64[np.ndarray, "d d"]:
    """R with R'R = W'W, upper triangular in Fortran order; below it may be anything. O(f d²).

    Args:
        weight: W, with f > d.

    Raises:
        NasproxyError: it is not finite.
    """
    from scipy.linalg.blas import dsyrk
    from scipy.linalg.lapack import dpotrf

    if not np.isfinite(weight).all():
        raise _not_finite()
    triangle: Float64[np.ndarray, "d d"]
    triangle, failed = dpotrf(dsyrk(1.0, weight.T), clean=0, overwrite_a=1)
    if failed:  # columns that depend on one another
        triangle = np.asfortranarray(np.linalg.qr(weight, mode="r"))
    return triangle


def spectrum_through(
    inputs: Moments, triangle: Float64[np.ndarray, "d d"]
) -> Float64[np.ndarray, " d"]:
    """As :func:`affine_spectrum`, with the triangle of the weight at hand. O(d³).

    Args:
        inputs: the moments of x.
        triangle: R of the weight, as `triangle_of` gives it.

    Raises:
        NasproxyError: fewer than two rows, or features that are not finite or do not vary.
    """
    from scipy.linalg.lapack import dsygst

    covariance = inputs.covariance
    if not np.isfinite(covariance).all():
        raise _not_finite()
    # R cov(X) R', the upper half alone.
    transformed, _ = dsygst(covariance.T, triangle, itype=2, lower=0)
    return _eigenvalues(transformed, "U")


def _eigenvalues(
    covariance: Float64[np.ndarray, "k k"], half: Literal["L", "U"] = "L"
) -> Float64[np.ndarray, " k"]:
    if not np.isfinite(covariance).all():
        raise _not_finite()
    # Rounding leaves a zero eigenvalue on either side of zero.
    found: Float64[np.ndarray, " k"] = np.linalg.eigvalsh(covariance, half)[::-1].clip(min=0)
    if not found[0] > 0:
        raise NasproxyError(
            "the features are the same for every row, so they have no principal component",
            accepted="a network through which a signal passes from the input to the output",
        )
    return found


def _not_finite() -> NasproxyError:
    return NasproxyError(
        "the features are not finite",
        accepted="a network whose activations are numbers on this batch",
        hint="check its initialisation and that the inputs are normalised",
    )


def component_count(eigenvalues: Float64[np.ndarray, " k"], eta: float) -> int:
    r"""How many principal components hold the share ``eta`` of the variance.

    $$\min \Big\{ k : \sum_{i \le k} \lambda_i \Big/ \sum_i \lambda_i \ge \eta \Big\}$$

    A share that reaches ``eta`` exactly counts, and so does one short of it by less than 1e-12:
    the sum of equal eigenvalues is rounded, the share asked for is too.

    Args:
        eigenvalues: largest first, not negative, not all zero.
        eta: a share in (0, 1]; 1 counts until less than 1e-12 of the variance is left.

    Reference: Wang, W-PCA, ICLR 2025, eq. 6.
    """
    shares = np.cumsum(eigenvalues) / eigenvalues.sum()
    return min(int(np.searchsorted(shares, eta - _TIE)), len(shares) - 1) + 1


def effective_dimension(eigenvalues: Float64[np.ndarray, " k"]) -> float:
    r"""The exponential of the entropy of the spectrum, from 1 to k; k where all are equal.

    $$\exp \Big( - \sum_i p_i \log p_i \Big), \qquad p_i = \lambda_i \Big/ \sum_j \lambda_j$$

    Reference: Roy and Vetterli, The effective rank, EUSIPCO 2007.
    """
    shares = eigenvalues / eigenvalues.sum()
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))
