"""Reading a score folder: a part at a time, or all of it as a lazy table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dataselect.corpus.places import exists, join, open_to_read
from dataselect.errors import DataselectError
from dataselect.scorers.scorer import Column
from dataselect.scores.index import BEGUN, INDEX, Index, Part, ScoredSource
from dataselect.scores.part_files import DOCUMENTS, part_file
from zerocost.errors import did_you_mean

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["DOCUMENT_COLUMNS", "ScoreFolder", "open_scores"]

DOCUMENT_COLUMNS = ("source", "row", "id", "domain", "bytes")
"""Beside the scores: the file, the line or row in it (from 0), the document's own id and domain
(null where it has none), and the bytes of its text as UTF-8. `source` and `row` name a document."""


@dataclass(frozen=True)
class ScoreFolder:
    """A finished score folder.

    Attributes:
        address: where it is.
        index: what it holds.
    """

    address: str
    index: Index

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts in the corpus' order."""
        return self.index.parts

    @property
    def sources(self) -> tuple[ScoredSource, ...]:
        """The files of the corpus as they were read."""
        return self.index.sources

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns of scores, scorer by scorer."""
        return tuple(column for scorer in self.index.scorers for column in scorer.columns)

    @cached_property
    def documents(self) -> int:
        """How many documents were scored."""
        return sum(part.documents for part in self.parts)

    def part(self, index: int, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of one part, in order.

        Args:
            index: which part.
            columns: of `DOCUMENT_COLUMNS` and of the scores; all where it is None.

        Raises:
            DataselectError: there is no such column, or a file is missing or damaged.
        """
        import pyarrow as pa

        wanted = self._wanted(columns)
        name = self.parts[index].name
        found: dict[str, Any] = {}
        for kind, names in self._kinds().items():
            chosen = [column for column in wanted if column in names]
            if chosen:
                table = _read(part_file(self.address, kind, name), chosen)
                found.update(zip(table.column_names, table.columns, strict=True))
        return pa.table({column: found[column] for column in wanted})

    def scan(self, columns: Sequence[str] | None = None) -> pl.LazyFrame:
        """The rows of all parts, in order, as a lazy table that can be streamed.

        Args:
            columns: as in `part`.
        """
        import polars as pl

        wanted = self._wanted(columns)
        frames = []
        for kind, names in self._kinds().items():
            chosen = [column for column in wanted if column in names]
            if chosen:
                files = [part_file(self.address, kind, part.name) for part in self.parts]
                frames.append(_scan(files, chosen))
        return pl.concat(frames, how="horizontal").select(wanted)

    def _kinds(self) -> dict[str, list[str]]:
        """Folder -> the columns there."""
        scorers = {
            scorer.name: [column.name for column in scorer.columns] for scorer in self.index.scorers
        }
        return {DOCUMENTS: list(DOCUMENT_COLUMNS)} | scorers

    def _wanted(self, columns: Sequence[str] | None) -> list[str]:
        known = [name for names in self._kinds().values() for name in names]
        if columns is None:
            return known
        for name in columns:
            if name not in known:
                raise DataselectError(
                    f"{self.address} has no column {name!r}",
                    accepted=", ".join(known),
                    hint=did_you_mean(name, known),
                )
        return list(columns)


def open_scores(folder: str) -> ScoreFolder:
    """Open a finished score folder.

    Args:
        folder: its path or fsspec address.

    Raises:
        DataselectError: there is none, or its run has not ended.
    """
    index = join(folder, INDEX)
    if not exists(index):
        unfinished = exists(join(folder, BEGUN))
        raise DataselectError(
            f"the scoring in {folder} has not ended" if unfinished else f"{folder} has no {INDEX}",
            accepted="a folder that `dataselect score --out` wrote to its end",
            hint="the same `dataselect score` command goes on where it stopped"
            if unfinished
            else "dataselect score CORPUS --out DIR",
        )
    with open_to_read(index) as stream:
        return ScoreFolder(str(folder), Index.from_json(stream.read(), index))


def _read(address: str, columns: list[str]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_to_read(address) as stream:
            return pq.ParquetFile(stream).read(columns)
    except (OSError, pa.ArrowException) as cause:
        raise DataselectError(
            f"{address} cannot be read: {cause}",
            accepted="a score folder as it was left",
            hint="remove the file, and the same `dataselect score` command makes it again",
        ) from cause


def _scan(files: list[str], columns: list[str]) -> pl.LazyFrame:
    import polars as pl

    if not files:
        raise DataselectError("the score folder has no part", accepted="a corpus with documents")
    return pl.scan_parquet(files, glob=False).select(columns)
