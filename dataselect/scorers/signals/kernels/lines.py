"""A line, ended by a newline or by the text's end: what is counted of its first and last mark."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, Int64, UInt8, UInt32

from dataselect.scorers.signals.kernels.quantities import COUNTS
from dataselect.scorers.signals.kernels.unicode_tables import TERMINAL, class_of
from dataselect.scorers.signals.kernels.utf8 import decoded
from zerocost.compiled import compiled_within

__all__ = ["count_full_line"]

_ELLIPSIS_LINES = COUNTS.index("lines_ellipsis")
_TERMINAL_LINES = COUNTS.index("lines_terminal")
_BULLET_LINES = COUNTS.index("lines_bullet")
_DASH_LINES = COUNTS.index("lines_dash")
_FULL_LINES = COUNTS.index("full_lines")
_FULL_TERMINAL = COUNTS.index("full_lines_terminal")
_FULL_SHORT = COUNTS.index("full_lines_short")

_DOT, _DASH = ord("."), ord("-")
_ASCII_MARKS = (ord("."), ord("!"), ord("?"))
_QUOTE = ord("”")
_ELLIPSIS = ord("…")
_BULLET = 0x2022
_BULLETS = (0x2022, 0x2023, 0x25B6, 0x25C0, 0x25E6, 0x25A0, 0x25A1, 0x25AA, 0x25AB, 0x2013)
_SHORT = 30


@compiled_within()
def count_full_line(
    data: UInt8[np.ndarray, " bytes"],
    first: int,
    end: int,
    characters: int,
    index: Int32[np.ndarray, " blocks"],
    flags: UInt32[np.ndarray, " values"],
    counts: Int64[np.ndarray, " counts"],
) -> None:
    """Count a line that is not blank.

    Args:
        data: the text.
        first: its first visible character.
        end: behind the last byte of its last one.
        characters: how many it has, white space and all but a newline.
        index: of the Unicode tables.
        flags: of the Unicode tables.
        counts: of the document.
    """
    counts[_FULL_LINES] += 1
    counts[_FULL_SHORT] += characters <= _SHORT
    if data[first] >= 0x80:
        beginning = decoded(data, first)
        counts[_BULLET_LINES] += beginning in _BULLETS
        counts[_DASH_LINES] += beginning == _BULLET
    else:
        counts[_DASH_LINES] += data[first] == _DASH
    last = np.int64(data[end - 1])
    if last >= 0x80:
        at = end - 1
        while data[at] & 0xC0 == 0x80:
            at -= 1
        last = decoded(data, at)
        counts[_TERMINAL_LINES] += last == _QUOTE
        counts[_FULL_TERMINAL] += class_of(index, flags, last) & TERMINAL != 0
        counts[_ELLIPSIS_LINES] += last == _ELLIPSIS
    elif last in _ASCII_MARKS:
        counts[_TERMINAL_LINES] += 1
        counts[_FULL_TERMINAL] += 1
        counts[_ELLIPSIS_LINES] += (
            last == _DOT and end - first >= 3 and data[end - 2] == _DOT and data[end - 3] == _DOT
        )
