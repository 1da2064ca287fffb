"""What was learned from a table of runs, and its forms: JSON, ``weights.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float64

from dataselect.selection.weights import ColumnWeight, Weights
from dataselect.weighting.estimate import Estimate
from dataselect.weighting.validation import Curve, Validation

__all__ = ["Learned", "learned_to_json", "learned_to_weights"]


@dataclass(frozen=True)
class Learned:
    """What `learn` found.

    Attributes:
        names: of the scores.
        objective: target -> its share of the loss that was minimised.
        regressor: by which the optimum was found.
        members: of a stack: name -> share; empty for others.
        weights: ``[scores]``, the optimum.
        low: ``[scores]``, 2.5 % quantile of each weight over resamples of the runs.
        high: ``[scores]``, the 97.5 % quantile.
        resampled: ``[resamples, scores]``, the optimum of each resample.
        predicted: the loss at the optimum, corrected for having been searched for.
        gain_over_uniform: loss at uniform weights less that at the optimum, corrected likewise.
        gain_over_single: the same against the best single score.
        uncorrected: ``predicted``, ``gain_over_uniform`` and ``gain_over_single`` as the fit has
            them at its own optimum.
        best_single: the score that is best alone, as far as the fit can tell.
        distance_to_uniform: total variation, ½ Σ |w_j − 1/k|, 0 to 1 − 1/k.
        effective_scores: 1 / Σ w²: k for uniform weights, 1 for one score.
        validation: of the objective, out of fold.
        spearman: out of fold, by target, and ``objective``.
        curve: Spearman of the objective by the number of runs.
        in_words: what can be concluded, a sentence each.
        settings: what was asked.
    """

    names: tuple[str, ...]
    objective: Mapping[str, float]
    regressor: str
    members: Mapping[str, float]
    weights: Float64[np.ndarray, " scores"]
    low: Float64[np.ndarray, " scores"]
    high: Float64[np.ndarray, " scores"]
    resampled: Float64[np.ndarray, "resamples scores"]
    predicted: Estimate
    gain_over_uniform: Estimate
    gain_over_single: Estimate
    uncorrected: Mapping[str, float]
    best_single: str
    distance_to_uniform: Estimate
    effective_scores: float
    validation: Validation
    spearman: Mapping[str, Estimate]
    curve: Curve
    in_words: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


def learned_to_json(learned: Learned) -> dict[str, Any]:
    """A JSON object of all but the single predictions and resamples; null where a NaN stood."""
    r2 = learned.validation.r2
    return {
        "objective": dict(learned.objective),
        "regressor": learned.regressor,
        "members": dict(learned.members),
        "weights": {
            name: {"weight": weight, "low": low, "high": high}
            for name, weight, low, high in zip(
                learned.names,
                learned.weights.tolist(),
                learned.low.tolist(),
                learned.high.tolist(),
                strict=True,
            )
        },
        "predicted_loss": learned.predicted.to_json(),
        "gain_over_uniform": learned.gain_over_uniform.to_json(),
        "gain_over_best_single": learned.gain_over_single.to_json(),
        "uncorrected": dict(learned.uncorrected),
        "best_single": learned.best_single,
        "distance_to_uniform": learned.distance_to_uniform.to_json(),
        "effective_scores": learned.effective_scores,
        "spearman": {name: own.to_json() for name, own in learned.spearman.items()},
        "r2": None if np.isnan(r2) else r2,
        "learning_curve": {
            "by_runs": {str(m): own.to_json() for m, own in learned.curve.by_runs.items()},
            "expected": {str(m): own.to_json() for m, own in learned.curve.expected.items()},
        },
        "in_words": list(learned.in_words),
        "settings": dict(learned.settings),
    }


def learned_to_weights(
    learned: Learned,
    columns: Mapping[str, ColumnWeight] | None = None,
    made_by: Mapping[str, Any] | None = None,
) -> Weights:
    """Weights that `select` takes.

    Args:
        learned: what was learned.
        columns: how each score was brought to the common scale in the runs, by name; None leaves
            that to the defaults.
        made_by: added to what is learned, in ``made_by``.
    """
    forms = columns or {name: ColumnWeight(0.0) for name in learned.names}
    return Weights(
        {
            name: replace(forms[name], weight=float(weight))
            for name, weight in zip(learned.names, learned.weights, strict=True)
        },
        {"learned": learned_to_json(learned), **(made_by or {})},
    )
