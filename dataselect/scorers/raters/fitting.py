"""A linear model of one strength of regularisation after another, by L-BFGS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from dataselect.scorers.raters.losses import Loss
from dataselect.scorers.raters.scaling import Design

__all__ = ["Fit", "Strength", "fit", "scores_of"]

_CHARACTERS = 0.5
_STEPS = 100


@dataclass(frozen=True)
class Strength:
    """How much a model is held back.

    Attributes:
        alpha: times half the squared length of the weights, beside the sum of the losses.
        measures: the share that signals and vocabulary have beside the tokens' 1 and the
            characters' 0.5: their variance under the prior.
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
    """

    grams: Float64[np.ndarray, " columns"]
    measures: Float64[np.ndarray, " measures"]
    extra: Float64[np.ndarray, " extra"]


def fit(
    design: Design,
    targets: Float64[np.ndarray, " documents"],
    loss: Loss,
    strength: Strength,
    *,
    bits: int,
    start: Fit | None = None,
) -> Fit:
    """The minimum of Σ loss(x·w, t) + α/2 Σ_block |w_block|² / share_block.

    Args:
        design: the documents, or differences of pairs of them.
        targets: of each row.
        loss: with a gradient.
        strength: of the regularisation.
        bits: 2^bits columns' buckets are words, the others characters.
        start: where to begin, such as the minimum for another strength.
    """
    from scipy.optimize import minimize

    columns, measures = design.grams.shape[1], design.measures.shape[1]
    scale = np.concatenate(
        [
            np.where(design.columns < 1 << bits, 1.0, np.sqrt(_CHARACTERS)),
            np.full(measures, np.sqrt(strength.measures)),
        ]
    )
    transposed = design.grams.T
    weights = columns + measures

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        scaled = point[:weights] * scale
        scores = design.grams @ scaled[:columns].astype(np.float32) + (
            design.measures @ scaled[columns:]
        )
        value, by_score, by_extra = loss.value(scores.astype(np.float64), targets, point[weights:])
        slope = np.concatenate(
            [transposed @ by_score.astype(np.float32), design.measures.T @ by_score]
        )
        gradient = np.concatenate([slope * scale + strength.alpha * point[:weights], by_extra])
        return value + strength.alpha / 2 * float(point[:weights] @ point[:weights]), gradient

    if start is None:
        first = np.concatenate([np.zeros(weights), loss.start(targets)])
    else:
        first = np.concatenate([np.concatenate([start.grams, start.measures]) / scale, start.extra])
    found = minimize(
        objective, first, jac=True, method="L-BFGS-B",
        options={"maxiter": _STEPS, "ftol": 1e-6, "gtol": 1e-6 * len(targets), "maxcor": 10},
    )  # fmt: skip
    point = found.x[:weights] * scale
    return Fit(point[:columns], point[columns:], found.x[weights:])


def scores_of(design: Design, model: Fit) -> Float64[np.ndarray, " documents"]:
    """x·w of each row, without the loss's own parameters."""
    grams = design.grams @ model.grams.astype(np.float32)
    return np.asarray(grams + design.measures @ model.measures, np.float64)
