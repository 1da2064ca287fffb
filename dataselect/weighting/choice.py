"""Which weights to keep: of those that were tried the best, with what further seeds say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from dataselect.weighting.concentration import distance_to_uniform, effective_scores
from dataselect.weighting.estimate import LEVEL, Estimate

__all__ = [
    "FINALISTS",
    "ONLY",
    "UNIFORM",
    "Choice",
    "choice_to_json",
    "choose",
    "finalists",
    "predicted",
    "with_choice",
]

FINALISTS = 3
UNIFORM, ONLY = "uniform", "only:"
_NONE = Estimate(np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Choice:
    """Weights, and what speaks for them.

    Attributes:
        rule: ``tried``, the weights of a run; or ``predicted``, the optimum of a regression, which
            no run has tried.
        weights: ``[scores]``.
        run_id: whose they are; None where they are predicted.
        measured: run id -> losses of the runs that were trained again: with the seed of the
            design, then with each further one; NaN where a model diverged.
        tried: how many runs the best was found among.
        single: the run of the score that was best alone; None where none was run.
        over_uniform: measured loss at uniform weights less that at the weights; NaN for predicted
            weights.
        over_single: the same against the best single score.
        drawn: whether other seeds change the losses.
        diverged: how many of the runs that were trained again had no loss with some seed, and
            were passed over.
    """

    rule: Literal["tried", "predicted"]
    weights: Float64[np.ndarray, " scores"]
    run_id: str | None = None
    measured: Mapping[str, tuple[float, ...]] | None = None
    tried: int = 0
    single: str | None = None
    over_uniform: Estimate = _NONE
    over_single: Estimate = _NONE
    drawn: bool = True
    diverged: int = 0


def predicted(weights: Float64[np.ndarray, " scores"]) -> Choice:
    """Weights that a regression proposes and nothing has tried."""
    return Choice("predicted", weights)


def finalists(run_ids: Sequence[str], losses: Float64[np.ndarray, " runs"]) -> tuple[str, ...]:
    """The runs to train again: uniform weights, the best single score, the best three of all.

    Args:
        run_ids: of the runs.
        losses: of them, finite; of equal ones the first counts.
    """
    order = [run_ids[at] for at in np.argsort(losses, kind="stable").tolist()]
    alone = [run_id for run_id in order if run_id.startswith(ONLY)][:1]
    known = [run_id for run_id in (UNIFORM,) if run_id in order]
    return tuple(dict.fromkeys([*known, *alone, *order[:FINALISTS]]))


def choose(
    run_ids: Sequence[str],
    weights: Float64[np.ndarray, "runs scores"],
    losses: Float64[np.ndarray, " runs"],
    repeats: Sequence[Mapping[str, float]],
) -> Choice:
    """The best of the finalists over all seeds, and what it gains, judged by other seeds.

    The least of many measured losses is partly luck. So the finalists are trained again with R
    further seeds. With each of these, s, the choice v_s that all *other* seeds make is judged:
    its gain is g_s = L_s(uniform) − L_s(v_s), which it has not been chosen by. The gain is their
    mean ± t √(var(g_s) / R), t Student's with R − 1 degrees of freedom: of pairs, since some
    vectors' losses vary more than others' and those of like vectors vary together. Where seeds
    change nothing there is no interval.

    Args:
        run_ids: of all runs.
        weights: of them.
        losses: of them, with the seed of the design; finite.
        repeats: of each further seed: run id -> loss, NaN where the model diverged; of the
            `finalists`.

    References:
        Stone 1974, cross-validatory choice; Efron 2011, the winner's curse.
    """
    first = dict(zip(run_ids, losses.tolist(), strict=True))
    ids = finalists(run_ids, losses)
    measured = {
        run_id: (first[run_id], *(found.get(run_id, np.nan) for found in repeats)) for run_id in ids
    }
    kept = [run_id for run_id in ids if np.isfinite(measured[run_id]).all()]
    kept = kept or [run_ids[int(np.argmin(losses))]]
    table = np.array([measured[run_id] for run_id in kept])
    best = kept[int(np.argmin(table.mean(axis=1)))]
    single = next((run_id for run_id in ids if run_id.startswith(ONLY)), None)
    over_uniform, over_single = (
        _judged(table, kept.index(run_id)) if run_id in kept else _NONE
        for run_id in (UNIFORM, single)
    )
    return Choice(
        "tried",
        weights[list(run_ids).index(best)],
        best,
        measured,
        len(run_ids),
        single,
        over_uniform,
        over_single,
        drawn=bool((table != table[:, :1]).any()),
        diverged=sum(not np.isfinite(own).all() for own in measured.values()),
    )


def _judged(table: Float64[np.ndarray, "vectors seeds"], against: int) -> Estimate:
    """The mean gain of what the other seeds choose, over the further seeds."""
    seeds = table.shape[1] - 1
    if not seeds:
        return _NONE
    gains = []
    for seed in range(1, seeds + 1):
        own = int(np.argmin(np.delete(table, seed, axis=1).mean(axis=1)))
        gains.append(table[against, seed] - table[own, seed])
    value, drawn = float(np.mean(gains)), bool((table != table[:, :1]).any())
    if not drawn or seeds < 2:
        return Estimate(value, np.nan, np.nan)
    from scipy.special import stdtrit

    quantile = float(stdtrit(seeds - 1, (1 + LEVEL) / 2))
    off = quantile * float(np.std(gains, ddof=1)) / float(np.sqrt(seeds))
    return Estimate(value, value - off, value + off)


def with_choice(result: dict[str, Any], choice: Choice) -> dict[str, Any]:
    """What was learned, as JSON values, with the weights that were chosen.

    ``weight`` is then what is written, ``predicted`` the optimum of the regression, and ``low``
    and ``high`` remain of that optimum.
    """
    weights = {
        name: {"weight": weight, "predicted": own["weight"]} | {k: own[k] for k in ("low", "high")}
        for (name, own), weight in zip(
            result["weights"].items(), choice.weights.tolist(), strict=True
        )
    }
    return result | {"choice": choice_to_json(choice), "weights": weights}


def choice_to_json(choice: Choice) -> dict[str, Any]:
    """A JSON object of all but the weights; null where a NaN stood."""
    found: dict[str, Any] = {
        "rule": choice.rule,
        "run_id": choice.run_id,
        "distance_to_uniform": distance_to_uniform(choice.weights),
        "effective_scores": effective_scores(choice.weights),
    }
    if choice.measured is None:
        return found
    return found | {
        "tried": choice.tried,
        "measured": {
            run_id: [None if np.isnan(loss) else loss for loss in own]
            for run_id, own in choice.measured.items()
        },
        "gain_over_uniform": choice.over_uniform.to_json(),
        "best_single": choice.single,
        "gain_over_best_single": choice.over_single.to_json(),
        "seeds_change_losses": choice.drawn,
        "diverged": choice.diverged,
    }
