"""Sums over the batches of a corpus, made part by part on any engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from dataselect.corpus import ReadOptions, Source
from dataselect.corpus.parts import Quarantined, RawPart, SourceEnd
from dataselect.corpus.reading import decode
from dataselect.engines import Engine, run_job

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["CorpusSums", "Countable", "corpus_sums"]


@runtime_checkable
class Countable(Protocol):
    """Counts that add up over batches; can be pickled."""

    def counts(self, batch: pa.RecordBatch) -> np.ndarray:
        """Of the documents of a batch, all together."""
        ...


@dataclass(frozen=True)
class CorpusSums:
    """What was counted.

    Attributes:
        counts: by the names of what was counted with.
        documents: how many there were.
        rejected: rows that are no documents, by reason.
    """

    counts: Mapping[str, np.ndarray]
    documents: int
    rejected: Mapping[str, int]


_Part = tuple[dict[str, np.ndarray], int, Counter[str], int, int]
"""Counts, documents, what was rejected, the source's number, and stored bytes read of it."""


@dataclass(frozen=True)
class _Sums:
    options: ReadOptions
    counted: Mapping[str, Countable]

    def done(self, raw: RawPart) -> _Part | None:
        """Nothing is kept."""
        return None

    def __call__(self, raw: RawPart) -> _Part:
        sums: dict[str, np.ndarray] = {}
        documents = 0
        rejected: list[Quarantined] = []
        for batch in decode(raw, self.options, rejected.append):
            documents += len(batch)
            for name, countable in self.counted.items():
                found = countable.counts(batch)
                sums[name] = sums[name] + found if name in sums else found
        reasons = Counter(row.reason for row in rejected)
        return sums, documents, reasons, raw.source.number, raw.stored


def corpus_sums(
    sources: tuple[Source, ...],
    options: ReadOptions,
    counted: Mapping[str, Countable],
    *,
    engine: Engine = "local",
    workers: int | None = None,
    on_part: Callable[[int, int], None] | None = None,
) -> CorpusSums:
    """Count over all documents of a corpus, in one pass for all that is counted with.

    Args:
        sources: of `find_corpus`.
        options: how they are read.
        counted: by name; whole numbers add up to the same in any order.
        engine: where.
        workers: how many parts are worked on at a time.
        on_part: called with the stored bytes and the documents read so far.

    Raises:
        DataselectError: a file cannot be read.
    """
    sums: dict[str, np.ndarray] = {}
    documents = 0
    rejected: Counter[str] = Counter()
    read: dict[int, int] = {}
    work = _Sums(options, counted)
    for found in run_job(sources, options, work, engine=engine, workers=workers):
        if isinstance(found, SourceEnd):
            read[found.source.number] = found.source.bytes
            continue
        part, size, reasons, source, stored = found
        documents += size
        rejected.update(reasons)
        for name, counts in part.items():
            sums[name] = sums[name] + counts if name in sums else counts
        read[source] = max(read.get(source, 0), stored)
        if on_part is not None:
            on_part(sum(read.values()), documents)
    return CorpusSums(sums, documents, dict(rejected))
