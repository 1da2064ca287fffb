"""A batch of documents with only the lines that C4's rules keep."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from dataselect.scorers.signals.kernels.blocks import NEWLINES, find_places, set_at
from dataselect.scorers.signals.kernels.c4 import KEPT, judged
from dataselect.scorers.signals.kernels.eight import PADDING, next_bit
from dataselect.scorers.signals.kernels.quantities import COUNTS
from dataselect.scorers.signals.kernels.scratch import KNOWN_BITS, Scratch, room_for
from dataselect.scorers.signals.kernels.unicode_tables import Tables
from dataselect.scorers.signals.kernels.utf8 import readable
from dataselect.scorers.signals.kernels.visible import visible_begin, visible_end
from dataselect.scorers.signals.kernels.wants import WANT_C4
from zerocost.compiled import compiled, compiled_within

__all__ = ["edited"]

_COUNTS = len(COUNTS)
_NEWLINE = ord("\n")


@compiled
def edited(
    data: UInt8[np.ndarray, " bytes"],
    offsets: Int64[np.ndarray, " offsets"],
    present: Bool[np.ndarray, " documents"],
    room: int,
    tables: Tables,
) -> tuple[UInt8[np.ndarray, " edited"], Int64[np.ndarray, " offsets"]]:
    """The lines that C4's rules keep of every document of a batch.

    Args:
        data: the documents' UTF-8, one after the other.
        offsets: document i is ``data[offsets[i]:offsets[i + 1]]``.
        present: False where a document is null.
        room: bytes that the edited documents need at the most.
        tables: of Unicode.

    Returns:
        Bytes and offsets of the edited documents; nothing where one is null.
    """
    out = np.empty(room + PADDING, np.uint8)  # touched as far as it is written
    places = np.zeros(present.shape[0] + 1, np.int64)
    counts = np.zeros(_COUNTS, np.int64)
    size = 4096
    known = np.zeros(1 << KNOWN_BITS, np.uint64)
    scratch = room_for(size, known)
    for document in range(present.shape[0]):
        written = places[document]
        if present[document]:
            text, start, end = readable(data, offsets[document], offsets[document + 1])
            if end - start > size:
                size = max(end - start, 2 * size)
                scratch = room_for(size, known)
            find_places(text, start, end, WANT_C4, scratch, counts)
            written += _kept_lines(text, start, end, tables, scratch, out[written:])
        places[document + 1] = written
    return out[: places[-1]].copy(), places


@compiled_within(inline=False)
def _kept_lines(
    data: UInt8[np.ndarray, " bytes"],
    start: int,
    end: int,
    tables: Tables,
    scratch: Scratch,
    out: UInt8[np.ndarray, " room"],
) -> int:
    """Write the lines of a document that are kept, newlines between; return how many bytes."""
    index, flags = tables.index, tables.flags
    written = kept = 0
    at = start
    while at < end:
        stop = start + next_bit(scratch.sets, set_at(NEWLINES, scratch), at - start, end - start)
        last = visible_end(data, at, stop, index, flags)
        first = visible_begin(data, at, last, index, flags)
        at = stop + 1
        if first == last:
            continue
        to = written + 1 if kept else 0  # room for the newline between
        verdict, length, cited = judged(data, start, first, last, tables, scratch, out, to)
        if verdict != KEPT:
            continue
        if kept:
            out[written] = _NEWLINE
        if not cited:
            for k in range(length):
                out[to + k] = data[first + k]
        written = to + length
        kept += 1
    return written
