"""Words of the raw text, split as RedPajama splits them: ``\\w+|[^\\w\\s]+``."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, Int64, UInt16, UInt64

from dataselect.scorers.signals.hashing import PRIME, SEED, mixed
from dataselect.scorers.signals.quantities import COUNTS
from dataselect.scorers.signals.unicode_tables import ASCII_LETTER, END, LOWER, UPPER, WORD
from zerocost.compiled import compiled

__all__ = ["count_raw_words", "count_split_sentences", "count_symbols", "is_member"]

_RAW_WORDS = COUNTS.index("raw_words")
_RAW_ALPHABETIC = COUNTS.index("raw_alphabetic")
_RAW_CAPITALS = COUNTS.index("raw_capitals")
_RAW_STOP_WORDS = COUNTS.index("raw_stop_words")
_SPLIT_SENTENCES = COUNTS.index("split_sentences")
_CURLY = COUNTS.index("curly_brackets")
_OPENING = COUNTS.index("opening_brackets")
_HASHES = COUNTS.index("hashes")
_ELLIPSES = COUNTS.index("ellipses")
_BRACE, _CLOSING_BRACE, _HASH, _DOT, _ELLIPSIS = ord("{"), ord("}"), ord("#"), ord("."), ord("…")


@compiled
def count_raw_words(
    codes: Int32[np.ndarray, " characters"],
    classes: UInt16[np.ndarray, " characters"],
    stop_words: UInt64[np.ndarray, " slots"],
    counts: Int64[np.ndarray, " counts"],
) -> None:
    """Count the words of a piece of text without white space."""
    first = 0
    while first < codes.shape[0]:
        kind = classes[first] & WORD
        seen = np.uint16(0)
        value = SEED
        last = first
        while last < codes.shape[0] and classes[last] & WORD == kind:
            seen |= classes[last]
            value = (value ^ np.uint64(codes[last])) * PRIME
            last += 1
        counts[_RAW_WORDS] += 1
        if seen & ASCII_LETTER:
            counts[_RAW_ALPHABETIC] += 1
            if is_member(mixed(value), stop_words):
                counts[_RAW_STOP_WORDS] += 1
        if seen & UPPER and not seen & LOWER:
            counts[_RAW_CAPITALS] += 1
        first = last


@compiled
def is_member(value: int, slots: UInt64[np.ndarray, " slots"]) -> bool:
    """Whether a hash is in a table of hashes, whose empty slots are 0."""
    at = np.int64(value & np.uint64(slots.shape[0] - 1))
    while slots[at] != 0:
        if slots[at] == value:
            return True
        at = (at + 1) & (slots.shape[0] - 1)
    return False


@compiled
def count_split_sentences(
    classes: UInt16[np.ndarray, " characters"], begun: bool, counts: Int64[np.ndarray, " counts"]
) -> bool:
    """Count the matches of ``\\b[^.!?]+[.!?]*`` that begin in a piece of text.

    A match ends behind ``.``, ``!`` or ``?``, and the next begins at the next word character, so
    the matches are the stretches between these marks that hold a word character.

    Args:
        classes: flags of the characters.
        begun: whether the stretch before the piece has had its word character.
        counts: of the document.

    Returns:
        Whether the stretch that the piece leaves open has had its word character.
    """
    for flags in classes:
        if flags & END:
            begun = False
        elif flags & WORD and not begun:
            begun = True
            counts[_SPLIT_SENTENCES] += 1
    return begun


@compiled
def count_symbols(
    codes: Int32[np.ndarray, " characters"], counts: Int64[np.ndarray, " counts"]
) -> None:
    """Count curly brackets, hash marks, and ellipses ("..." from the left, or U+2026)."""
    dots = 0
    for code in codes:
        dots = dots + 1 if code == _DOT else 0
        if dots == 3:
            dots = 0
            counts[_ELLIPSES] += 1
        elif code == _ELLIPSIS:
            counts[_ELLIPSES] += 1
        elif code == _HASH:
            counts[_HASHES] += 1
        elif code == _BRACE:
            counts[_CURLY] += 1
            counts[_OPENING] += 1
        elif code == _CLOSING_BRACE:
            counts[_CURLY] += 1
