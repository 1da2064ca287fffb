"""JSON lines cut into parts: a part holds the lines that begin in one stretch of the content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing

import numpy as np

from dataselect.corpus.options import ReadOptions
from dataselect.corpus.parts import RawPart, SourceEnd
from dataselect.corpus.sources import Source
from dataselect.corpus.streams import Content

__all__ = ["cut_lines"]

_BOM = b"\xef\xbb\xbf"


def cut_lines(source: Source, options: ReadOptions) -> Iterator[RawPart | SourceEnd]:
    """The parts of a file of lines, in order, and its end.

    Part k holds the lines whose first byte lies in ``k * part_bytes .. (k + 1) * part_bytes`` of
    the decompressed content, so that where it is cut follows from the content alone. Never more
    than a part, a block and the longest line allowed are held in memory.

    Args:
        source: of the format ``jsonl``.
        options: `part_bytes` and `max_document_bytes` are used.
    """
    import pyarrow as pa

    damage = None
    with closing(Content(source.address, source.codec)) as content:
        cutter = _Cutter(source, options)
        blocks = content.blocks()
        while True:
            try:
                block = next(blocks, None)
            except (OSError, pa.ArrowException) as cause:
                damage, block = str(cause).splitlines()[0], None
            if block is None:
                break
            yield from cutter.take(block, content.stored)
        yield from cutter.finish(content.stored, damage)
        sha256 = content.sha256() or cutter.content_sha256()
    yield SourceEnd(source, (sha256,), cutter.rows)


class _Cutter:
    """The part that is being gathered, and where in the content it stands."""

    def __init__(self, source: Source, options: ReadOptions) -> None:
        self.rows = 0  # of the parts that are done
        self._source, self._options = source, options
        self._hash = hashlib.sha256()
        self._held = bytearray()
        self._hashed = 0  # of what is held
        self._searched = 0  # what is held holds no end of this part before
        self._position = 0  # in the content, of the end of what is held
        self._number = 0
        self._skipped: int | None = None  # bytes so far of a line that is too long
        self._oversize: dict[int, int] = {}

    def take(self, block: bytes, stored: int) -> Iterator[RawPart]:
        """Add a block; give the parts that it completes."""
        if self._position == 0 and block.startswith(_BOM):
            self._hash.update(_BOM)
            self._position = len(_BOM)
            block = block[len(_BOM) :]
        if self._skipped is not None:
            found = block.find(b"\n")
            dropped = len(block) if found < 0 else found + 1
            self._hash.update(memoryview(block)[:dropped])
            self._position += dropped
            if found < 0:
                self._skipped += dropped
                return
            self._end_skipping(self._skipped + found)
            if self._position >= self._boundary():
                yield self._part(len(self._held), stored)
            block = block[dropped:]
        self._held += block
        self._position += len(block)
        while (end := self._end_of_part()) is not None:
            yield self._part(end, stored)
        if self._position >= self._boundary():
            self._skip_if_too_long()

    def finish(self, stored: int, damage: str | None) -> Iterator[RawPart]:
        """Give what is left at the end of the content; a line cut by damage is dropped."""
        if damage is not None:
            self._skipped = None
            del self._held[self._held.rfind(b"\n") + 1 :]
        elif self._skipped is not None:
            self._end_skipping(self._skipped)
        if self._held or damage is not None:
            yield self._part(len(self._held), stored, damage)

    def content_sha256(self) -> str:
        """The hash of all the content."""
        return self._hash.hexdigest()

    def _boundary(self) -> int:
        return (self._number + 1) * self._options.part_bytes

    def _end_of_part(self) -> int | None:
        """Where, in what is held, the first line ends after which none begins in this part."""
        if self._position < self._boundary():
            return None
        first = len(self._held) - (self._position - self._boundary()) - 1
        found = self._held.find(b"\n", max(first, self._searched))
        if found < 0:
            self._searched = len(self._held)
            return None
        return found + 1

    def _skip_if_too_long(self) -> None:
        begin = self._held.rfind(b"\n") + 1
        size = len(self._held) - begin
        if size > self._options.max_document_bytes:
            self._hash.update(memoryview(self._held)[self._hashed :])
            del self._held[begin:]
            self._hashed, self._skipped = begin, size

    def _end_skipping(self, size: int) -> None:
        """Put an empty line in the place of one that was too long."""
        self._oversize[self._held.count(b"\n")] = size
        self._searched = len(self._held)
        self._held += b"\n"
        self._hashed, self._skipped = len(self._held), None

    def _part(self, end: int, stored: int, damage: str | None = None) -> RawPart:
        from dataselect.corpus.newlines import count_newlines

        with memoryview(self._held) as held:
            self._hash.update(held[self._hashed : end])
        # What is behind the part is copied, not the part, which is so much larger.
        content, self._held = self._held, self._held[end:]
        del content[end:]
        lines = count_newlines(np.frombuffer(memoryview(content).toreadonly(), np.uint8))
        rows = lines + (not content.endswith(b"\n") and bool(content))
        part = RawPart(
            source=self._source,
            number=self._number,
            first_row=self.rows,
            rows=rows,
            digest=self._hash.hexdigest(),
            content=content,
            oversize=self._oversize,
            damage=damage,
            stored=stored,
        )
        self.rows += rows
        self._hashed = self._searched = 0
        self._oversize = {}
        begin = self._position - len(self._held)
        self._number = begin // self._options.part_bytes
        return part
