"""Words, sentences and symbols of the raw text, as RedPajama finds them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, Int64, UInt32, UInt64

from dataselect.scorers.signals.kernels.hashing import hash_codes
from dataselect.scorers.signals.kernels.quantities import COUNTS
from dataselect.scorers.signals.kernels.stop_words import find
from dataselect.scorers.signals.kernels.unicode_tables import (
    ASCII_LETTER,
    END,
    LOWER,
    NONASCII,
    TITLE,
    UPPER,
    WORD,
)
from zerocost.compiled import compiled_within

__all__ = ["count_ellipses", "count_raw_words", "split_sentences"]

_RAW_WORDS = COUNTS.index("raw_words")
_RAW_ALPHABETIC = COUNTS.index("raw_alphabetic")
_RAW_CAPITALS = COUNTS.index("raw_capitals")
_RAW_STOP_WORDS = COUNTS.index("raw_stop_words")
_SPLIT_SENTENCES = COUNTS.index("split_sentences")
_ELLIPSES = COUNTS.index("ellipses")
_DOT, _ELLIPSIS = ord("."), ord("…")
_LONGEST_STOP_WORD = 13


@compiled_within()
def count_raw_words(
    codes: Int32[np.ndarray, " room"],
    classes: UInt32[np.ndarray, " room"],
    length: int,
    stop_words: UInt64[np.ndarray, " slots"],
    counts: Int64[np.ndarray, " counts"],
) -> None:
    """Count the matches of ``\\w+|[^\\w\\s]+`` in a piece of text without white space."""
    first = 0
    while first < length:
        kind = classes[first] & WORD
        seen = np.int64(0)
        last = first
        while last < length and classes[last] & WORD == kind:
            seen |= np.int64(classes[last])
            last += 1
        counts[_RAW_WORDS] += 1
        counts[_RAW_CAPITALS] += seen & UPPER != 0 and seen & (LOWER | TITLE) == 0
        if seen & ASCII_LETTER:
            counts[_RAW_ALPHABETIC] += 1
            if not seen & (UPPER | NONASCII) and last - first <= _LONGEST_STOP_WORD:
                counts[_RAW_STOP_WORDS] += find(hash_codes(codes, first, last), stop_words) >= 0
        first = last


@compiled_within()
def split_sentences(
    classes: UInt32[np.ndarray, " room"],
    length: int,
    begun: int,
    counts: Int64[np.ndarray, " counts"],
) -> int:
    """Count the matches of ``\\b[^.!?]+[.!?]*`` that begin in a piece of text.

    A match ends behind ``.``, ``!`` or ``?``, and the next begins at the next word character, so
    the matches are the stretches between these marks that hold a word character.

    Args:
        classes: flags of the characters.
        length: how many there are.
        begun: 1 where the stretch before the piece has had its word character.
        counts: of the document.

    Returns:
        1 where the stretch that the piece leaves open has had its word character.
    """
    for k in range(length):
        if classes[k] & END:
            begun = 0
        elif classes[k] & WORD and begun == 0:
            begun = 1
            counts[_SPLIT_SENTENCES] += 1
    return begun


@compiled_within()
def count_ellipses(
    codes: Int32[np.ndarray, " room"], length: int, counts: Int64[np.ndarray, " counts"]
) -> None:
    """Count ellipses ("..." from the left, or U+2026)."""
    dots = 0
    for k in range(length):
        code = codes[k]
        dots = dots + 1 if code == _DOT else 0
        if dots == 3:
            dots = 0
            counts[_ELLIPSES] += 1
        counts[_ELLIPSES] += code == _ELLIPSIS
