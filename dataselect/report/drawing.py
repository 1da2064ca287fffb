"""Pictures as SVG text: no script, no outside resource, colours from the page's style."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.report.histogram import Histogram

__all__ = ["draw_heat_map", "draw_histogram", "draw_overlap", "number", "percent"]

WIDTH, HEIGHT, FOOT = 320, 84, 16
CELL, LETTER = 13, 5.8
SHADES = 8


def number(value: float) -> str:
    """A number in at most four significant digits: 1,234,567 as 1.235M."""
    if math.isnan(value):
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    for power, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if size >= power:
            return f"{value / power:.4g}{unit}"
    if size >= 1e4:
        return f"{value:,.0f}"
    if size < 1e-3:
        return f"{value:.1e}".replace("e-0", "e-")
    return f"{value:.4g}" if size >= 1 else f"{value:.3g}"


def percent(part: int, whole: int) -> str:
    """A share, never rounded to 0 or 100 where it is neither."""
    if not whole:
        return "–"
    share = 100 * part / whole
    if part in (0, whole):
        return f"{share:.0f} %"
    if share < 0.1:
        return "<0.1 %"
    if share > 99.9:
        return ">99.9 %"
    return f"{share:.1f} %"


def draw_histogram(
    histogram: Histogram,
    name: str,
    *,
    median: float,
    limits: Sequence[tuple[float, str]] = (),
) -> str:
    """Bars, a line at the median, a dashed one at each limit of a recipe.

    Args:
        histogram: with counts.
        name: of the column, for those who do not see the picture.
        median: in the column's values.
        limits: value and name of each.
    """
    counts, edges = histogram.counts, histogram.edges
    top = int(counts.max(initial=0))
    if not top:
        return ""
    height = HEIGHT - FOOT
    at = _places(histogram, edges)
    bars = []
    for left, right, count in zip(at[:-1].tolist(), at[1:].tolist(), counts.tolist(), strict=True):
        if count:
            tall = max(1.0, height * count / top)
            bars.append(
                f"M{left:.1f} {height}v-{tall:.1f}h{max(right - left - 1, 1):.1f}V{height}z"
            )
    parts = [f'<path class="bars" d="{"".join(bars)}"/>']
    lines = [("median", median, f"median {number(median)}")]
    lines += [("limit", value, f"{rule}: {number(value)}") for value, rule in limits]
    for kind, value, said in lines:
        if edges[0] <= value <= edges[-1]:
            x = float(_places(histogram, np.array([value]))[0])
            parts.append(
                f'<path class="{kind}" d="M{x:.1f} 0V{height}"><title>{escape(said)}</title></path>'
            )
    low, high = float(edges[0]), float(edges[-1])
    middle = float(np.sqrt(low * high)) if histogram.scale == "log" else (low + high) / 2
    shift = 0.5 if low % 1 == 0.5 and high % 1 == 0.5 else 0.0  # bins around whole numbers
    ends = [(0, "start", low + shift), (WIDTH, "end", high - shift)]
    if len(counts) > 12 or not shift:
        ends.insert(1, (WIDTH // 2, "middle", float(round(middle)) if shift else middle))
    parts += [
        f'<text x="{x}" y="{HEIGHT - 3}" text-anchor="{anchor}">{number(value)}</text>'
        for x, anchor, value in ends
    ]
    return (
        f'<svg class="histogram" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(f"histogram of {name}", {chr(34): "&quot;"})}">'
        f'<path class="axis" d="M0 {height}.5H{WIDTH}"/>{"".join(parts)}</svg>'
    )


def _places(histogram: Histogram, values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Where on the axis values between the first and the last edge are."""
    low, high = histogram.edges[0], histogram.edges[-1]
    if histogram.scale == "log":
        share = np.log(values / low) / np.log(high / low)
    else:
        share = (values - low) / (high - low)
    return np.asarray(WIDTH * share)


def draw_heat_map(correlation: Float64[np.ndarray, "columns columns"], names: Sequence[str]) -> str:
    """Correlations as cells, red below 0 and blue above, in the order given.

    Args:
        correlation: in −1 .. 1, NaN where there is none.
        names: of rows and columns.
    """
    n = len(names)
    labels = 36 + round(LETTER * max(map(len, names), default=0))
    size = labels + n * CELL
    cells = []
    for row in range(n):
        for column in range(row):
            value = float(correlation[row, column])
            shade = "none" if math.isnan(value) else _shade(value)
            cells.append(
                f'<rect class="{shade}" x="{labels + column * CELL}" y="{row * CELL}">'
                f"<title>{escape(names[row])}\n{escape(names[column])}\n"
                f"{'not known' if math.isnan(value) else f'ρ = {value:.2f}'}</title></rect>"
            )
        cells.append(
            f'<text x="{labels - 6}" y="{row * CELL + 10}" text-anchor="end">'
            f"{escape(names[row])} <tspan>{row + 1:>2}</tspan></text>"
            f'<text class="own" x="{labels + row * CELL + 3}" y="{row * CELL + 10}">'
            f"{row + 1}</text>"
        )
    return (
        f'<svg class="heat" viewBox="0 0 {size + CELL} {n * CELL + 4}" '
        f'width="{size + CELL}" role="img" aria-label="Spearman correlation of all scores">'
        f"{''.join(cells)}</svg>"
    )


def _shade(value: float) -> str:
    step = min(SHADES, round(abs(value) * SHADES))
    return "z" if step == 0 else f"{'p' if value > 0 else 'n'}{step}"


def draw_overlap(together: Int64[np.ndarray, "rules rules"], rules: Sequence[str]) -> str:
    """Of the documents that break a row's rule, the share that also breaks a column's."""
    n, cell = len(rules), 30
    parts = []
    for row in range(n):
        whole = int(together[row, row])
        for column in range(n):
            share = int(together[row, column]) / whole if whole else 0.0
            shade = "own" if row == column else f"p{round(share * SHADES)}" if whole else "none"
            said = f"{100 * share:.0f}" if whole and row != column else ""
            parts.append(
                f'<rect class="{shade}" x="{26 + column * cell}" y="{20 + row * cell}">'
                f"<title>of {whole:,} that break\n{escape(rules[row])}\n{100 * share:.1f} % break\n"
                f"{escape(rules[column])}</title></rect>"
            )
            if said and said != "0":
                dark = " light" if share > 0.55 else ""
                parts.append(
                    f'<text class="share{dark}" x="{26 + column * cell + cell / 2}" '
                    f'y="{20 + row * cell + 19}">{said}</text>'
                )
        parts.append(f'<text class="index" x="18" y="{20 + row * cell + 19}">{row + 1}</text>')
        parts.append(
            f'<text class="share" x="{26 + row * cell + cell / 2}" y="14">{row + 1}</text>'
        )
    size = 26 + n * cell
    return (
        f'<svg class="overlap" viewBox="0 0 {size} {size - 6}" width="{size}" role="img" '
        f'aria-label="overlap of the rules">{"".join(parts)}</svg>'
    )
