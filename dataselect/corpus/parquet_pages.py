"""How much a row of a Parquet column may expand to, by its dictionary and that one's header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataselect.corpus.options import MIB

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = ["rows_at_a_time"]

_ROWS = 4096
_USUAL, _MEMORY = 32 * MIB, 128 * MIB
_HEADER, _BUFFER = 16, 1 << 16
_DICTIONARY_PAGE = 2
_READ = 4 * MIB  # dictionaries of up to so much are read: writers end them at one mebibyte


def rows_at_a_time(file: pq.ParquetFile, stream: Any, group: int, column: str) -> int:
    """How many rows of a row group to decode together.

    A dictionary holds a text once however many rows repeat it: a file of a megabyte may expand to
    terabytes. So many rows are taken that they fit into memory even if each were the longest text
    of the dictionary; or, where that is too large to be read for this, as long as all of it, whose
    size stands in the header of its page.

    Args:
        file: an open file.
        stream: what it is read from.
        group: the row group.
        column: the column of texts.
    """
    about = file.metadata.row_group(group)
    chunks = (about.column(at) for at in range(about.num_columns))
    chunk = next(chunk for chunk in chunks if chunk.path_in_schema == column)
    stored = chunk.total_uncompressed_size
    rows = _ROWS if stored <= _USUAL else max(1, about.num_rows * _USUAL // stored)
    rows = min(_ROWS, rows)
    if not chunk.has_dictionary_page:
        return rows
    stream.seek(chunk.dictionary_page_offset or 0)
    size = _dictionary_bytes(stream.read(_HEADER))
    longest = stored if size is None else size
    if longest * rows > _MEMORY and longest <= _READ:
        longest = min(longest, _longest_text(file, stream, group, column))
    return max(1, min(rows, _MEMORY // max(1, longest)))


def _longest_text(file: pq.ParquetFile, stream: Any, group: int, column: str) -> int:
    """The bytes of the longest text in a row group's dictionary; `_READ` where it has none."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    # Buffered: else all the column would be read for its first page.
    again = pq.ParquetFile(
        stream,
        metadata=file.metadata,
        read_dictionary=[column],
        buffer_size=_BUFFER,
        pre_buffer=False,
    )
    batch = next(again.iter_batches(1, [group], [column], use_threads=False), None)
    if batch is None or not pa.types.is_dictionary(batch.schema.field(0).type):
        return _READ
    texts: Any = batch.column(0)
    return int(pc.max(pc.binary_length(texts.dictionary)).as_py() or 0)


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
