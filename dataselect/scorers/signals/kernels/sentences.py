"""Sentences: ended by a terminal mark before white space, or by the end of a paragraph."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, Int64, UInt8, UInt32

from dataselect.scorers.signals.kernels.eight import low_bits, trailing_zeros
from dataselect.scorers.signals.kernels.hashing import hash_bytes, hash_codes, hash_of
from dataselect.scorers.signals.kernels.quantities import COUNTS
from dataselect.scorers.signals.kernels.unicode_tables import (
    ALNUM,
    LETTER,
    LOWER,
    NONASCII,
    TERMINAL,
)
from zerocost.compiled import compiled_within

__all__ = [
    "ABBREVIATIONS",
    "BEGUN",
    "CLOSERS",
    "ENDING",
    "INLINE",
    "ascii_sentence_state",
    "is_abbreviation",
    "sentence_state",
]

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
_ABBREVIATIONS = np.array([hash_of(word) for word in ABBREVIATIONS], np.uint64)
_LONGEST = max(map(len, ABBREVIATIONS))
_ELLIPSIS, _FULL_STOP = ord("…"), ord(".")
_ASCII_CLOSERS = np.zeros(256, np.bool_)
_ASCII_CLOSERS[[code for code in _CLOSERS if code < 0x80]] = True
_ASCII_ENDS = np.zeros(256, np.bool_)
_ASCII_ENDS[list(b".!?")] = True
_ONE, _NONE = np.uint64(1), np.uint64(0)


@compiled_within(inline=False)
def sentence_state(
    codes: Int32[np.ndarray, " room"],
    classes: UInt32[np.ndarray, " room"],
    length: int,
    seen: int,
    state: int,
    counts: Int64[np.ndarray, " counts"],
) -> int:
    """Go over a piece of text without white space.

    Args:
        codes: code points.
        classes: their flags.
        length: how many there are.
        seen: all their flags together.
        state: bits of `BEGUN` and `ENDING` before it.
        counts: of the document.

    Returns:
        The state behind it.
    """
    if state & ENDING:
        state = BEGUN
        first = 0
        if seen & ALNUM:
            while not classes[first] & ALNUM:
                first += 1
        if not classes[first] & ALNUM or not classes[first] & LOWER:
            counts[_SENTENCES] += 1
            state = 0
    if seen & TERMINAL and seen & NONASCII:
        for k in range(length):
            if classes[k] & ALNUM:
                state = BEGUN
            elif state & BEGUN and codes[k] in _INLINE:
                counts[_SENTENCES] += 1
                state = 0
    elif seen & ALNUM:
        state = BEGUN
    last = length - 1
    while last > 0 and codes[last] in _CLOSERS:
        last -= 1
    if (
        state & BEGUN
        and (classes[last] & TERMINAL or codes[last] == _ELLIPSIS)
        and not (codes[last] == _FULL_STOP and _ends_in_abbreviation(codes, classes, last))
    ):
        state |= ENDING
    return state


@compiled_within()
def _ends_in_abbreviation(
    codes: Int32[np.ndarray, " room"], classes: UInt32[np.ndarray, " room"], end: int
) -> bool:
    """Whether ``codes[:end]`` is an abbreviation behind what is not a letter."""
    first = 0
    while first < end and not classes[first] & LETTER:
        first += 1
    if end - first > _LONGEST:
        return False
    return end > first and is_abbreviation(hash_codes(codes, first, end), end - first)


@compiled_within()
def is_abbreviation(word: int, length: int) -> bool:
    """Whether the word of a hash and length takes a full stop that ends no sentence."""
    if length == 1:
        return True
    if length > _LONGEST:
        return False
    for k in range(_ABBREVIATIONS.shape[0]):
        if _ABBREVIATIONS[k] == word:
            return True
    return False


@compiled_within()
def ascii_sentence_state(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    length: int,
    letters: int,
    capitals: int,
    word: int,
    state: int,
) -> tuple[int, int]:
    """Go over a piece of ASCII, as `sentence_state` does.

    Args:
        data: bytes.
        at: where the piece begins.
        length: its bytes, 1 .. 56.
        letters: which of them are, a bit each.
        capitals: likewise.
        word: letters and digits.
        state: before it.

    Returns:
        How many sentences end before it, 0 or 1; the state behind it.
    """
    ended = 0
    if state & ENDING:
        first = word & (~word + _ONE)
        ended = np.int64(first & letters & ~capitals == _NONE)
        state = 0 if ended else BEGUN
    if word:
        state = BEGUN
    if state & BEGUN:
        last = length - 1
        while last > 0 and _ASCII_CLOSERS[data[at + last]]:
            last -= 1
        if _ASCII_ENDS[data[at + last]]:
            state = BEGUN | ENDING
            before = letters & low_bits(last)
            if data[at + last] == _FULL_STOP and before != _NONE:
                first = trailing_zeros(before)
                size = last - first
                if size <= _LONGEST and is_abbreviation(hash_bytes(data, at + first, size), size):
                    state = BEGUN
    return ended, state
