"""From a table of runs to weights, with how far they can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from dataselect.weighting.runs import Runs

__all__ = ["Estimate", "Learned", "learn", "learned_to_json"]

Optimiser = Literal["direct", "published"]


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Learned:
    """What `learn` found; see docs/weighting.md.

    Attributes:
        names: of the scores.
        objective: share of each target in the loss that was minimised.
        regressor: by which the optimum was found.
        members: of a stack: name -> share; empty for others.
        weights: ``[scores]``, the optimum.
        low: ``[scores]``, 2.5 % quantile of each weight over resamples of the runs.
        high: ``[scores]``, the 97.5 % quantile.
        resampled: ``[resamples, scores]``, the optimum of each resample.
        predicted: the loss at the optimum.
        gain_over_uniform: predicted loss at uniform weights less that at the optimum.
        gain_over_single: the same against the best single score.
        best_single: that score.
        distance_to_uniform: total variation, 0 .. 1 − 1 / scores.
        spearman: of predictions of runs that took no part in any choice, by target.
        learning_curve: Spearman by number of training runs.
        in_words: what can be concluded, a sentence each.
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
    best_single: str
    distance_to_uniform: Estimate
    spearman: Mapping[str, Estimate]
    learning_curve: Mapping[int, Estimate]
    in_words: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


def learn(
    runs: Runs,
    *,
    target: str | Mapping[str, float] = "mean",
    regressor: str = "stack",
    optimiser: Optimiser = "direct",
    bounds: Mapping[str, tuple[float, float]] | None = None,
    resamples: int = 40,
    seed: int = 0,
    on_step: Callable[[str, int, int], None] | None = None,
) -> Learned:
    """The weights at which the predicted loss is least, and how sure that is.

    Args:
        runs: the table.
        target: ``mean`` of all targets, the name of one, or shares by name.
        regressor: ``stack``, ``lightgbm``, ``gp``, ``ridge`` or ``mixing_law``.
        optimiser: ``direct`` on the simplex, or ``published``: a million draws, the mean of the
            best 128.
        bounds: the least and the greatest weight by name; 0 to 1 where not named.
        resamples: how often the runs are resampled for the intervals.
        seed: of all draws.
        on_step: called with (step, done, total).
    """
    raise NotImplementedError  # the signature is agreed on first


def learned_to_json(learned: Learned) -> dict[str, Any]:
    """A JSON object of all of it."""
    raise NotImplementedError
