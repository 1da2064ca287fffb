"""Parts: the runs of documents that are read, scored, kept and retried as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dataselect.corpus.sources import Source

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["REASONS", "Quarantined", "RawPart", "SourceEnd", "part_name"]

REASONS: Mapping[str, str] = {
    "invalid_utf8": "bytes that are no UTF-8, or half of a surrogate pair",
    "malformed_json": "a line that is no JSON value",
    "not_an_object": "a line of JSON that is no object",
    "no_text": "the text is missing or null",
    "text_not_string": "the text is a number, a list or an object",
    "too_large": "longer than the limit on a document's bytes",
    "unreadable": "the file is damaged from here on; the rest of it is not read",
}
"""Why something cannot be read, by the name that quarantine files use."""


@dataclass(frozen=True)
class Quarantined:
    """One line, row or file that is no document.

    Attributes:
        source: the file's address.
        row: the line or row, from 0.
        reason: one of `REASONS`.
        bytes: of the line, text or file; None where it is not known.
        detail: what exactly was found.
    """

    source: str
    row: int
    reason: str
    bytes: int | None
    detail: str


@dataclass(frozen=True)
class RawPart:
    """A part as it is stored, not decoded yet.

    Attributes:
        source: where it comes from.
        number: its place in the source; parts of a source are in order, numbers may be left out.
        first_row: its first line or row in the source, from 0.
        rows: how many lines or rows it covers, blank ones included.
        digest: changes whenever the stored bytes up to the part's end do, of what precedes it too.
        content: lines (bytes), or Arrow batches of columns, or the bytes of each text file.
        oversize: lines that were longer than the limit, by row within the part -> bytes; their
            place in ``content`` is an empty line.
        damage: what ended the reading of the source right after this part.
        stored: how many stored bytes of the source have been read up to its end.
    """

    source: Source
    number: int
    first_row: int
    rows: int
    digest: str
    content: bytes | bytearray | tuple[pa.RecordBatch, ...] | tuple[Any, ...]
    oversize: Mapping[int, int] = field(default_factory=dict)
    damage: str | None = None
    stored: int = 0


@dataclass(frozen=True)
class SourceEnd:
    """What is known of a source once it has been read to its end.

    Attributes:
        source: which.
        sha256: of each of its files' stored bytes.
        rows: how many lines, rows or files it has.
    """

    source: Source
    sha256: tuple[str, ...]
    rows: int


def part_name(source: int, number: int) -> str:
    """The name of a part's files, without a suffix; names sort in the corpus' order."""
    return f"part-{source:06d}-{number:06d}"
