"""From a score table to candidates: each document's one score, tokens and group, part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.errors import DataselectError
from dataselect.scorers.scorer import Column
from dataselect.selection.aggregate import aggregate, check_columns, scores_of_column
from dataselect.selection.budget import Quotas
from dataselect.selection.summary import Summary, merge_summaries, summarise
from dataselect.selection.transforms import Stats
from dataselect.selection.weights import Weights

__all__ = [
    "Candidates",
    "Ranking",
    "candidates_of",
    "column_summaries",
    "is_estimate",
    "resolved_weights",
    "token_column",
]


@dataclass(frozen=True)
class Ranking:
    """What documents are ranked by: one column, or a weighted sum of several.

    Attributes:
        by: a column; its own values are the score, turned round where less is better.
        orientation: of ``by``: 1 where more is better, -1 where less is.
        weights: in the place of ``by``.
    """

    by: str | None = None
    orientation: Literal[-1, 1] = 1
    weights: Weights | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        if self.weights is not None:
            return tuple(self.weights.columns)
        return (self.by,) if self.by is not None else ()

    def scores(self, columns: Mapping[str, Float64[np.ndarray, " n"]]) -> Float64[np.ndarray, " n"]:
        """One score a document, more being better; NaN where it has none."""
        if self.weights is not None:
            return aggregate(columns, self.weights)
        if self.by is None:
            raise DataselectError("nothing to rank by", accepted="a column, or weights")
        return self.orientation * columns[self.by]


@dataclass(frozen=True)
class Candidates:
    """A part of the corpus as selection sees it, in order.

    Attributes:
        scores: NaN for a document that cannot be selected for want of a score.
        tokens: -1 where the number is not known.
        group: of the budget; see `Quotas`.
        missing: documents without a score in a column, by column; whether that costs them their
            place is the column's rule.
    """

    scores: Float64[np.ndarray, " n"]
    tokens: Int64[np.ndarray, " n"]
    group: Int64[np.ndarray, " n"]
    missing: Counter[str] = field(default_factory=Counter)


def candidates_of(
    table: Any, ranking: Ranking, *, tokens: str | None = None, quotas: Quotas | None = None
) -> Candidates:
    """The candidates of a part of a score table.

    Args:
        table: an Arrow table with the columns of the ranking, of tokens and of quotas.
        ranking: what documents are ranked by; weights must be resolved.
        tokens: the column of token counts.
        quotas: whose shares of the budget there are.
    """
    columns = {name: scores_of_column(table, name) for name in ranking.columns}
    scores = ranking.scores(columns)
    missing = Counter({name: int(np.isnan(own).sum()) for name, own in columns.items()})
    counts = np.full(len(scores), -1, dtype=np.int64)
    if tokens is not None:
        found = scores_of_column(table, tokens)
        known = ~np.isnan(found)
        counts[known] = np.ceil(found[known]).astype(np.int64)
        if (counts[known] < 0).any():
            raise DataselectError(f"{tokens!r} holds a count below 0", accepted="token counts")
    group = np.zeros(len(scores), dtype=np.int64)
    if quotas is not None:
        group = quotas.group_of(table.column(quotas.column).to_pylist())
    return Candidates(scores, counts, group, missing)


def column_summaries(
    parts: Sequence[Callable[[], Any]],
    names: Sequence[str],
    *,
    mapped: Callable[..., Any] = map,
) -> dict[str, Summary]:
    """The summary of columns over all parts.

    Args:
        parts: each gives an Arrow table with the columns.
        names: the columns.
        mapped: `map`, or one that works on several parts at a time and keeps their order. The
            result does not depend on it: summaries are merged in the parts' order.
    """

    def of_part(part: Callable[[], Any]) -> dict[str, Summary]:
        table = part()
        return {name: summarise(scores_of_column(table, name)) for name in names}

    merged: dict[str, Summary] = {}
    for found in mapped(of_part, parts):
        for name, own in found.items():
            merged[name] = merge_summaries(merged[name], own) if name in merged else own
    return merged


def resolved_weights(
    weights: Weights, columns: Sequence[Column], summaries: Mapping[str, Summary], where: str
) -> Weights:
    """Weights with every orientation and all stats.

    Raises:
        DataselectError: a column is not in the table, or holds no score.
    """
    known = {column.name: column for column in columns}
    check_columns(weights.columns, known, where)
    stats = {}
    for name, summary in summaries.items():
        try:
            stats[name] = Stats.of(summary)
        except DataselectError as error:
            raise DataselectError(
                f"{name!r}: {error.wrong}", accepted=error.accepted, hint=error.hint
            ) from None
    return weights.resolved({name: own.direction for name, own in known.items()}, stats)


def token_column(columns: Sequence[Column], asked: str | None, where: str) -> Column | None:
    """The column of token counts: the one asked for, else an exact one, else an estimate.

    Raises:
        DataselectError: the column asked for is not there, or holds no counts.
    """
    known = {column.name: column for column in columns}
    counts = [column for column in columns if column.unit == "tokens"]
    if asked is not None:
        check_columns({asked: None}, known, where)
        own = known[asked]
        if own.kind != "int64" or own.low < 0:
            what = f"{own.kind} ({own.unit})" + (" that may be below 0" if own.low < 0 else "")
            raise DataselectError(
                f"{asked!r} holds {what}, which counts no tokens",
                accepted="a column of whole numbers, at least 0",
                hint=f"--token-column {counts[0].name}" if counts else None,
            )
        return own
    exact = [column for column in counts if not is_estimate(column)]
    return next(iter(exact + counts), None)


def is_estimate(column: Column) -> bool:
    """Whether a column of token counts says of itself that it is an estimate."""
    return "estimate" in column.name or "estimate" in column.definition.lower()
