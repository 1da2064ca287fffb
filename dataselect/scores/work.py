"""Scoring one part: the unit of work, of checkpoint and of retry, the same on every engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dataselect.corpus.documents import document_schema
from dataselect.corpus.options import ReadOptions
from dataselect.corpus.parts import Quarantined, RawPart, part_name
from dataselect.corpus.places import join
from dataselect.corpus.reading import decode
from dataselect.errors import DataselectError
from dataselect.scorers.scorer import Scorer
from dataselect.scores.index import Part
from dataselect.scores.part_files import (
    DOCUMENTS,
    QUARANTINE,
    part_file,
    read_footer,
    write_part,
    write_quarantined,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ScoreWork", "ScoredPart", "about_documents", "score_schema", "scored", "stop_at_first"]


@dataclass(frozen=True)
class ScoredPart:
    """What is known of a part once its files are there."""

    part: Part
    quarantined: Mapping[str, int]
    stored: int
    fresh: bool


def stop_at_first(found: Quarantined) -> None:
    """Refuse a corpus with anything in it that is no document.

    Raises:
        DataselectError: always.
    """
    raise DataselectError(
        f"{found.source}, row {found.row}: {found.reason}: {found.detail}",
        accepted="with --strict, documents only",
        hint="mend the file, or leave --strict out: such rows then go to quarantine",
    )


@dataclass(frozen=True)
class ScoreWork:
    """Scores parts into a folder. Doing one twice gives the same bytes.

    Attributes:
        folder: the score folder's address.
        options: how the corpus is read.
        scorers: what to run; those whose file of a part is there are passed over.
        strict: whether the first line or row that is no document ends the run.
    """

    folder: str
    options: ReadOptions
    scorers: tuple[Scorer, ...]
    strict: bool = False

    def done(self, raw: RawPart) -> ScoredPart | None:
        """The part, where all its files are there.

        Raises:
            DataselectError: they were made from other bytes, or by another version of a scorer.
        """
        documents = self._documents(raw)
        if documents is None or any(self._missing(raw)):
            return None
        return self._known(raw, documents, fresh=False)

    def __call__(self, raw: RawPart) -> ScoredPart:
        """Make the files of a part that are not there."""
        import pyarrow as pa
        import pyarrow.compute as pc

        name = part_name(raw.source.number, raw.number)
        documents = self._documents(raw)
        missing = self._missing(raw)
        quarantined: list[Quarantined] = []
        about: list[pa.RecordBatch] = []
        scores: dict[str, list[pa.RecordBatch]] = {scorer.name: [] for scorer in missing}
        for batch in decode(
            raw, self.options, stop_at_first if self.strict else quarantined.append
        ):
            for scorer in missing:
                scores[scorer.name].append(scored(scorer, batch, raw))
            about.append(about_documents(batch))
        for scorer in missing:
            table = pa.Table.from_batches(scores[scorer.name], score_schema(scorer))
            footer = {
                "scorer": scorer.name,
                "fingerprint": scorer.fingerprint,
                "digest": raw.digest,
            }
            write_part(part_file(self.folder, scorer.name, name), table, footer)
        if documents is None:
            if quarantined:
                write_quarantined(join(self.folder, QUARANTINE, f"{name}.jsonl"), quarantined)
            table = pa.Table.from_batches(about, about_schema())
            documents = {
                "source": raw.source.address,
                "number": raw.number,
                "first_row": raw.first_row,
                "rows": raw.rows,
                "documents": len(table),
                "bytes": int(pc.sum(table["bytes"]).as_py() or 0),
                "digest": raw.digest,
                "quarantined": dict(Counter(found.reason for found in quarantined)),
            }
            write_part(part_file(self.folder, DOCUMENTS, name), table, documents)
        return self._known(raw, documents, fresh=True)

    def _documents(self, raw: RawPart) -> dict[str, Any] | None:
        name = part_name(raw.source.number, raw.number)
        found = read_footer(part_file(self.folder, DOCUMENTS, name))
        if found is not None and (found["digest"], found["rows"]) != (raw.digest, raw.rows):
            raise DataselectError(
                f"{raw.source.address} has changed since it was scored into {self.folder}: "
                f"the rows from {raw.first_row:,} on differ, or some before them",
                accepted="the file as it was",
                hint="put the file back, or score into another --out (or this one anew, with "
                "--overwrite)",
            )
        return found

    def _missing(self, raw: RawPart) -> list[Scorer]:
        name = part_name(raw.source.number, raw.number)
        missing = []
        for scorer in self.scorers:
            address = part_file(self.folder, scorer.name, name)
            found = read_footer(address)
            if found is None:
                missing.append(scorer)
            elif (found["fingerprint"], found["digest"]) != (scorer.fingerprint, raw.digest):
                raise DataselectError(
                    f"{address} was made from other documents or by another version of the scorer",
                    accepted="the same corpus and scorer in all of a run",
                    hint="run again with --overwrite, or score into another --out",
                )
        return missing

    def _known(self, raw: RawPart, documents: Mapping[str, Any], *, fresh: bool) -> ScoredPart:
        part = Part(
            name=part_name(raw.source.number, raw.number),
            source=raw.source.number,
            first_row=raw.first_row,
            rows=raw.rows,
            documents=documents["documents"],
            bytes=documents["bytes"],
            digest=raw.digest,
        )
        return ScoredPart(part, documents["quarantined"], raw.stored, fresh)


def score_schema(scorer: Scorer) -> pa.Schema:
    """The columns that a scorer declares, as Arrow types."""
    import pyarrow as pa

    kinds = {"float64": pa.float64(), "int64": pa.int64(), "bool": pa.bool_()}
    return pa.schema([pa.field(column.name, kinds[column.kind]) for column in scorer.columns])


def scored(scorer: Scorer, batch: pa.RecordBatch, raw: RawPart) -> pa.RecordBatch:
    """The scores of a batch of a part, held to what the scorer declares.

    Raises:
        DataselectError: the scorer failed, or gave other rows or columns.
    """
    where = f"{raw.source.address}, rows from {batch.column('row')[0] if len(batch) else 0}"
    try:
        found = scorer.score(batch)
    except DataselectError:
        raise
    except Exception as cause:  # of a third party's scorer; the contract forbids it
        raise DataselectError(
            f"the scorer {scorer.name} failed on {where}: {type(cause).__name__}: {cause}",
            accepted="a scorer that gives a value or null for any text",
            hint="the documents before are kept; leave this scorer out, or mend it and run again",
            bad_input=False,
        ) from cause
    expected = score_schema(scorer)
    if len(found) != len(batch) or found.schema.remove_metadata() != expected:
        raise DataselectError(
            f"the scorer {scorer.name} gave {len(found)} rows of {_kinds(found.schema)} for "
            f"{len(batch)} documents ({where})",
            accepted=f"one row a document of {_kinds(expected)}",
            bad_input=False,
        )
    return found


def _kinds(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)


def about_schema() -> pa.Schema:
    import pyarrow as pa

    fields = [document_schema().field(name) for name in ("source", "row", "id", "domain")]
    return pa.schema([*fields, pa.field("bytes", pa.int64(), nullable=False)])


def about_documents(batch: pa.RecordBatch) -> pa.RecordBatch:
    """What the score table says of documents beside their scores."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = [batch.column(name) for name in ("source", "row", "id", "domain")]
    texts: Any = batch.column("text")
    sizes = pc.binary_length(texts).cast(pa.int64())
    return pa.RecordBatch.from_arrays([*columns, sizes], schema=about_schema())
