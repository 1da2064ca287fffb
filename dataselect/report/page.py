"""The page: what was gathered, as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from dataselect.report.correlation import order_by_similarity
from dataselect.report.drawing import (
    draw_heat_map,
    draw_histogram,
    draw_overlap,
    number,
    percent,
)
from dataselect.report.extremes import Extremes
from dataselect.report.gather import ColumnReport, Gathered, RecipeReport
from dataselect.report.texts import Shown, visible

__all__ = ["render"]

DOMAINS = 12
PAIRS = 12


def render(
    gathered: Gathered,
    *,
    title: str,
    sources: Sequence[Mapping[str, Any]],
    shown: Mapping[int, Shown],
    without_texts: str | None,
    version: str,
) -> str:
    """The HTML text.

    Everything that comes from the corpus is escaped by the template, and the page forbids
    scripts and outside resources to whatever reads it.

    Args:
        gathered: the contents.
        title: of the page.
        sources: files of the corpus: address, documents, quarantined by reason.
        shown: the documents at the extremes, by place.
        without_texts: why texts are missing, None where they are there.
        version: of this package.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    folder = files("dataselect.report")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "short": lambda text: visible(text, 160)[0],
        "base": lambda address: address.replace("\\", "/").rsplit("/", 1)[-1],
    }
    template = environment.from_string((folder / "page.html.j2").read_text(encoding="utf-8"))
    names = [own.column.name for own in gathered.columns]
    order = order_by_similarity(gathered.correlation)
    sorted_names = [names[i] for i in order]
    limits = _limits(gathered.recipes)
    return template.render(
        title=title,
        style=Markup((folder / "style.css").read_text(encoding="utf-8")),
        version=version,
        documents=f"{gathered.documents:,}",
        size=_bytes(gathered.bytes),
        scorers=_scorers(gathered, limits, shown),
        columns=len(names),
        heat_map=Markup(draw_heat_map(gathered.correlation[np.ix_(order, order)], sorted_names)),
        pairs=_pairs(gathered.correlation, names),
        recipes=[_recipe(own) for own in gathered.recipes],
        domains=_domains(gathered),
        more_domains=max(0, len(gathered.domains.of) - DOMAINS),
        further_documents=gathered.domains.others.documents,
        sources=sources,
        without_texts=without_texts,
    )


def _bytes(size: int) -> str:
    for power, unit in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= power:
            return f"{size / power:.4g} {unit}"
    return f"{size} bytes"


def _limits(recipes: Sequence[RecipeReport]) -> dict[str, list[tuple[float, str]]]:
    found: dict[str, list[tuple[float, str]]] = {}
    for own in recipes:
        for column, values in own.rules.limits.items():
            found.setdefault(column, []).extend((value, own.rules.name) for value in values)
    return found


def _scorers(
    gathered: Gathered,
    limits: Mapping[str, Sequence[tuple[float, str]]],
    shown: Mapping[int, Shown],
) -> list[dict[str, Any]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for own in gathered.columns:
        card = _card(own, gathered.documents, limits.get(own.column.name, ()), shown)
        found.setdefault(own.scorer, []).append(card)
    return [{"name": name, "cards": cards} for name, cards in found.items()]


def _card(
    own: ColumnReport,
    documents: int,
    limits: Sequence[tuple[float, str]],
    shown: Mapping[int, Shown],
) -> dict[str, Any]:
    from markupsafe import Markup

    summary, histogram = own.summary, own.histogram
    notes = []
    if summary.missing:
        notes.append(f"no score: {summary.missing:,} ({percent(summary.missing, documents)})")
    if histogram.zeros:
        notes.append(f"exactly 0, not drawn: {percent(histogram.zeros, summary.count)}")
    if summary.infinite:
        notes.append(f"infinite: {summary.infinite:,}")
    beyond = histogram.below + histogram.above
    if beyond:
        notes.append(f"beyond the axis: {percent(beyond, summary.count)}")
    if histogram.scale == "log":
        notes.append("logarithmic axis")
    quantiles: list[tuple[str, str]] = []
    drawn = ""
    if summary.count:
        at = np.array([0.05, 0.5, 0.95])
        low, median, high = summary.sketch.quantiles(at).tolist()
        values = (summary.low, low, median, high, summary.high)
        quantiles = list(
            zip(("min", "5 %", "median", "95 %", "max"), map(number, values), strict=True)
        )
        drawn = draw_histogram(histogram, own.column.name, median=median, limits=limits)
    return {
        "column": own.column,
        "histogram": Markup(drawn),
        "quantiles": quantiles,
        "notes": notes,
        "limits": sorted({rule for _, rule in limits}),
        "ends": _ends(own.extremes, histogram.at_high, histogram.at_low, shown),
    }


def _ends(
    extremes: Extremes, at_high: int, at_low: int, shown: Mapping[int, Shown]
) -> list[dict[str, Any]]:
    """The two lists of documents of a card."""
    ends = []
    for name, places, scores, equal in (
        ("highest", extremes.high, extremes.high_scores, at_high),
        ("lowest", extremes.low, extremes.low_scores, at_low),
    ):
        rows = [
            {"score": number(score), "document": shown[place]}
            for place, score in zip(places.tolist(), scores.tolist(), strict=True)
        ]
        note = ""
        if equal > len(rows):
            note = f"{equal:,} documents share the {name} score; the first {len(rows)}"
        ends.append({"name": name, "rows": rows, "note": note})
    return ends


def _pairs(correlation: Any, names: Sequence[str]) -> list[dict[str, Any]]:
    """The strongest correlations."""
    rows, columns = np.tril_indices(len(names), -1)
    values = correlation[rows, columns]
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(-np.abs(values[known]), kind="stable")][:PAIRS]
    return [
        {
            "first": names[columns[i]],
            "second": names[rows[i]],
            "value": f"{values[i]:+.3f}".replace("-", "−"),
        }
        for i in order.tolist()
    ]


def _recipe(own: RecipeReport) -> dict[str, Any]:
    from markupsafe import Markup

    overlap = own.overlap
    broken = np.diag(overlap.together)
    rows = [
        {
            "number": at + 1,
            "rule": rule,
            "broken": f"{int(broken[at]):,}",
            "share": percent(int(broken[at]), overlap.documents),
            "bar": round(100 * int(broken[at]) / max(1, int(broken.max())), 1),
            "alone": f"{int(overlap.alone[at]):,}",
            "alone_bar": round(100 * int(overlap.alone[at]) / max(1, int(broken.max())), 1),
        }
        for at, rule in enumerate(own.rules.rules)
    ]
    return {
        "name": own.rules.name,
        "kept": f"{overlap.documents - overlap.rejected:,}",
        "rejected": f"{overlap.rejected:,}",
        "share": percent(overlap.rejected, overlap.documents),
        "bar": round(100 * overlap.rejected / max(1, overlap.documents), 2),
        "rules": rows,
        "overlap": Markup(draw_overlap(overlap.together, own.rules.rules)),
    }


def _domains(gathered: Gathered) -> list[dict[str, Any]]:
    if set(gathered.domains.of) <= {None}:
        return []
    most = sorted(
        ((name, count.documents) for name, count in gathered.domains.of.items()),
        key=lambda item: (-item[1], item[0] is not None, item[0] or ""),
    )
    top = most[0][1]
    return [
        {
            "name": name if name is not None else "(none)",
            "documents": f"{count:,}",
            "share": percent(count, gathered.documents),
            "bar": round(100 * count / top, 1),
        }
        for name, count in most[:DOMAINS]
    ]
