"""The pass over the score table: scores, tokens and groups to disk, and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Int64

from dataselect.errors import DataselectError
from dataselect.selection.aggregate import check_columns
from dataselect.selection.budget import Quotas, check_quotas
from dataselect.selection.candidates import (
    Ranking,
    candidates_of,
    column_summaries,
    is_estimate,
    resolved_weights,
    token_column,
)
from dataselect.selection.domains import MOST
from dataselect.selection.settings import Settings
from dataselect.selection.work import BELOW, CANDIDATE, NO_SCORE, NO_TOKENS, Work
from zerocost.errors import did_you_mean

__all__ = ["Plan", "RankingResult", "plan_ranking", "rank_documents"]


@dataclass(frozen=True)
class Plan:
    """What the pass reads.

    Attributes:
        ranking: with resolved weights.
        tokens: the column of token counts; None where there is none.
        estimate: whether it says of itself that it is an estimate.
        threshold: in the units of the ranking's scores.
    """

    ranking: Ranking
    tokens: str | None
    estimate: bool
    threshold: float | None


@dataclass
class RankingResult:
    """What the pass found: missing scores by column, the corpus' tokens."""

    missing: Counter[str] = field(default_factory=Counter)
    tokens: int = 0


def plan_ranking(
    scores: Any, settings: Settings, *, on_part: Callable[[int], None] | None = None
) -> Plan:
    """Check the settings against the score table, and work out stats that the weights lack.

    Args:
        scores: a `ScoreFolder`.
        settings: what is asked.
        on_part: called with the number of parts read.

    Raises:
        DataselectError: a column is not in the table, tokens are asked for and not counted, or a
            quota is for a value that no document has.
    """
    known = {column.name: column for column in scores.columns}
    tokens = token_column(scores.columns, settings.tokens, scores.address)
    if tokens is None and settings.budget is not None and settings.budget.kind == "tokens":
        raise DataselectError(
            f"{scores.address} has no column of token counts",
            accepted="a score table with a column whose unit is tokens",
            hint="score the corpus with --scorers signals, name a column by --token-column, or "
            "give the budget as --docs or --fraction",
        )
    _check_quotas(scores, settings.quotas)
    threshold = settings.threshold
    if settings.by is not None:
        check_columns({settings.by: None}, known, scores.address)
        low = settings.prefer == "low" or (
            settings.prefer is None and known[settings.by].direction < 0
        )
        ranking = Ranking(settings.by, -1 if low else 1)
        threshold = None if threshold is None else ranking.orientation * threshold
    else:
        assert settings.weights is not None
        check_columns(settings.weights.columns, known, scores.address)
        lacking = [name for name, own in settings.weights.columns.items() if own.stats is None]
        summaries = {}
        if lacking:
            summaries = column_summaries(
                [_reader(scores, i, lacking, on_part) for i in range(len(scores.parts))], lacking
            )
        ranking = Ranking(
            weights=resolved_weights(settings.weights, scores.columns, summaries, scores.address)
        )
    name = None if tokens is None else tokens.name
    return Plan(ranking, name, tokens is not None and is_estimate(tokens), threshold)


def rank_documents(
    scores: Any,
    plan: Plan,
    settings: Settings,
    work: Work,
    *,
    on_part: Callable[[int], None] | None = None,
) -> RankingResult:
    """Fill the work's columns from the score table, part by part.

    Raises:
        DataselectError: the table is not what its index says.
    """
    result = RankingResult()
    by_tokens = settings.budget is not None and settings.budget.kind == "tokens"
    names = dict.fromkeys([*plan.ranking.columns, *filter(None, [plan.tokens])])
    if settings.quotas is not None:
        names[settings.quotas.column] = None
    for i, (start, stop) in enumerate(work.spans()):
        table = scores.part(i, [*names, "row"])
        if len(table) != stop - start:
            raise DataselectError(
                f"part {scores.parts[i].name} has {len(table):,} rows, its index says "
                f"{stop - start:,}",
                accepted="a score folder as it was left",
                hint="score the corpus again",
            )
        found = candidates_of(table, plan.ranking, tokens=plan.tokens, quotas=settings.quotas)
        result.missing.update(found.missing)
        result.tokens += int(found.tokens[found.tokens > 0].sum())
        state = np.full(stop - start, CANDIDATE, dtype=np.uint8)
        if plan.threshold is not None:
            state[found.scores < plan.threshold] = BELOW
        if by_tokens:
            state[found.tokens < 0] = NO_TOKENS
        state[np.isnan(found.scores)] = NO_SCORE
        work.scores.write(start, found.scores)
        work.tokens.write(start, found.tokens)
        work.group.write(start, found.group)
        work.rows.write(start, _rows(scores, i, table))
        work.state.write(start, state)
        if on_part is not None:
            on_part(i + 1)
    return result


def _rows(scores: Any, part: int, table: Any) -> Int64[np.ndarray, " n"]:
    """What tells a document of a source from the others: its row, or its place among the files."""
    own = scores.parts[part]
    if scores.sources[own.source].format == "text":
        return np.arange(own.first_row, own.first_row + len(table), dtype=np.int64)
    rows: Int64[np.ndarray, " n"] = table.column("row").to_numpy()
    return rows


def _reader(
    scores: Any, part: int, names: list[str], on_part: Callable[[int], None] | None
) -> Callable[[], Any]:
    def read() -> Any:
        table = scores.part(part, names)
        if on_part is not None:
            on_part(part + 1)
        return table

    return read


def _check_quotas(scores: Any, quotas: Quotas | None) -> None:
    """Refuse quotas that no document can fill; read no further than where all are met."""
    if quotas is None:
        return
    _check_quota_column(quotas.column)
    found: Counter[str] = Counter()
    for part in range(len(scores.parts)):
        values = scores.part(part, [quotas.column])[quotas.column].value_counts().to_pylist()
        for own in values:
            name = own["values"]
            # Others are kept for a hint only.
            if name is not None and (name in quotas.shares or name in found or len(found) < MOST):
                found[name] += own["counts"]
        if quotas.shares.keys() <= found.keys():
            return
    check_quotas(quotas, found)


def _check_quota_column(name: str) -> None:
    from dataselect.scores import DOCUMENT_COLUMNS

    if name not in ("domain", "source"):
        raise DataselectError(
            f"quotas by {name!r}",
            accepted="domain (a column of the corpus), or source (a file of it)",
            hint=did_you_mean(name, DOCUMENT_COLUMNS)
            or f"score the corpus with --domain-column {name}, then it is the domain",
        )
