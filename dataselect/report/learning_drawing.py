"""Pictures of what was learned from proxy runs, as SVG text like those of `drawing`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

import numpy as np
from jaxtyping import Float64

from dataselect.report.drawing import LETTER, number
from dataselect.weighting.estimate import Estimate

__all__ = ["draw_curve", "draw_fit", "draw_weights"]

ROW, BAR = 22, 420
SIDE, EDGE = 320, 46


def draw_weights(
    names: Sequence[str],
    weights: Float64[np.ndarray, " scores"],
    low: Float64[np.ndarray, " scores"],
    high: Float64[np.ndarray, " scores"],
) -> str:
    """A bar a score with its interval, the greatest first, and a line at uniform weights."""
    order = np.argsort(-weights, kind="stable").tolist()
    top = max(float(high.max()), float(weights.max()), 1e-9)
    left = 16 + round(1.15 * LETTER * max(map(len, names)))
    uniform = left + BAR / len(names) / top
    height = ROW * len(names)
    parts = [f'<path class="limit" d="M{uniform:.1f} 0V{height}"><title>uniform</title></path>']
    for row, at in enumerate(order):
        y = row * ROW + ROW / 2
        ends = [left + BAR * float(value) / top for value in (low[at], high[at])]
        said = f"{names[at]}: {weights[at]:.3f}, {low[at]:.3f} to {high[at]:.3f}"
        parts.append(
            f'<g><title>{escape(said)}</title><text x="{left - 8}" y="{y + 4}" '
            f'text-anchor="end">{escape(names[at])}</text><path class="bars" d="M{left} {y - 6}h'
            f'{max(BAR * float(weights[at]) / top, 0.5):.1f}v12H{left}z"/><path class="median" '
            f'd="M{ends[0]:.1f} {y}H{ends[1]:.1f}M{ends[0]:.1f} {y - 3}v6M{ends[1]:.1f} {y - 3}v6"/>'
            f'<text x="{left + BAR + 12}" y="{y + 4}">{weights[at]:.3f}</text></g>'
        )
    width = left + BAR + 60
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" '
        f'aria-label="learned weights">{"".join(parts)}</svg>'
    )


def draw_fit(
    predicted: Float64[np.ndarray, " runs"],
    observed: Float64[np.ndarray, " runs"],
    run_ids: Sequence[str],
) -> str:
    """Loss as predicted out of fold against the loss that was measured, a point a run."""
    low = float(min(predicted.min(), observed.min()))
    high = float(max(predicted.max(), observed.max()))
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return EDGE + (SIDE - EDGE - 8) * (value - low) / span

    points = [
        f'<circle cx="{place(float(x)):.1f}" cy="{SIDE - place(float(y)):.1f}" r="3.2">'
        f"<title>{escape(run_id)}: predicted {x:.4f}, measured {y:.4f}</title></circle>"
        for x, y, run_id in zip(predicted, observed, run_ids, strict=True)
    ]
    first, last = place(low), place(high)
    diagonal = f'<path class="limit" d="M{first:.1f} {SIDE - first:.1f}L{last:.1f} {SIDE - last:.1f}"/>'
    ends = "".join(
        f'<text x="{place(value):.0f}" y="{SIDE - 26}" text-anchor="{anchor}">{value:.3f}</text>'
        f'<text x="{EDGE - 6}" y="{SIDE - place(value) + shift:.0f}" text-anchor="end">{value:.3f}</text>'
        for value, anchor, shift in ((low, "start", 0), (high, "end", 8))
    )
    names = (
        f'<text x="{SIDE / 2 + 20}" y="{SIDE - 8}" text-anchor="middle">predicted loss</text>'
        f'<text x="12" y="{SIDE / 2}" text-anchor="middle" '
        f'transform="rotate(-90 12 {SIDE / 2})">measured loss</text>'
    )
    return (
        f'<svg class="fit" viewBox="0 0 {SIDE} {SIDE}" width="{SIDE}" role="img" '
        f'aria-label="predicted and measured losses">{_frame()}{diagonal}{"".join(points)}'
        f"{ends}{names}</svg>"
    )


def draw_curve(measured: Mapping[int, Estimate], expected: Mapping[int, Estimate]) -> str:
    """Spearman by the number of runs: measured with intervals, and what more would give."""
    every = {**expected, **measured}
    known = {m: own for m, own in every.items() if math.isfinite(own.value)}
    if len(known) < 2:
        return ""
    sizes = sorted(known)
    floor = min(min(own.value, _finite(own.low, own.value)) for own in known.values())
    floor = max(-1.0, math.floor(10 * floor) / 10)
    floor = min(floor, 0.9)

    def x(runs: int) -> float:
        share = math.log(runs / sizes[0]) / math.log(sizes[-1] / sizes[0])
        return EDGE + (SIDE - EDGE - 20) * share

    def y(value: float) -> float:
        share = (min(max(value, floor), 1.0) - floor) / (1 - floor)
        return SIDE - EDGE - (SIDE - EDGE - 8) * share

    line = "L".join(f"{x(m):.1f} {y(known[m].value):.1f}" for m in sizes)
    parts = [_frame(), f'<path class="curve" d="M{line}"/>']
    for runs in sizes:
        own, is_measured = known[runs], runs in measured
        low, high = _finite(own.low, own.value), _finite(own.high, own.value)
        kind = "" if is_measured else ' class="open"'
        said = f"{runs} runs: {own.value:.3f}" + ("" if is_measured else ", expected")
        parts.append(
            f'<g{kind}><title>{said}</title><path class="median" d="M{x(runs):.1f} {y(low):.1f}'
            f'V{y(high):.1f}"/><circle cx="{x(runs):.1f}" cy="{y(own.value):.1f}" r="4"/></g>'
            f'<text x="{x(runs):.0f}" y="{SIDE - 26}" text-anchor="middle">{runs}</text>'
        )
    for value in (floor, (1 + floor) / 2, 1.0):
        parts.append(
            f'<text x="{EDGE - 6}" y="{y(value) + 4:.0f}" text-anchor="end">{number(value)}</text>'
        )
    parts.append(
        f'<text x="{SIDE / 2 + 20}" y="{SIDE - 8}" text-anchor="middle">runs learned from</text>'
    )
    return (
        f'<svg class="fit" viewBox="0 0 {SIDE} {SIDE}" width="{SIDE}" role="img" '
        f'aria-label="Spearman by the number of runs">{"".join(parts)}</svg>'
    )


def _frame() -> str:
    return f'<path class="axis" fill="none" d="M{EDGE}.5 8V{SIDE - EDGE + 4}H{SIDE - 4}"/>'


def _finite(value: float, otherwise: float) -> float:
    return value if math.isfinite(value) else otherwise
