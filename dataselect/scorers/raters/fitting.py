"""A linear model of one strength of regularisation after another, by L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from dataselect.scorers.raters.losses import Loss
from dataselect.scorers.raters.scaling import Design

__all__ = ["Fit", "Problem", "Products", "Strength", "fit", "prepare", "products_of", "scores_of"]

_CHARACTERS = 0.25
_STEPS = 100
_FEW_ROWS = 2000
_RANK = 1e-9


@dataclass(frozen=True)
class Strength:
    """How much a model is held back.

    Attributes:
        alpha: times half the squared length of the weights, beside the sum of the losses.
        measures: the variance of weights under the prior of signals and vocabulary; that of tokens
            and their pairs is 1, of characters 1/4.
    """

    alpha: float
    measures: float


@dataclass(frozen=True)
class Fit:
    """A fitted model.

    Attributes:
        grams: a weight for each column of the design.
        measures: a weight for each measure.
        extra: the loss's own parameters: a bias, steps between classes, or nothing.
        point: the minimum in the problem's own coordinates.
    """

    grams: Float64[np.ndarray, " columns"]
    measures: Float64[np.ndarray, " measures"]
    extra: Float64[np.ndarray, " extra"]
    point: Float64[np.ndarray, " size"]


@dataclass(frozen=True)
class Problem:
    """Rows of a design, each block scaled by the root of its share, as a linear map.

    Attributes:
        forward: from a point to scores.
        backward: from a gradient by the scores to one by the point.
        size: of points.
        weights: from a point to the weights of columns and measures.
    """

    forward: Callable[[np.ndarray], np.ndarray]
    backward: Callable[[np.ndarray], np.ndarray]
    size: int
    weights: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Products:
    """Inner products of the rows of a design, block by block.

    Attributes:
        grams: of tokens, and a quarter of that of characters.
        measures: of signals and vocabulary.
    """

    grams: Float64[np.ndarray, "rows rows"]
    measures: Float64[np.ndarray, "rows rows"]

    def rows(self, which: np.ndarray) -> Products:
        """Of some of the rows."""
        square = np.ix_(which, which)
        return Products(self.grams[square], self.measures[square])


def products_of(design: Design, *, bits: int) -> Products | None:
    """The inner products of all rows of a design; None where these are too many."""
    if design.grams.shape[0] > _FEW_ROWS:
        return None
    scale = _scale(design, bits)
    grams = design.grams.multiply((scale**2)[None, :]) @ design.grams.T
    return Products(
        grams.toarray().astype(np.float64), np.asarray(design.measures @ design.measures.T)
    )


def _scale(design: Design, bits: int) -> np.ndarray:
    share = np.where(design.columns < 1 << bits, 1.0, np.sqrt(_CHARACTERS))
    return share.astype(np.float32)


def prepare(
    design: Design, measures: float, *, bits: int, products: Products | None = None
) -> Problem:
    """The problem of a design.

    Where there are few rows, the weights lie in the space that these span, and points are
    coordinates in it: the same minimum, found among a hundred times fewer numbers.

    Args:
        design: the documents, or differences of pairs of them.
        measures: their share.
        bits: 2^bits columns' buckets are words, the others characters.
        products: of these rows, where they are known.
    """
    from scipy.sparse import csr_matrix

    scale = _scale(design, bits)
    grams = csr_matrix(design.grams.multiply(scale[None, :]))
    dense = design.measures * np.sqrt(measures)
    rows, columns = grams.shape
    root = np.sqrt(measures)
    transposed = grams.T
    if rows <= _FEW_ROWS and rows < columns:
        known = products or products_of(design, bits=bits)
        assert known is not None
        values, vectors = np.linalg.eigh(known.grams + measures * known.measures)
        kept = values > _RANK * values[-1]
        lengths = np.sqrt(values[kept])
        turned = vectors[:, kept] * lengths  # rows in coordinates of the space they span

        def weights_of_rows(point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            of_rows = vectors[:, kept] @ (point / lengths)
            return (transposed @ of_rows) * scale, (of_rows @ dense) * root

        return Problem(
            lambda point: turned @ point,
            lambda slope: slope @ turned,
            len(lengths),
            weights_of_rows,
        )

    def forward(point: np.ndarray) -> np.ndarray:
        scores = grams @ point[:columns].astype(np.float32) + dense @ point[columns:]
        return np.asarray(scores, np.float64)

    def backward(slope: np.ndarray) -> np.ndarray:
        return np.concatenate([transposed @ slope.astype(np.float32), slope @ dense])

    def weights(point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return point[:columns] * scale, point[columns:] * root

    return Problem(forward, backward, columns + dense.shape[1], weights)


def fit(
    problem: Problem,
    targets: Float64[np.ndarray, " rows"],
    loss: Loss,
    alpha: float,
    *,
    start: Fit | None = None,
) -> Fit:
    """The minimum of Σ loss(x·w, t) + α/2 Σ_block |w_block|² / share_block.

    Args:
        problem: the rows.
        targets: of each row.
        loss: with a gradient.
        alpha: of the regularisation.
        start: where to begin, such as the minimum for another strength.
    """
    from scipy.optimize import minimize

    size = problem.size

    def objective(at: np.ndarray) -> tuple[float, np.ndarray]:
        point = at[:size]
        value, by_score, by_extra = loss.value(problem.forward(point), targets, at[size:])
        gradient = np.concatenate([problem.backward(by_score) + alpha * point, by_extra])
        return value + alpha / 2 * float(point @ point), gradient

    first = (
        np.concatenate([np.zeros(size), loss.start(targets)])
        if start is None
        else np.concatenate([start.point, start.extra])
    )
    found = minimize(
        objective, first, jac=True, method="L-BFGS-B",
        options={"maxiter": _STEPS, "ftol": 1e-6, "gtol": 1e-6 * len(targets), "maxcor": 10},
    )  # fmt: skip
    grams, measures = problem.weights(found.x[:size])
    return Fit(grams, measures, found.x[size:], found.x[:size])


def scores_of(design: Design, model: Fit) -> Float64[np.ndarray, " documents"]:
    """x·w of each row, without the loss's own parameters."""
    grams = design.grams @ model.grams.astype(np.float32)
    return np.asarray(grams + design.measures @ model.measures, np.float64)
