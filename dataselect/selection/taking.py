"""The last pass over the score table: what is selected and what is left out, into two tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Bool

from dataselect.selection.cut import Cut, Taker
from dataselect.selection.domains import DomainCounts
from dataselect.selection.duplicates import Duplicates
from dataselect.selection.keys import scores_of
from dataselect.selection.summary import Summary, merge_summaries, summarise
from dataselect.selection.text_pass import Hit
from dataselect.selection.work import (
    BELOW,
    CANDIDATE,
    NO_SCORE,
    REASONS,
    Noise,
    Work,
    ranked,
)
from zerocost.files import whole_file

__all__ = ["Taken", "write_tables"]


@dataclass
class Taken:
    """What a selection came to.

    Attributes:
        selected: for each part, which of its documents.
        documents: selected, by group of the budget.
        tokens: of these, by group; documents whose number is not known count as none.
        scores: of the selected.
        domains: documents of the corpus, documents and tokens selected, by domain.
        reasons: documents that were no candidates, by reason.
        next_cost: for each group, what the first document that is not taken would have cost; -1
            where all were taken.
    """

    selected: list[Bool[np.ndarray, " n"]]
    documents: list[int]
    tokens: list[int]
    scores: Summary
    domains: DomainCounts = field(default_factory=DomainCounts)
    reasons: Counter[str] = field(default_factory=Counter)
    next_cost: list[int] = field(default_factory=list)


def write_tables(
    scores: Any,
    work: Work,
    cut: Cut,
    *,
    orientation: int,
    by_tokens: bool,
    noise: Noise | None,
    duplicates: Duplicates,
    hits: Sequence[Hit],
    selection: Path,
    left_out: Path,
    on_part: Callable[[int], None] | None = None,
) -> Taken:
    """Write ``selection.parquet`` and ``left_out.parquet``, each whole or not at all.

    Both are in the corpus' order. A document that was a candidate and is not selected is in
    neither: its budget ended, or it is below the threshold.

    Args:
        scores: a `ScoreFolder`.
        work: with the final states.
        cut: where the budgets end.
        orientation: -1 gives the scores back their own sign.
        by_tokens: whether budgets are in tokens.
        noise: of a sample.
        duplicates: documents by place.
        hits: of the evaluation sets.
        selection: the first table.
        left_out: the second.
        on_part: called with the number of parts done.
    """
    groups = len(cut.left)
    taker = Taker(cut)
    taken = Taken([], [0] * groups, [0] * groups, summarise(np.zeros(0)))
    of = _leaders(scores, work, duplicates)
    by_document = {hit.document: hit for hit in hits}
    with ExitStack() as stack:
        chosen = _writer(stack, selection, _selection_schema(noise is not None))
        others = _writer(stack, left_out, _left_out_schema())
        for part, (start, stop) in enumerate(work.spans()):
            table = scores.part(part, ["source", "row", "id", "domain"])
            own = ranked(work, part, tokens=by_tokens, noise=noise)
            mask = taker.take(own)
            values = orientation * work.scores.read(start, stop)
            tokens = work.tokens.read(start, stop)
            state = work.state.read(start, stop)
            taken.selected.append(mask)
            _count(taken, table, own.group, mask, values, tokens)
            columns = {"score": values, "tokens": tokens}
            if noise is not None:
                columns["key"] = scores_of(own.keys)
            _write(chosen, _rows(table, mask, columns))
            gone = (state != CANDIDATE) & (state != BELOW)
            for reason, count in zip(*np.unique(state, return_counts=True), strict=True):
                if reason != CANDIDATE:
                    taken.reasons[REASONS[reason]] += int(count)
            rows = _rows(table, gone, {"score": values})
            places = start + np.flatnonzero(gone)
            _write(others, _with_reasons(rows, places, state[gone], duplicates, of, by_document))
            if on_part is not None:
                on_part(part + 1)
    taken.next_cost = taker.next_cost.tolist()
    return taken


def _count(taken: Taken, table: Any, group: Any, mask: Any, values: Any, tokens: Any) -> None:
    known = np.maximum(tokens, 0)
    for g in range(len(taken.documents)):
        own = mask & (group == g)
        taken.documents[g] += int(own.sum())
        taken.tokens[g] += int(known[own].sum())
    taken.scores = merge_summaries(taken.scores, summarise(values[mask]))
    taken.domains.add(table.column("domain"), mask, known)


def _rows(table: Any, mask: Any, columns: Mapping[str, Any]) -> dict[str, Any]:
    import pyarrow as pa

    found = {name: table.column(name).filter(pa.array(mask)) for name in table.column_names}
    for name, values in columns.items():
        own = values[mask]
        null = own < 0 if name == "tokens" else np.isnan(own)
        found[name] = pa.array(own, mask=null)
    return found


def _with_reasons(
    rows: dict[str, Any],
    places: Any,
    state: Any,
    duplicates: Duplicates,
    of: Any,
    hits: Mapping[int, Hit],
) -> dict[str, Any]:
    """Why each was left out, and what it was left out for."""
    import pyarrow as pa

    at = np.searchsorted(duplicates.documents, places)
    at[at == len(duplicates.documents)] = 0
    is_duplicate = np.zeros(len(places), dtype=bool)
    if len(duplicates.documents):
        is_duplicate = (duplicates.documents[at] == places) & (state != NO_SCORE)
    index = cast(Any, pa.array(at, pa.int64(), mask=~is_duplicate))
    own_hits = [hits.get(place) for place in places.tolist()]
    similarity = pa.array(duplicates.similarity).take(index)
    return rows | {
        "reason": pa.array([REASONS[s] for s in state.tolist()], pa.string()),
        "of_source": of.column("source").take(index),
        "of_row": of.column("row").take(index),
        "similarity": similarity,
        "evaluation": pa.array([h and h.evaluation for h in own_hits], pa.string()),
        "shared_runs": pa.array([h and h.runs for h in own_hits], pa.int64()),
        "shared": pa.array([h and h.shared for h in own_hits], pa.string()),
    }


def _leaders(scores: Any, work: Work, duplicates: Duplicates) -> Any:
    """Source and row of the document that each duplicate repeats, in the duplicates' order."""
    import pyarrow as pa

    schema = _schema({"source": pa.string(), "row": pa.int64()})
    order = np.argsort(duplicates.of, kind="stable")
    leaders = duplicates.of[order]
    ends = np.searchsorted(leaders, work.starts)
    found = [schema.empty_table()]
    for part in np.flatnonzero(np.diff(ends)).tolist():
        table = scores.part(part, ["source", "row"])
        own = leaders[ends[part] : ends[part + 1]] - work.starts[part]
        found.append(table.take(own).cast(schema))
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return pa.concat_tables(found).take(back)


