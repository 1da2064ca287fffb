"""Sums over the batches of a corpus, made part by part on any engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
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


@dataclass(frozen=True)
class _Sums:
    options: ReadOptions
    counted: Mapping[str, Countable]

    def done(self, raw: RawPart) -> tuple[dict[str, np.ndarray], int, Counter[str]] | None:
        """Nothing is kept."""
        return None

    def __call__(self, raw: RawPart) -> tuple[dict[str, np.ndarray], int, Counter[str]]:
        sums: dict[str, np.ndarray] = {}
        documents = 0
        rejected: list[Quarantined] = []
        for batch in decode(raw, self.options, rejected.append):
            documents += len(batch)
            for name, countable in self.counted.items():
                found = countable.counts(batch)
                sums[name] = sums[name] + found if name in sums else found
        return sums, documents, Counter(row.reason for row in rejected)


def corpus_sums(
    sources: tuple[Source, ...],
    options: ReadOptions,
    counted: Mapping[str, Countable],
    *,
    engine: Engine = "local",
    workers: int | None = None,
) -> CorpusSums:
    """Count over all documents of a corpus, in one pass for all that is counted with.

    Args:
        sources: of `find_corpus`.
        options: how they are read.
        counted: by name; whole numbers add up to the same in any order.
        engine: where.
        workers: how many parts are worked on at a time.

    Raises:
        DataselectError: a file cannot be read.
    """
    sums: dict[str, np.ndarray] = {}
    documents = 0
    rejected: Counter[str] = Counter()
    work = _Sums(options, counted)
    for found in run_job(sources, options, work, engine=engine, workers=workers):
        if isinstance(found, SourceEnd):
            continue
        part, size, reasons = found
        documents += size
        rejected.update(reasons)
        for name, counts in part.items():
            sums[name] = sums[name] + counts if name in sums else counts
    return CorpusSums(sums, documents, dict(rejected))
