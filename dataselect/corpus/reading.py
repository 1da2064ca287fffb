"""Reading a corpus: every format as parts of documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataselect.corpus.documents import document_schema
from dataselect.corpus.jsonl import decode_lines
from dataselect.corpus.lines import cut_lines
from dataselect.corpus.options import ReadOptions
from dataselect.corpus.parts import Quarantined, RawPart, SourceEnd
from dataselect.corpus.sources import Source
from dataselect.corpus.tables import cut_table, decode_table
from dataselect.corpus.texts import decode_texts, gather_texts

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["DocumentPart", "cut", "decode", "read_parts"]


@dataclass(frozen=True)
class DocumentPart:
    """A part of a corpus, decoded.

    Attributes:
        source: where it comes from.
        number: its place in the source.
        first_row: its first line or row there, from 0.
        rows: how many lines or rows it covers, those that are no documents included.
        batch: the documents, in order: source, row, id, domain, text.
        quarantined: what is no document, in order.
    """

    source: Source
    number: int
    first_row: int
    rows: int
    batch: pa.RecordBatch
    quarantined: tuple[Quarantined, ...]


def read_parts(source: Source, options: ReadOptions | None = None) -> Iterator[DocumentPart]:
    """The documents of a source, part by part, in order, in bounded memory.

    Args:
        source: of `find_corpus`.
        options: how it is read.

    Raises:
        DataselectError: a file cannot be opened, or a table has no column of text.
    """
    import pyarrow as pa

    options = options or ReadOptions()
    for raw in cut(source, options):
        if isinstance(raw, SourceEnd):
            return
        quarantined: list[Quarantined] = []
        batches = list(decode(raw, options, quarantined.append))
        table = pa.Table.from_batches(batches, document_schema()).combine_chunks()
        batch = pa.RecordBatch.from_arrays(
            [column.combine_chunks() for column in table.columns], schema=document_schema()
        )
        yield DocumentPart(source, raw.number, raw.first_row, raw.rows, batch, tuple(quarantined))


def cut(source: Source, options: ReadOptions) -> Iterator[RawPart | SourceEnd]:
    """The parts of a source as they are stored, in order, and its end."""
    cutters = {"jsonl": cut_lines, "parquet": cut_table, "text": gather_texts}
    return cutters[source.format](source, options)


def decode(
    raw: RawPart, options: ReadOptions, quarantine: Callable[[Quarantined], None]
) -> Iterator[pa.RecordBatch]:
    """The documents of a part, in batches of about a megabyte; see `document_schema`.

    Args:
        raw: a part of `cut`.
        options: how it is read.
        quarantine: called with what is no document, in order.
    """
    decoders = {"jsonl": decode_lines, "parquet": decode_table, "text": decode_texts}
    yield from decoders[raw.source.format](raw, options, quarantine)
    if raw.damage is not None:
        quarantine(
            Quarantined(
                raw.source.address, raw.first_row + raw.rows, "unreadable", None, raw.damage
            )
        )
