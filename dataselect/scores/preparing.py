"""Letting scorers see the corpus before it is scored, those that have to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from dataselect.corpus.options import ReadOptions
from dataselect.corpus.sources import Source
from dataselect.engines import Engine
from dataselect.errors import DataselectError
from dataselect.scorers.corpus_sums import corpus_sums
from dataselect.scorers.scorer import CorpusScorer, Scorer

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["prepared", "prepared_on"]


def prepared(
    scorers: Sequence[Scorer | CorpusScorer],
    sources: tuple[Source, ...],
    options: ReadOptions,
    *,
    engine: Engine = "local",
    workers: int | None = None,
    on_part: Callable[[int, int], None] | None = None,
) -> tuple[Scorer, ...]:
    """Scorers, after one pass over the corpus for all that have to see it.

    Args:
        scorers: of both kinds.
        sources: the corpus.
        options: how it is read.
        engine: where it is counted.
        workers: how many parts are counted at a time; the result does not depend on it.
        on_part: called with the stored bytes and the documents read so far.

    Raises:
        DataselectError: a file cannot be read, or there is no document to count.
    """
    counted = {s.counted: s for s in scorers if isinstance(s, CorpusScorer)}
    if not counted:
        return _fitted(scorers, {})
    found = corpus_sums(sources, options, counted, engine=engine, workers=workers, on_part=on_part)
    return _fitted(scorers, found.counts)


def prepared_on(
    scorers: Sequence[Scorer | CorpusScorer], batches: Sequence[pa.RecordBatch]
) -> tuple[Scorer, ...]:
    """Scorers, after these batches in the place of the corpus: for an estimate of its costs."""
    sums: dict[str, np.ndarray] = {}
    for countable in {s.counted: s for s in scorers if isinstance(s, CorpusScorer)}.values():
        for batch in batches:
            found = countable.counts(batch)
            before = sums.get(countable.counted)
            sums[countable.counted] = found if before is None else before + found
    return _fitted(scorers, sums)


def _fitted(
    scorers: Sequence[Scorer | CorpusScorer], sums: Mapping[str, np.ndarray]
) -> tuple[Scorer, ...]:
    ready: list[Scorer] = []
    for scorer in scorers:
        if not isinstance(scorer, CorpusScorer):
            ready.append(scorer)
            continue
        if scorer.counted not in sums:
            raise DataselectError(
                f"the corpus holds no document that {scorer.name} could be compared with",
                accepted="a corpus with documents",
            )
        ready.append(scorer.fitted(sums[scorer.counted]))
    return tuple(ready)
