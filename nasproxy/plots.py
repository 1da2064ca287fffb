"""Pictures of scores, rankings and searches, as PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Bool, Float64, Num

from nasproxy.errors import NasproxyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["best_so_far", "incumbents", "pareto_front", "rank_scatter", "score_histogram"]

_INK = "#22313f"
_QUIET = "#8a949e"
_COLOURS = ("#1f6fb2", "#d1662b", "#3f8f5b", "#8a5bb0", "#b5892e", "#5a6b78")


def rank_scatter(
    scores: Num[np.ndarray, " n"], truth: Num[np.ndarray, " n"], *, name: str, target: str
) -> bytes:
    """Each architecture's rank by a proxy against its true rank, with Kendall's tau.

    Args:
        scores: ``[n]``, more is better; pairs with NaN are left out.
        truth: ``[n]``, more is better.
        name: of the proxy.
        target: of the truth, such as ``CIFAR-10 test accuracy``.

    Returns:
        A PNG image.

    Raises:
        NasproxyError: matplotlib is missing, or the pairs have no correlation.
    """
    from nasproxy.ranking import agreement, average_ranks

    figure, axes = _canvas(5.6, 5.6)
    found = agreement(scores, truth, name=name)
    known = ~(np.isnan(scores) | np.isnan(truth))
    x = average_ranks(scores[known].astype(np.float64))
    y = average_ranks(truth[known].astype(np.float64))
    n = found.n
    # Points fade as they become many, so that density stays visible.
    opacity = float(np.clip(60 / np.sqrt(n), 0.12, 0.8))
    size = float(np.clip(4000 / n, 3, 28))
    axes.plot([1, n], [1, n], color=_QUIET, linewidth=1, linestyle=(0, (4, 4)), zorder=1)
    axes.scatter(x, y, s=size, alpha=opacity, color=_COLOURS[0], linewidths=0, zorder=2)
    axes.set_xlim(1 - 0.02 * n, 1.02 * n)
    axes.set_ylim(1 - 0.02 * n, 1.02 * n)
    axes.set_aspect("equal")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel(f"rank by {name} (1 = worst, {n:,} = best)")
    axes.set_ylabel(f"rank by {target}")
    tau, rho = found.kendall, found.spearman
    _title(
        axes,
        f"{name}: Kendall τ = {tau.value:.3f}",
        f"95 % interval {tau.low:.3f} to {tau.high:.3f};  Spearman ρ = {rho.value:.3f};  n = {n:,}",
    )
    return _png(figure)


def incumbents(
    judged_by: Num[np.ndarray, " n"], values: Num[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """The value of the pick after each evaluation: of the one judged best up to there.

    Args:
        judged_by: ``[n]`` in the order of evaluation, more is better, NaN is never picked.
        values: ``[n]``, what each would bring, such as its true accuracy.

    Returns:
        float64 ``[n]``; NaN until something can be picked. The first of equals stays.
    """
    judged = np.where(np.isnan(judged_by), -np.inf, judged_by.astype(np.float64))
    best = np.maximum.accumulate(judged)
    fresh = np.concatenate(([True], judged[1:] > best[:-1]))
    pick = np.maximum.accumulate(np.where(fresh, np.arange(len(judged)), 0))
    out: Float64[np.ndarray, " n"] = values.astype(np.float64)[pick]
    return np.where(np.isnan(judged_by[pick]), np.nan, out)


def best_so_far(
    curves: Mapping[str, Num[np.ndarray, "..."]],
    *,
    quantity: str,
    optimum: float | None = None,
    higher_is_better: bool = True,
) -> bytes:
    """The value of the pick after each evaluation, and how far it is from the optimum.

    Args:
        curves: by name ``[evaluations]``, or ``[runs, evaluations]`` drawn as their mean in a
            band that holds the middle half of the runs; as ``incumbents`` gives them.
        quantity: what the values are, with their unit, such as ``test accuracy (%)``.
        optimum: the best there is, in the same unit, or None where nobody knows it.
        higher_is_better: the direction of the values.

    Returns:
        A PNG image.

    Raises:
        NasproxyError: matplotlib is missing, or there is nothing to draw.
    """
    runs = {name: np.atleast_2d(values.astype(np.float64)) for name, values in curves.items()}
    for name, values in runs.items():
        if values.ndim != 2 or not np.isfinite(values[:, -1:]).any():
            raise NasproxyError(
                f"the curve {name!r} of shape {list(curves[name].shape)} ends in no number",
                accepted="[evaluations] or [runs, evaluations], the last of them known",
            )
    if not runs:
        raise NasproxyError("there is no curve to draw", accepted="one curve or more by name")
    figure, axes = _canvas(7.2, 4.4)
    from matplotlib.ticker import MaxNLocator

    ends = []
    for (name, values), colour in zip(runs.items(), _cycled(len(runs)), strict=True):
        evaluations = np.arange(1, values.shape[1] + 1)
        mean = values.mean(axis=0)
        if len(values) > 1:
            low, high = np.quantile(values, [0.25, 0.75], axis=0)
            axes.fill_between(
                evaluations, low, high, step="post", color=colour, alpha=0.15, linewidth=0
            )
        end = float(mean[np.isfinite(mean)][-1])
        regret = "" if optimum is None else f"  (regret {abs(optimum - end):.2f})"
        of = f", mean of {len(values)} runs" if len(values) > 1 else ""
        axes.step(
            evaluations,
            mean,
            where="post",
            color=colour,
            linewidth=1.8,
            label=f"{name}{of}: {end:.2f}{regret}",
        )
        ends.append(mean)
    if optimum is not None:
        axes.axhline(
            optimum, color=_INK, linewidth=1, linestyle=(0, (5, 3)), label=f"optimum: {optimum:.2f}"
        )
    axes.set_xlim(1, max(values.shape[1] for values in runs.values()))
    axes.set_ylim(*_focus(ends, optimum, higher_is_better))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("evaluations (architectures scored)")
    axes.set_ylabel(quantity)
    corner: Literal["lower right", "upper right"]
    corner = "lower right" if higher_is_better else "upper right"
    axes.legend(loc=corner, frameon=True, framealpha=0.9, edgecolor="none", fontsize=9)
    banded = any(len(values) > 1 for values in runs.values())
    _title(
        axes,
        "The pick so far",
        f"{quantity} of the best-ranked network after each evaluation"
        + (";  bands: middle half of the runs" * banded),
    )
    return _png(figure)


def pareto_front(
    values: Num[np.ndarray, "n o"],
    front: Bool[np.ndarray, " n"],
    *,
    labels: Sequence[str],
    higher_is_better: Sequence[bool],
) -> bytes:
    """Networks by their objectives, and which of them no other is better than in all.

    The first objective stands on the vertical axis of a panel for each of the others. With three
    objectives or more a network may be on the front by an objective that a panel does not show.

    Args:
        values: ``[n, objectives]``, two objectives or more, in their own units; networks with NaN
            are left out.
        front: bool ``[n]``, whether each is on the Pareto front.
        labels: of the objectives, with their units.
        higher_is_better: their directions.

    Returns:
        A PNG image.

    Raises:
        NasproxyError: matplotlib is missing.
    """
    known = np.isfinite(values).all(axis=1)
    points, on_it = values[known].astype(np.float64), front[known]
    figure, _ = _canvas(5.6 * (len(labels) - 1), 4.8)
    figure.clear()
    panels = figure.subplots(1, len(labels) - 1, squeeze=False)[0]
    for at, axes in enumerate(panels, start=1):
        _style(axes)
        x, y = points[:, at], points[:, 0]
        axes.scatter(x[~on_it], y[~on_it], s=14, color=_QUIET, alpha=0.5, linewidths=0)
        order = np.lexsort((y[on_it], x[on_it]))
        if len(labels) == 2:
            # To the next point along the axis nothing better is known: a step, and no slope.
            where = "pre" if higher_is_better[at] else "post"
            axes.step(x[on_it][order], y[on_it][order], where=where, color=_COLOURS[0], lw=1.4)
        axes.scatter(x[on_it], y[on_it], s=30, color=_COLOURS[0], zorder=3, linewidths=0)
        for axis, shown in ((axes.set_xlabel, at), (axes.set_ylabel, 0)):
            better = "more" if higher_is_better[shown] else "less"
            axis(f"{labels[shown]}, {better} is better")
    _title(
        panels[0],
        f"Pareto front: {int(on_it.sum())} of {len(points)} networks",
        "no other network is as good in every objective and better in one",
    )
    return _png(figure)


def score_histogram(
    scores: Num[np.ndarray, " n"], *, name: str, marked: Mapping[str, float] | None = None
) -> bytes:
    """How a proxy's scores are spread.

    Args:
        scores: ``[n]``; NaN and infinities are left out and counted in the picture.
        name: of the proxy.
        marked: scores to point out, by label.

    Returns:
        A PNG image.

    Raises:
        NasproxyError: matplotlib is missing, or no score is finite.
    """
    values = scores[np.isfinite(scores)]
    if not len(values):
        raise NasproxyError(
            f"none of the {len(scores)} scores of {name} is finite",
            accepted="at least one finite score",
        )
    figure, axes = _canvas(7.2, 4.0)
    axes.hist(values, bins=_bins(values), color=_COLOURS[0], alpha=0.85)
    for (label, value), colour in zip(
        (marked or {}).items(), _cycled(len(marked or {}), skip=1), strict=True
    ):
        axes.axvline(value, color=colour, linewidth=1.6, label=f"{label}: {value:.4g}")
    if marked:
        axes.legend(frameon=True, framealpha=0.9, edgecolor="none", fontsize=9)
    axes.set_xlabel(name)
    axes.set_ylabel("architectures")
    without = len(scores) - len(values)
    _title(
        axes,
        f"Scores of {len(values):,} architectures by {name}",
        f"without a finite score, and not shown: {without:,}" if without else "",
    )
    return _png(figure)


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    try:
        # Figure alone needs neither pyplot nor a display, and changes no global setting.
        from matplotlib.figure import Figure
    except ImportError as error:
        raise NasproxyError(
            "pictures need matplotlib, which is not installed",
            hint="pip install 'zerocost[plot]'",
        ) from error
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    _style(axes)
    return figure, axes


def _style(axes: Axes) -> None:
    axes.grid(color="#e3e7ea", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_QUIET)
    axes.tick_params(colors=_INK, labelsize=9)
    axes.xaxis.label.set_color(_INK)
    axes.yaxis.label.set_color(_INK)


def _title(axes: Axes, title: str, below: str) -> None:
    axes.set_title(
        title, loc="left", color=_INK, fontsize=12, fontweight="bold", pad=24 if below else 10
    )
    axes.annotate(
        below,
        (0, 1),
        xytext=(0, 8),
        xycoords="axes fraction",
        textcoords="offset points",
        color=_QUIET,
        fontsize=9,
    )


def _cycled(count: int, *, skip: int = 0) -> list[str]:
    return [_COLOURS[(index + skip) % len(_COLOURS)] for index in range(count)]


def _bins(values: np.ndarray) -> int:
    # Freedman and Diaconis (1981), within what a reader can tell apart: a single outlier, such
    # as a sentinel of -1e8, would ask for millions.
    low, high = np.quantile(values, [0.25, 0.75])
    if high == low:
        return 10
    return int(np.clip(np.ptp(values) * np.cbrt(len(values)) / (2 * (high - low)), 10, 80))


def _focus(ends: list[np.ndarray], optimum: float | None, up: bool) -> tuple[float, float]:
    # The first picks may be far off; a scale that holds them all would flatten the rest.
    known = np.concatenate([mean[np.isfinite(mean)] for mean in ends])
    sign = 1.0 if up else -1.0
    low = min(float(np.quantile(sign * mean[np.isfinite(mean)], 0.04)) for mean in ends)
    high = max(float((sign * known).max()), -np.inf if optimum is None else sign * optimum)
    margin = 0.06 * (high - low) or 0.01 * abs(high) or 1.0
    return (low - margin, high + margin) if up else (-high - margin, -low + margin)


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    # The name of the writing software would make the bytes differ between versions.
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()
