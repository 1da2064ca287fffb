"""How much a row of a Parquet column may expand to, read from its first page's header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataselect.corpus.options import MIB

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = ["rows_at_a_time"]

_ROWS = 1024
_MEMORY = 128 * MIB
_HEADER = 16
_DICTIONARY_PAGE = 2


def rows_at_a_time(file: pq.ParquetFile, stream: Any, group: int, column: str) -> int:
    """How many rows of a row group to decode together.

    A dictionary holds a text once however many rows repeat it: a file of a megabyte may expand to
    terabytes. No text is longer than the dictionary, whose size stands in the header of its page;
    so many rows are taken that they fit into memory even if each were that long.

    Args:
        file: an open file.
        stream: what it is read from.
        group: the row group.
        column: the column of texts.
    """
    about = file.metadata.row_group(group)
    chunks = (about.column(at) for at in range(about.num_columns))
    chunk = next(chunk for chunk in chunks if chunk.path_in_schema == column)
    rows = min(_ROWS, max(1, _ROWS * _MEMORY // max(1, chunk.total_uncompressed_size)))
    if not chunk.has_dictionary_page:
        return rows
    stream.seek(chunk.dictionary_page_offset or 0)
    size = _dictionary_bytes(stream.read(_HEADER))
    longest = chunk.total_uncompressed_size if size is None else size
    return max(1, min(rows, _MEMORY // max(1, longest)))


def _dictionary_bytes(header: bytes) -> int | None:
    """The expanded size of a dictionary page; None where the header is of another form.

    The header is in Thrift's compact protocol: fields 1, the kind of page, and 2, its expanded
    size, are 32-bit integers, each a byte 0x15 and a zigzag number in groups of seven bits.
    """
    values, at = [], 0
    for _ in range(2):
        if header[at : at + 1] != b"\x15":
            return None
        value = shift = 0
        at += 1
        while at < len(header):
            value |= (header[at] & 0x7F) << shift
            shift += 7
            at += 1
            if not header[at - 1] & 0x80:
                break
        values.append(value >> 1)
    return values[1] if values[0] == _DICTIONARY_PAGE else None