def _selection_schema(sampled: bool) -> Any:
    import pyarrow as pa

    fields = _document_fields() | {"tokens": pa.int64()}
    return _schema(fields | ({"key": pa.float64()} if sampled else {}))


def _left_out_schema() -> Any:
    import pyarrow as pa

    return _schema(
        _document_fields()
        | {
            "reason": pa.string(),
            "of_source": pa.string(),
            "of_row": pa.int64(),
            "similarity": pa.float64(),
            "evaluation": pa.string(),
            "shared_runs": pa.int64(),
            "shared": pa.string(),
        }
    )


def _document_fields() -> dict[str, Any]:
    import pyarrow as pa

    return {
        "source": pa.string(),
        "row": pa.int64(),
        "id": pa.string(),
        "domain": pa.string(),
        "score": pa.float64(),
    }


def _schema(fields: Mapping[str, Any]) -> Any:
    import pyarrow as pa

    return pa.schema(list(fields.items()))


def _writer(stack: ExitStack, path: Path, schema: Any) -> Any:
    import pyarrow.parquet as pq

    partial = stack.enter_context(whole_file(path, overwrite=True))
    return stack.enter_context(pq.ParquetWriter(partial, schema, compression="zstd"))


def _write(writer: Any, columns: Mapping[str, Any]) -> None:
    import pyarrow as pa

    table = pa.table({name: columns[name] for name in writer.schema.names}).cast(writer.schema)
    if len(table):
        writer.write_table(table)
