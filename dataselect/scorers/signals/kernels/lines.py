"""Lines, ended by a newline or by the text's end: what is counted when one is complete."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int32, Int64, UInt8, UInt32

from dataselect.scorers.signals.kernels.quantities import COUNTS, SUMS
from dataselect.scorers.signals.kernels.unicode_tables import TERMINAL, class_of
from dataselect.scorers.signals.kernels.utf8 import decoded
from zerocost.compiled import compiled_within

__all__ = [
    "CHARACTERS",
    "FIRST",
    "FOLDED",
    "LAST",
    "LINE_STATE",
    "NUMERIC_CHARACTERS",
    "UPPERCASE",
    "WORDS",
    "begin_line",
    "end_line",
]

CHARACTERS, UPPERCASE, FOLDED, WORDS, NUMERIC_CHARACTERS, FIRST, LAST, LINE_STATE = range(8)
"""Places in a line's state: characters, upper-case ones; characters, words and numeric characters
of the normalised line; bytes where its first and behind its last visible character are."""

_CHARACTERS = COUNTS.index("characters")
_LINES = COUNTS.index("lines")
_ELLIPSIS_LINES = COUNTS.index("lines_ellipsis")
_TERMINAL_LINES = COUNTS.index("lines_terminal")
_BULLET_LINES = COUNTS.index("lines_bullet")
_DASH_LINES = COUNTS.index("lines_dash")
_FULL_LINES = COUNTS.index("full_lines")
_FULL_TERMINAL = COUNTS.index("full_lines_terminal")
_FULL_SHORT = COUNTS.index("full_lines_short")
_UPPERCASE = SUMS.index("line_uppercase")
_NUMERIC = SUMS.index("line_numeric")

_DOT, _DASH = ord("."), ord("-")
_MARKS = (ord("."), ord("!"), ord("?"), ord("”"))
_ELLIPSIS = ord("…")
_BULLET = 0x2022
_BULLETS = (0x2022, 0x2023, 0x25B6, 0x25C0, 0x25E6, 0x25A0, 0x25A1, 0x25AA, 0x25AB, 0x2013)
_SHORT = 30


@compiled_within()
def begin_line(line: Int64[np.ndarray, " state"]) -> None:
    """An empty line."""
    line[:] = 0
    line[FIRST] = -1


@compiled_within()
def end_line(
    data: UInt8[np.ndarray, " bytes"],
    index: Int32[np.ndarray, " blocks"],
    flags: UInt32[np.ndarray, " values"],
    line: Int64[np.ndarray, " state"],
    newline: int,
    counts: Int64[np.ndarray, " counts"],
    sums: Float64[np.ndarray, " sums"],
) -> None:
    """Count a complete line, and begin the next.

    Args:
        data: the text.
        index: of the Unicode tables.
        flags: of the Unicode tables.
        line: state of the line, its newline counted as a character.
        newline: 1 where the line ends with one, 0 at the end of the text.
        counts: of the document.
        sums: of the document.
    """
    counts[_LINES] += 1
    counts[_CHARACTERS] += line[CHARACTERS]
    sums[_UPPERCASE] += line[UPPERCASE] / line[CHARACTERS]
    if line[WORDS] > 0:
        sums[_NUMERIC] += line[NUMERIC_CHARACTERS] / (line[FOLDED] + line[WORDS] - 1)
    if line[FIRST] >= 0:
        counts[_FULL_LINES] += 1
        if line[CHARACTERS] - newline <= _SHORT:
            counts[_FULL_SHORT] += 1
        first = decoded(data, line[FIRST])
        if first in _BULLETS:
            counts[_BULLET_LINES] += 1
        if first in (_BULLET, _DASH):
            counts[_DASH_LINES] += 1
        end = line[LAST]
        at = end - 1
        while data[at] & 0xC0 == 0x80:
            at -= 1
        last = decoded(data, at)
        if last in _MARKS:
            counts[_TERMINAL_LINES] += 1
        if class_of(index, flags, last) & TERMINAL:
            counts[_FULL_TERMINAL] += 1
        if last == _ELLIPSIS or (
            last == _DOT
            and end - line[FIRST] >= 3
            and data[end - 2] == _DOT
            and data[end - 3] == _DOT
        ):
            counts[_ELLIPSIS_LINES] += 1
    begin_line(line)
