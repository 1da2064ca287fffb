"""C4's rules on lines as an edit of the text: a step of its own, never part of scoring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataselect.scorers.signals.arrow import text_arrays
from dataselect.scorers.signals.kernels.unicode_tables import unicode_tables

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["edit_lines"]


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

    from dataselect.scorers.signals.kernels.edited import edited

    data, offsets, present = text_arrays(column)
    room = int(3 * (offsets[-1] - offsets[0])) if len(present) else 0
    text, places = edited(data, offsets, present, room, unicode_tables())
    whole = pa.LargeStringArray.from_buffers(
        len(present), pa.py_buffer(places.data), pa.py_buffer(text.data)
    )
    kept: pa.Array[Any] = pc.if_else(pa.array(present), whole, pa.scalar(None, pa.large_string()))
    return kept
