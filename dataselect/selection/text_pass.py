"""The pass over the texts: fingerprints to disk, and which documents an evaluation set shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dataselect.errors import DataselectError
from dataselect.selection.disk import DiskColumn
from dataselect.selection.duplicates import PERMUTATIONS, banding
from dataselect.selection.evaluation import Evaluation
from dataselect.selection.fingerprints import Fingerprints, fingerprints_of
from dataselect.selection.settings import Settings
from dataselect.selection.work import Work
from zerocost.journal import Journal

__all__ = ["Hit", "TextColumns", "fingerprint_texts"]


@dataclass(frozen=True)
class Hit:
    """A document that shares runs of words with an evaluation document.

    Attributes:
        document: its place.
        evaluation: the name of the evaluation document.
        runs: how many are shared.
        shared: the words of the first.
    """

    document: int
    evaluation: str
    runs: int
    shared: str


@dataclass(frozen=True)
class TextColumns:
    """Fingerprints on disk; those that are not asked for are None."""

    hashes: DiskColumn | None
    signatures: DiskColumn | None
    bands: DiskColumn | None

    @classmethod
    def of(cls, work: Work, settings: Settings) -> TextColumns:
        """The columns that the settings need."""
        n, folder = work.documents, work.folder
        if settings.duplicates == "exact":
            return cls(DiskColumn(folder / "hashes", np.uint64, n, 2), None, None)
        if settings.duplicates == "near":
            bands = banding(settings.similarity).bands
            return cls(
                None,
                DiskColumn(folder / "signatures", np.uint32, n, PERMUTATIONS),
                DiskColumn(folder / "bands", np.uint64, n * bands),
            )
        return cls(None, None, None)

    def write(self, start: int, found: Fingerprints) -> None:
        """Put the fingerprints of documents that follow one another in their place."""
        if self.hashes is not None and found.hashes is not None:
            self.hashes.write(start, found.hashes)
        if self.signatures is not None and found.signatures is not None:
            self.signatures.write(start, found.signatures)
        if self.bands is not None and found.bands is not None:
            documents = self.bands.documents // len(found.bands)
            for band, hashes in enumerate(found.bands):
                self.bands.write(band * documents + start, hashes)


def fingerprint_texts(
    sources: tuple[Any, ...],
    scores: Any,
    options: Any,
    work: Work,
    settings: Settings,
    evaluation: Evaluation | None,
    journal: Journal,
    *,
    workers: int | None = None,
    on_part: Callable[[int], None] | None = None,
) -> list[Hit]:
    """Fingerprint every document; parts that the journal has are passed over.

    Args:
        sources: the corpus.
        scores: its `ScoreFolder`.
        options: how the corpus was read when it was scored.
        work: whose folder takes the fingerprints.
        settings: what is asked.
        evaluation: what is to be kept out.
        journal: of the parts that are done.
        workers: threads; the result does not depend on their number.
        on_part: called with the number of parts done.

    Returns:
        What shares runs with the evaluation sets, in the corpus' order.

    Raises:
        DataselectError: the corpus is not what was scored.
    """
    from dataselect.corpus.parts import SourceEnd
    from dataselect.engines import run_job

    known = {r["part"]: r["hits"] for r in journal.records if "part" in r}
    at = {(part.source, part.first_row): i for i, part in enumerate(scores.parts)}
    fingerprint = _Fingerprinting(
        at,
        tuple((part.digest, part.documents) for part in scores.parts),
        tuple(work.starts.tolist()),
        options,
        TextColumns.of(work, settings),
        settings,
        evaluation,
        dict(known),
    )
    if len(known) < len(at):
        for result in run_job(sources, options, fingerprint, workers=workers):
            if isinstance(result, SourceEnd) or result.part in known:
                continue
            journal.append({"part": result.part, "hits": result.hits})
            known[result.part] = result.hits
            if on_part is not None:
                on_part(len(known))
    return [Hit(*hit) for part in sorted(known) for hit in known[part]]


@dataclass(frozen=True)
class _Done:
    part: int
    hits: list[list[Any]]


@dataclass(frozen=True)
class _Fingerprinting:
    """The work on one part, as engines run it."""

    at: dict[tuple[int, int], int]
    scored: tuple[tuple[str, int], ...]
    starts: tuple[int, ...]
    options: Any
    columns: TextColumns
    settings: Settings
    evaluation: Evaluation | None
    known: dict[int, list[list[Any]]]

    def done(self, raw: Any) -> _Done | None:
        part = self.at.get((raw.source.number, raw.first_row), -1)
        return _Done(part, self.known[part]) if part in self.known else None

    def __call__(self, raw: Any) -> _Done:
        part = self.at.get((raw.source.number, raw.first_row), -1)
        texts = _texts(raw, self.scored[part] if part >= 0 else None, self.options)
        start = self.starts[part]
        own = self.evaluation
        found = fingerprints_of(
            texts,
            duplicates=self.settings.duplicates,
            similarity=self.settings.similarity,
            evaluation=own,
        )
        self.columns.write(start, found)
        hits = zip(
            (start + found.hits.documents).tolist(),
            [own.names[of] for of in found.hits.evaluation.tolist()] if own is not None else [],
            found.hits.runs.tolist(),
            found.shared,
            strict=True,
        )
        return _Done(part, [list(hit) for hit in hits])


def _texts(raw: Any, scored: tuple[str, int] | None, options: Any) -> Any:
    """The texts of a part, which must be what was scored."""
    import pyarrow as pa

    from dataselect.corpus.reading import decode

    batches = list(decode(raw, options, lambda _: None))
    rows = sum(len(batch) for batch in batches)
    if scored != (raw.digest, rows):
        raise DataselectError(
            f"{raw.source.address} has changed since it was scored: its rows from "
            f"{raw.first_row:,} on differ, or some before them",
            accepted="the file as it was",
            hint="put the file back, or score it again",
        )
    if not batches:
        return pa.array([], pa.large_string())
    return pa.chunked_array([batch.column("text") for batch in batches])
