"""C4's rules on lines as an edit of the text: a step of its own, never part of scoring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from dataselect.scorers.signals.arrow import text_arrays
from dataselect.scorers.signals.c4 import keep_lines
from dataselect.scorers.signals.eight import PADDING
from dataselect.scorers.signals.quantities import COUNTS
from dataselect.scorers.signals.scratch import room_for
from dataselect.scorers.signals.unicode_tables import Tables, unicode_tables
from dataselect.scorers.signals.utf8 import is_valid, repaired
from zerocost.compiled import compiled

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["edit_lines"]

_COUNTS = len(COUNTS)


def edit_lines(column: pa.Array[Any]) -> pa.Array[Any]:
    """Each document with only the lines that C4's rules keep, stripped, without citation marks.

    Args:
        column: text: string, large_string or string_view, sliced or not, with nulls or not.

    Returns:
        large_string of the same length; null where the input is null; empty where no line is
        kept. Lines are parted by one newline. Invalid UTF-8 becomes U+FFFD.

    Reference:
        Raffel et al. 2020, arXiv 1910.10683, section 2.2, and the code of its data set.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    data, offsets, present = text_arrays(column)
    room = int(3 * (offsets[-1] - offsets[0])) if len(present) else 0
    text, places = _edited(data, offsets, present, room, unicode_tables())
    whole = pa.LargeStringArray.from_buffers(len(present), pa.py_buffer(places), pa.py_buffer(text))
    return pc.if_else(pa.array(present), whole, pa.scalar(None, pa.large_string()))


@compiled
def _edited(
    data: UInt8[np.ndarray, " bytes"],
    offsets: Int64[np.ndarray, " offsets"],
    present: Bool[np.ndarray, " documents"],
    room: int,
    tables: Tables,
) -> tuple[UInt8[np.ndarray, " edited"], Int64[np.ndarray, " offsets"]]:
    out = np.empty(room + PADDING, np.uint8)  # touched as far as it is written
    places = np.zeros(present.shape[0] + 1, np.int64)
    counts = np.zeros(_COUNTS, np.int64)
    size = 4096
    scratch = room_for(size)
    for document in range(present.shape[0]):
        written = places[document]
        if present[document]:
            text, start, end = data, offsets[document], offsets[document + 1]
            if not is_valid(text, start, end):
                text = repaired(text, start, end)
                start, end = np.int64(0), np.int64(text.shape[0] - PADDING)
            if end - start > size:
                size = max(end - start, 2 * size)
                scratch = room_for(size)
            written += keep_lines(text, start, end, tables, scratch, out[written:], counts)
        places[document + 1] = written
    return out[: places[-1]].copy(), places
