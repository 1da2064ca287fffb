"""Sentences: ended by a terminal mark before white space, or by the end of a paragraph."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, Int64, UInt16

from dataselect.scorers.signals.quantities import COUNTS
from dataselect.scorers.signals.unicode_tables import ALNUM, LETTER, LOWER, TERMINAL
from zerocost.compiled import compiled

__all__ = ["ABBREVIATIONS", "BEGUN", "CLOSERS", "ENDING", "INLINE", "add_piece"]

BEGUN, ENDING = 1, 2
"""State: the sentence has a letter or digit; it ends unless a lower-case letter follows."""

CLOSERS = "\"')]}’”»›」』）】》〉"
"""May stand between a terminal mark and the white space behind it."""

INLINE = "。！？｡．"
"""End a sentence wherever they stand: no space follows them."""

ABBREVIATIONS = ("Mr", "Mrs", "Ms", "Dr", "Prof", "St", "vs")
"""Words whose full stop ends no sentence; nor does that of a single letter."""

_SENTENCES = COUNTS.index("sentences")
_CLOSERS = tuple(map(ord, CLOSERS))
_INLINE = tuple(map(ord, INLINE))
_ABBREVIATIONS = np.array(
    [[*map(ord, word)] + [0] * (4 - len(word)) for word in ABBREVIATIONS], np.int32
)
_ELLIPSIS, _FULL_STOP = ord("…"), ord(".")


@compiled
def add_piece(
    codes: Int32[np.ndarray, " characters"],
    classes: UInt16[np.ndarray, " characters"],
    state: int,
    counts: Int64[np.ndarray, " counts"],
) -> int:
    """Go over a piece of text without white space.

    Args:
        codes: code points.
        classes: their flags.
        state: bits of `BEGUN` and `ENDING` before it.
        counts: of the document.

    Returns:
        The state behind it.
    """
    n = codes.shape[0]
    if state & ENDING:
        lower = False
        for flags in classes:
            if flags & ALNUM:
                lower = flags & LOWER != 0
                break
        if not lower:
            counts[_SENTENCES] += 1
            state = 0
        state &= BEGUN
    for k in range(n):
        if classes[k] & ALNUM:
            state |= BEGUN
        elif codes[k] in _INLINE and state & BEGUN:
            counts[_SENTENCES] += 1
            state = 0
    last = n - 1
    while last > 0 and codes[last] in _CLOSERS:
        last -= 1
    if state & BEGUN and (classes[last] & TERMINAL or codes[last] == _ELLIPSIS):
        if not (codes[last] == _FULL_STOP and _is_abbreviation(codes[:last], classes[:last])):
            state |= ENDING
    return state


@compiled
def _is_abbreviation(
    codes: Int32[np.ndarray, " characters"], classes: UInt16[np.ndarray, " characters"]
) -> bool:
    first = 0
    while first < codes.shape[0] and not classes[first] & LETTER:
        first += 1
    n = codes.shape[0] - first
    if n == 1:
        return True
    if n > 4:
        return False
    for row in range(_ABBREVIATIONS.shape[0]):
        same = n == 4 or _ABBREVIATIONS[row, n] == 0
        for k in range(n):
            same &= _ABBREVIATIONS[row, k] == codes[first + k]
        if same:
            return True
    return False
