"""What a rater is fitted to: each loss with its gradient, and what its score means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

__all__ = ["LOSSES", "Loss", "LossName", "expected_class", "offset_of"]

LossName = Literal["ridge", "logistic", "ordinal", "pairwise"]
Gradient = tuple[float, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Loss:
    """A convex loss of scores and parameters of its own.

    Attributes:
        name: of the loss.
        start: from targets to the first parameters.
        value: from scores, targets and parameters to the sum over documents, its gradient by the
            scores, and its gradient by the parameters.
    """

    name: LossName
    start: Callable[[np.ndarray], np.ndarray]
    value: Callable[[np.ndarray, np.ndarray, np.ndarray], Gradient]


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


def _squared(scores: np.ndarray, targets: np.ndarray, bias: np.ndarray) -> Gradient:
    """½ Σ (s + b - t)²."""
    error = scores + bias[0] - targets
    return float(error @ error) / 2, error, np.array([error.sum()])


def _cross_entropy(scores: np.ndarray, targets: np.ndarray, bias: np.ndarray) -> Gradient:
    """Σ log(1 + eˣ) - t x with x = s + b; targets from 0 to 1."""
    x = scores + bias[0]
    slope = _sigmoid(x) - targets
    return float(np.logaddexp(0, x).sum() - targets @ x), slope, np.array([slope.sum()])


def _preference(scores: np.ndarray, targets: np.ndarray, nothing: np.ndarray) -> Gradient:
    """The same of differences of scores, without a bias: Bradley and Terry's model."""
    slope = _sigmoid(scores) - targets
    return float(np.logaddexp(0, scores).sum() - targets @ scores), slope, nothing


def _cumulative(scores: np.ndarray, targets: np.ndarray, steps: np.ndarray) -> Gradient:
    """-Σ log P(class); P(class > k) = σ(s - c_k), c_0 = steps_0, c_k = c_{k-1} + exp(steps_k)."""
    cuts = _cuts(steps)
    classes = targets.astype(np.int64)
    last = len(cuts)
    below = np.where(classes > 0, _sigmoid(scores - cuts[np.maximum(classes, 1) - 1]), 1.0)
    above = np.where(classes < last, _sigmoid(scores - cuts[np.minimum(classes, last - 1)]), 0.0)
    chance = np.maximum(below - above, 1e-12)
    low, high = below * (1 - below) / chance, above * (1 - above) / chance
    by_cut = np.bincount(np.maximum(classes, 1) - 1, low * (classes > 0), minlength=last)
    by_cut -= np.bincount(np.minimum(classes, last - 1), high * (classes < last), minlength=last)
    by_step = np.cumsum(by_cut[::-1])[::-1].copy()
    by_step[1:] *= np.exp(steps[1:])
    return float(-np.log(chance).sum()), high - low, by_step


def _cuts(steps: np.ndarray) -> np.ndarray:
    return np.asarray(steps[0] + np.concatenate([[0.0], np.cumsum(np.exp(steps[1:]))]))


def _first_steps(targets: np.ndarray) -> np.ndarray:
    classes = int(targets.max()) + 1
    share = np.array([(targets > k).mean() for k in range(classes - 1)])
    share = np.clip(share, 1e-4, 1 - 1e-4)
    cuts = -np.log(share / (1 - share))
    return np.concatenate([cuts[:1], np.log(np.maximum(np.diff(cuts), 1e-3))])


def offset_of(loss: LossName, extra: Float64[np.ndarray, " extra"]) -> float:
    """What a model adds to its scores before it compares them: its bias; minus its mean cut."""
    if loss == "ordinal":
        return -float(_cuts(extra).mean())
    return float(extra[0]) if len(extra) else 0.0


def expected_class(
    scores: Float64[np.ndarray, " documents"], steps: Float64[np.ndarray, " steps"]
) -> Float64[np.ndarray, " documents"]:
    """Σ_k P(class > k): the mean of an ordinal model's classes 0, 1, ..."""
    found = np.zeros(len(scores))
    for cut in _cuts(steps):
        found += _sigmoid(scores - cut)
    return found


def _logit_of_mean(targets: np.ndarray) -> np.ndarray:
    mean = min(max(float(targets.mean()), 1e-6), 1 - 1e-6)
    return np.array([np.log(mean / (1 - mean))])


LOSSES: dict[str, Loss] = {
    "ridge": Loss("ridge", lambda targets: np.array([targets.mean()]), _squared),
    "logistic": Loss("logistic", _logit_of_mean, _cross_entropy),
    "ordinal": Loss("ordinal", _first_steps, _cumulative),
    "pairwise": Loss("pairwise", lambda targets: np.zeros(0), _preference),
}
"""By name: squared error; cross-entropy; cumulative logits (McCullagh 1980); preferences (Bradley
and Terry 1952)."""
