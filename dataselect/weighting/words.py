"""What can be concluded from learned weights, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from dataselect.weighting.choice import ONLY, UNIFORM, Choice
from dataselect.weighting.concentration import distance_to_uniform
from dataselect.weighting.estimate import Estimate
from dataselect.weighting.validation import Curve

__all__ = ["in_words", "tried_in_words"]


def in_words(
    *,
    runs: int,
    names: Sequence[str],
    low: Float64[np.ndarray, " scores"],
    spearman: Estimate,
    over_uniform: Estimate,
    over_single: Estimate,
    best_single: str,
    best_run: tuple[str, float],
    expected: Estimate,
    distance: Estimate,
    curve: Curve,
    tried: bool,
) -> tuple[str, ...]:
    """Sentences for a reader who looks at nothing else.

    Args:
        runs: how many were learned from.
        names: of the scores.
        low: the 2.5 % quantile of each weight.
        spearman: of unseen runs.
        over_uniform: gain.
        over_single: gain.
        best_single: that score.
        best_run: the run with the least loss, and that loss.
        expected: the loss at the weights.
        distance: to uniform weights, total variation.
        curve: Spearman by runs.
        tried: whether a run had these weights.
    """
    said = [_ranked(spearman, runs)]
    # Where nothing is predicted, a gain that is predicted is none.
    ranked = not np.isnan(spearman.value) and spearman.low > 0
    said.append(
        _gain(over_uniform, "uniform weights", "uniform weights are as good a choice", ranked)
    )
    said.append(
        _gain(
            over_single,
            f"the best one alone, {best_single},",
            f"{best_single} alone is as good a choice",
            ranked,
        )
    )
    run, measured = best_run
    if ranked and measured < expected.value:  # what was tried does not rest on the regression
        said.append(
            f"The run {run} was measured at {measured:.4g}, less than the {expected.value:.4g} "
            "expected at these weights, which no run has tried: its weights are the safer choice."
        )
    elif not tried:
        said.append("No run has tried these weights: what is said of them is predicted.")
    said.append(_spread(names, low, distance.value))
    return (*said, *_more(curve, runs, ranked))


def tried_in_words(
    choice: Choice,
    *,
    names: Sequence[str],
    spearman: Estimate,
    expected: Estimate,
    curve: Curve,
) -> tuple[str, ...]:
    """Sentences about weights that a run has tried.

    Args:
        choice: of `choose`.
        names: of the scores.
        spearman: of unseen runs.
        expected: the loss at the regression's optimum.
        curve: Spearman by runs.
    """
    assert choice.measured is not None
    said = [_kept(choice)]
    if choice.diverged:
        said.append(
            f"{choice.diverged} of the {len(choice.measured)} runs that were trained again "
            "diverged with some seed, and were passed over."
        )
    if not choice.drawn:
        said.append(
            "Other seeds change nothing in this proxy, so there is no interval; but the best of "
            "many was chosen by the same validation documents that it is measured on."
        )
    over = [(UNIFORM, choice.over_uniform, "uniform weights", "uniform weights are")]
    if choice.single is None:
        said.append("No score was run alone, so that there is none to compare with.")
    else:
        alone = f"{choice.single.removeprefix(ONLY)} alone"
        over.append((choice.single, choice.over_single, alone, f"{alone} is"))
    seeds = len(choice.measured[choice.run_id or ""]) - 1
    said += [
        _tried_gain(gain, name, f"{instead} as good a choice", seeds, choice.drawn)
        for run_id, gain, name, instead in over
        if run_id != choice.run_id
    ]
    said.append(
        _ranked(spearman, choice.tried)
        if spearman.low > 0
        else "The losses of unseen runs are not predicted better than by chance: what the rounds "
        "proposed had little to go by."
    )
    said.append(
        f"The optimum of the regression, predicted at {expected.value:.4g} "
        f"({expected.low:.4g} to {expected.high:.4g}), has not been tried and is not used."
    )
    distance = distance_to_uniform(choice.weights)
    said.append(f"The weights are {_away(distance, names)}.")
    return (*said, *_more(curve, choice.tried, spearman.low > 0))


def _kept(choice: Choice) -> str:
    """What was kept, and its mean loss over the further seeds, by which it was not found."""
    assert choice.measured is not None
    again = {run_id: float(np.mean(own[1:] or own)) for run_id, own in choice.measured.items()}
    own, uniform = again[choice.run_id or ""], again.get(UNIFORM, np.nan)
    if choice.run_id == UNIFORM:
        return (
            f"Uniform weights are kept ({own:.4g}): over all seeds none of the best of "
            f"{choice.tried:,} runs was below them."
        )
    beside = "" if np.isnan(uniform) else f", uniform weights at {uniform:.4g}"
    return (
        f"The weights are those of the run {choice.run_id}, the best of {choice.tried:,} that were "
        f"tried: with further seeds it was measured at {own:.4g}{beside}."
    )


def _tried_gain(gain: Estimate, over: str, instead: str, seeds: int, drawn: bool) -> str:
    if np.isnan(gain.low):
        return _gain_without_interval(gain, over, instead, drawn)
    figure = f"{gain.value:.3g} (95 % interval {gain.low:.3g} to {gain.high:.3g})"
    if gain.high < 0:
        return (
            f"The loss is above that of {over} by {-gain.value:.3g} when trained again with "
            f"{seeds} other seeds: {instead.removesuffix('as good a choice')}the better choice."
        )
    if gain.low > 0:
        return (
            f"Trained again with {seeds} other seeds, each of which judges what the others choose, "
            f"the loss is below that of {over} by {figure}."
        )
    return (
        f"A gain over {over} is not told apart from zero when trained again with {seeds} other "
        f"seeds: {figure}; {instead}."
    )


def _gain_without_interval(gain: Estimate, over: str, instead: str, drawn: bool) -> str:
    if np.isnan(gain.value):
        return f"A gain over {over} is not known: there is no finite loss to compare with."
    if gain.value <= 0:
        return f"There is no gain over {over}: {instead}."
    unsure = "; too few seeds for an interval" if drawn else ""
    return f"The loss is {gain.value:.3g} below that of {over}{unsure}."


def _spread(names: Sequence[str], low: Float64[np.ndarray, " scores"], distance: float) -> str:
    sure = [
        name for name, least in zip(names, low.tolist(), strict=True) if least > 0.5 / len(names)
    ]
    held = ", ".join(sure) if 0 < len(sure) <= 6 else f"{len(sure)} of {len(names)} of them"
    return (
        f"The weights are {_away(distance, names)}; in 97.5 % of the resamples at least half a "
        f"uniform share goes to {held}."
    )


def _away(distance: float, names: Sequence[str]) -> str:
    return f"{distance:.2f} away from uniform (0 is uniform, {1 - 1 / len(names):.2f} a single one)"


def _more(curve: Curve, runs: int, ranked: bool) -> list[str]:
    more = curve.expected.get(2 * runs)
    if not ranked or more is None:
        return []
    now = curve.expected[runs]
    return [
        f"With {2 * runs:,} runs in the place of {runs:,} the rank correlation is expected "
        f"to go from {now.value:.3f} to {more.value:.3f} ({more.low:.3f} to {more.high:.3f})."
    ]


def _ranked(spearman: Estimate, runs: int) -> str:
    if np.isnan(spearman.value) or spearman.low <= 0:
        told = "" if np.isnan(spearman.value) else f" (rank correlation {_interval(spearman, 2)})"
        return (
            f"The losses of unseen runs are not predicted better than by chance{told}: "
            f"{runs:,} runs say nothing about the weights, and neither do the figures below."
        )
    return f"Unseen runs are ranked with a correlation of {_interval(spearman, 3)}."


def _gain(gain: Estimate, over: str, instead: str, ranked: bool) -> str:
    figure = f"{gain.value:.3g} (95 % interval {gain.low:.3g} to {gain.high:.3g})"
    if ranked and gain.low > 0:
        return f"Against {over} the loss is predicted to fall by {figure}."
    if ranked and gain.high < 0:
        return f"Against {over} the loss is predicted to rise by {-gain.value:.3g}: do not use it."
    return f"A gain over {over} is not told apart from zero: {figure}; {instead}."


def _interval(estimate: Estimate, digits: int) -> str:
    return (
        f"{estimate.value:.{digits}f} (95 % interval {estimate.low:.{digits}f} to "
        f"{estimate.high:.{digits}f})"
    )
