"""Pictures of learned weights as SVG text; colours come from the page's style."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

import numpy as np
from jaxtyping import Float64

from dataselect.weighting.estimate import Estimate
from dataselect.weighting.validation import Curve, Validation

__all__ = ["STYLE", "draw_curve", "draw_fit", "draw_weights"]

STYLE = (
    ".chart{display:block;max-width:100%;height:auto}"
    ".chart .weight{fill:var(--accent);opacity:.75}"
    ".chart .spread{stroke:var(--ink);stroke-width:1.4;fill:none}"
    ".chart .guide{stroke:var(--limit);stroke-width:1.4;stroke-dasharray:4 3;fill:none}"
    ".chart .axis{stroke:var(--line);fill:none}"
    ".chart .point{fill:var(--accent);opacity:.55}"
    ".chart .known{fill:var(--accent)}"
    ".chart .expected{fill:var(--card);stroke:var(--accent);stroke-width:1.5}"
    ".chart .dotted{stroke-dasharray:2 3}"
    ".chart text.name{fill:var(--ink)}"
)
_ROW, _BAR, _LETTER = 22, 420, 6.4
_SIDE, _LEFT, _FOOT = 320.0, 54.0, 38.0


def draw_weights(
    names: Sequence[str],
    weights: Float64[np.ndarray, " scores"],
    low: Float64[np.ndarray, " scores"],
    high: Float64[np.ndarray, " scores"],
) -> str:
    """A bar a score, largest first, a line from low to high, and a dashed one at uniform."""
    order = np.argsort(-weights, kind="stable")
    left = round(_LETTER * max(len(name) for name in names)) + 14
    top = max(float(high.max()), float(weights.max()), 1 / len(names)) * 1.02
    parts = []

    def x(value: float) -> float:
        return left + _BAR * value / top

    for row, at in enumerate(order.tolist()):
        y = row * _ROW
        middle = y + _ROW / 2
        said = f"{names[at]}: {weights[at]:.4f}, resampled {low[at]:.4f} to {high[at]:.4f}"
        parts.append(
            f"<g><title>{escape(said)}</title>"
            f'<text class="name" x="{left - 8}" y="{middle + 4:.1f}" text-anchor="end">'
            f"{escape(names[at])}</text>"
            f'<rect class="weight" x="{left}" y="{y + 4}" height="{_ROW - 8}" '
            f'width="{max(0.5, x(float(weights[at])) - left):.1f}"/>'
            f'<path class="spread" d="M{x(float(low[at])):.1f} {middle}H{x(float(high[at])):.1f}'
            f'M{x(float(low[at])):.1f} {middle - 4}v8M{x(float(high[at])):.1f} {middle - 4}v8"/>'
            f'<text x="{left + _BAR + 8}" y="{middle + 4:.1f}">{weights[at]:.3f}</text></g>'
        )
    height = len(names) * _ROW
    uniform = x(1 / len(names))
    parts.append(f'<path class="guide" d="M{uniform:.1f} 0V{height}"/>')
    parts.append(
        f'<text x="{uniform:.1f}" y="{height + 14}" text-anchor="middle">uniform '
        f"{1 / len(names):.3f}</text>"
    )
    return _svg(left + _BAR + 60.0, height + 20.0, "learned weights", parts)


def draw_fit(validation: Validation, quantity: str) -> str:
    """Losses predicted out of fold against those observed, and the line where they are equal."""
    both = np.concatenate([validation.predicted, validation.observed])
    low, high = float(both.min()), float(both.max())
    margin = 0.04 * (high - low) or 1.0
    low, high = low - margin, high + margin

    def at(value: float) -> float:
        return _SIDE * (value - low) / (high - low)

    opacity = "" if len(validation.observed) < 400 else ' style="opacity:.25"'
    points = [
        f'<circle class="point" r="3" cx="{_LEFT + at(p):.1f}" cy="{_SIDE - at(o):.1f}"{opacity}/>'
        for p, o in zip(validation.predicted.tolist(), validation.observed.tolist(), strict=True)
    ]
    ticks = []
    for value in _ticks(low, high):
        ticks.append(
            f'<text x="{_LEFT + at(value):.1f}" y="{_SIDE + 15:g}" text-anchor="middle">{value:.4g}'
            f'</text><text x="{_LEFT - 6}" y="{_SIDE - at(value) + 4:.1f}" text-anchor="end">'
            f"{value:.4g}</text>"
        )
    frame = (
        f'<path class="axis" d="M{_LEFT} 0V{_SIDE}H{_LEFT + _SIDE}"/>'
        f'<path class="guide" d="M{_LEFT} {_SIDE}L{_LEFT + _SIDE} 0"/>'
        f'<text x="{_LEFT + _SIDE / 2}" y="{_SIDE + 32:g}" text-anchor="middle">predicted out of '
        f"fold: {escape(quantity)}</text>"
        f'<text transform="translate(11 {_SIDE / 2}) rotate(-90)" text-anchor="middle">observed'
        "</text>"
    )
    return _svg(
        _LEFT + _SIDE + 10, _SIDE + _FOOT, "predicted and observed", [frame, *ticks, *points]
    )


def draw_curve(curve: Curve) -> str:
    """Spearman by runs on a logarithmic axis; filled as measured, open as expected."""
    if not curve.by_runs:
        return ""
    every = [*curve.by_runs.items(), *curve.expected.items()]
    known = [own for _, own in every if math.isfinite(own.value)]
    if not known:
        return ""
    ends = [v for own in known for v in (own.value, own.low, own.high) if math.isfinite(v)]
    low, high = min(ends), min(1.0, max(ends))
    margin = 0.06 * (high - low) or 0.05
    low, high = low - margin, high + margin
    first, last = (math.log(f([runs for runs, _ in every])) for f in (min, max))
    width = 1.25 * _SIDE

    def x(runs: int) -> float:
        return _LEFT + 24 + (width - 48) * (math.log(runs) - first) / max(last - first, 1e-9)

    def y(value: float) -> float:
        return _SIDE - _SIDE * (min(max(value, low), high) - low) / (high - low)

    parts = [f'<path class="axis" d="M{_LEFT} 0V{_SIDE}H{_LEFT + width}"/>']
    for value in _ticks(low, high):
        parts.append(
            f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>'
        )
    for kind, of in (("known", curve.by_runs), ("expected", curve.expected)):
        for runs, own in of.items():
            if math.isfinite(own.value):
                parts.append(_mark(kind, x(runs), runs, own, y))
    parts.append(
        f'<text x="{_LEFT + width / 2}" y="{_SIDE + 32:g}" text-anchor="middle">runs learned from'
        "</text>"
    )
    return _svg(_LEFT + width + 10, _SIDE + _FOOT, "learning curve", parts)


def _mark(kind: str, x: float, runs: int, own: Estimate, y: Callable[[float], float]) -> str:
    spread = ""
    if math.isfinite(own.low) and math.isfinite(own.high):
        dotted = " dotted" if kind == "expected" else ""
        spread = f'<path class="spread{dotted}" d="M{x:.1f} {y(own.low):.1f}V{y(own.high):.1f}"/>'
    return (
        f"<g><title>{runs:,} runs: {own}</title>{spread}"
        f'<circle class="{kind}" r="4.5" cx="{x:.1f}" cy="{y(own.value):.1f}"/>'
        f'<text x="{x:.1f}" y="{_SIDE + 15:g}" text-anchor="middle">{runs:,}</text></g>'
    )


def _ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers between two."""
    span = high - low
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next(m for m in (1, 2, 2.5, 5, 10) if span / (step * m) <= 6)
    return [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _svg(width: float, height: float, label: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )
