"""Two passes over a score folder: everything that its page shows, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float64

from dataselect.report.correlation import add_products, no_products, spearman
from dataselect.report.extremes import Extremes, extremes_of, merge_extremes
from dataselect.report.histogram import Histogram, add, empty_histogram
from dataselect.report.overlap import Overlap, add_overlap, no_overlap
from dataselect.scorers.scorer import Column
from dataselect.selection.aggregate import scores_of_column
from dataselect.selection.domains import DomainCounts
from dataselect.selection.summary import Summary, merge_summaries, summarise
from dataselect.selection.transforms import Stats

__all__ = ["ColumnReport", "Gathered", "RecipeReport", "Rules", "gather"]


@runtime_checkable
class Rules(Protocol):
    """A recipe as the report needs it."""

    @property
    def name(self) -> str:
        """Of the recipe."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """That it reads."""
        ...

    @property
    def rules(self) -> tuple[str, ...]:
        """Each in words, with its limit."""
        ...

    @property
    def limits(self) -> Mapping[str, tuple[float, ...]]:
        """Column -> the limits that rules set on it."""
        ...

    def broken(self, table: Any) -> Bool[np.ndarray, "n rules"]:
        """Which rules each row of an Arrow table breaks."""
        ...


@dataclass(frozen=True)
class ColumnReport:
    """One column of scores."""

    column: Column
    scorer: str
    summary: Summary
    histogram: Histogram
    extremes: Extremes


@dataclass(frozen=True)
class RecipeReport:
    """What one recipe rejects."""

    rules: Rules
    overlap: Overlap


@dataclass(frozen=True)
class Gathered:
    """All of it.

    Attributes:
        documents: in the folder.
        bytes: of their texts.
        columns: of scores, in the folder's order.
        correlation: Spearman's, of these columns.
        recipes: those whose columns are all there.
        domains: documents by domain.
    """

    documents: int
    bytes: int
    columns: tuple[ColumnReport, ...]
    correlation: Float64[np.ndarray, "columns columns"]
    recipes: tuple[RecipeReport, ...]
    domains: DomainCounts


def gather(
    scores: Any,
    recipes: Sequence[Rules] = (),
    *,
    on_part: Callable[[str, int, int], None] | None = None,
) -> Gathered:
    """Read a score folder twice, a part at a time.

    The first pass takes moments, quantiles and extremes of every column; the second, which knows
    the ranges, counts histograms, correlates ranks and applies recipes.

    Args:
        scores: a `ScoreFolder`.
        recipes: to apply.
        on_part: called with the pass' name, parts done, and parts in all.
    """
    say = on_part or (lambda step, done, total: None)
    owners = [(scorer.name, column) for scorer in scores.index.scorers for column in scorer.columns]
    names = [column.name for _, column in owners]
    parts = len(scores.parts)
    summaries: dict[str, Summary] = {}
    extremes: dict[str, Extremes] = {}
    domains = DomainCounts()
    start = 0
    for part in range(parts):
        table = scores.part(part, [*names, "domain"])
        for name in names:
            values = scores_of_column(table, name)
            own, ends = summarise(values), extremes_of(values, start)
            summaries[name] = merge_summaries(summaries[name], own) if part else own
            extremes[name] = merge_extremes(extremes[name], ends) if part else ends
        domains.add(table.column("domain"))
        start += len(table)
        say("ranges", part + 1, parts)
    if not parts:
        summaries = {name: summarise(np.zeros(0)) for name in names}
        extremes = {name: extremes_of(np.zeros(0), 0) for name in names}
    histograms = {
        column.name: empty_histogram(summaries[column.name], whole_numbers=column.kind != "float64")
        for _, column in owners
    }
    stats = [Stats.of(summaries[name]) if summaries[name].count else None for name in names]
    products = no_products(len(names))
    overlaps = [no_overlap(len(recipe.rules)) for recipe in recipes]
    for part in range(parts):
        table = scores.part(part, names)
        matrix = np.column_stack([scores_of_column(table, name) for name in names])
        for at, name in enumerate(names):
            own = summaries[name]
            histograms[name] = add(histograms[name], matrix[:, at], low=own.low, high=own.high)
        products = add_products(products, matrix, stats)
        overlaps = [
            add_overlap(overlap, recipe.broken(table))
            for overlap, recipe in zip(overlaps, recipes, strict=True)
        ]
        say("histograms", part + 1, parts)
    columns = tuple(
        ColumnReport(
            column, scorer, summaries[column.name], histograms[column.name], extremes[column.name]
        )
        for scorer, column in owners
    )
    return Gathered(
        start,
        sum(part.bytes for part in scores.parts),
        columns,
        spearman(products),
        tuple(RecipeReport(*pair) for pair in zip(recipes, overlaps, strict=True)),
        domains,
    )
