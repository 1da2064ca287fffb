"""A few stretches of a source, spread over it: what the whole is like, without reading it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

from dataselect.corpus.options import ReadOptions
from dataselect.corpus.parts import RawPart
from dataselect.corpus.places import open_to_read
from dataselect.corpus.reading import cut
from dataselect.corpus.sources import Source
from dataselect.corpus.tables import open_table, table_batches

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["sample_parts"]

_STRETCHES = 16
_BLOCK = 1 << 16


def sample_parts(source: Source, options: ReadOptions, size: int) -> Iterator[RawPart]:
    """Parts of a source with about so much text together.

    Lines are those that begin in stretches at equal distances, rows the first ones of row groups
    at equal distances, so that a file in which one kind of text follows another is seen as a whole.
    What is compressed as a stream, and text files, are read from their beginning.

    Args:
        source: of `find_corpus`.
        options: how it is read.
        size: bytes.

    Yields:
        Parts whose ``stored`` says for how many stored bytes of the source each stands.
    """
    if source.format == "jsonl" and source.codec is None and source.bytes > size:
        yield from _stretches(source, options, size)
        return
    if source.format == "parquet":
        import pyarrow as pa

        try:
            yield from _groups(source, options, size)
            return
        except (OSError, pa.ArrowException):  # damaged: its beginning tells what can be told
            pass
    found = next(cut(source, replace(options, part_bytes=size)))
    if isinstance(found, RawPart):
        yield found


def _stretches(source: Source, options: ReadOptions, size: int) -> Iterator[RawPart]:
    each = size // _STRETCHES
    with closing(open_to_read(source.address)) as stream:
        for number in range(_STRETCHES):
            begin = (source.bytes - each) * number // (_STRETCHES - 1)
            stream.seek(max(begin - 1, 0))
            content = stream.read(each + (begin > 0))
            if begin > 0:  # a line that begins here has a newline before it
                content = content[content.find(b"\n") + 1 or len(content) :]
            while content and not content.endswith(b"\n"):
                more = stream.read(_BLOCK)
                end = more.find(b"\n") + 1
                content += more[:end] if end else more
                if not more or len(content) > options.max_document_bytes + each:
                    break
            rows = content.count(b"\n")
            yield RawPart(source, number, 0, rows, "", content, stored=each)


def _groups(source: Source, options: ReadOptions, size: int) -> Iterator[RawPart]:
    with closing(open_to_read(source.address)) as stream:
        file, columns = open_table(source, stream, options)
        about = file.metadata
        wanted = min(_STRETCHES, about.num_row_groups)
        groups = [number * about.num_row_groups // wanted for number in range(wanted)]
        # The same share of the rows of each: where texts are long, few of them are many bytes.
        expanded = sum(about.row_group(group).total_byte_size for group in groups)
        share = min(1.0, size / max(1, expanded))
        for number, group in enumerate(groups):
            left = ceil(share * about.row_group(group).num_rows)
            held: list[pa.RecordBatch] = []
            for batch in table_batches(file, stream, columns, [group]):
                held.append(batch.slice(0, left))
                left -= len(held[-1])
                if left == 0:
                    break
            rows = sum(len(batch) for batch in held)
            stored = source.bytes * rows // max(1, about.num_rows)
            yield RawPart(source, number, 0, rows, "", tuple(held), stored=stored)
