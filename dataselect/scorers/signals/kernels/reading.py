"""What readability formulas need: words with a letter, their letters, their syllables."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, Int64, UInt8, UInt32

from dataselect.scorers.signals.kernels.quantities import COUNTS
from dataselect.scorers.signals.kernels.syllables import LONGEST, syllables
from dataselect.scorers.signals.kernels.unicode_tables import LETTER, MARK, Tables
from zerocost.compiled import compiled_within

__all__ = ["count_reading_words"]

_READING_WORDS = COUNTS.index("reading_words")
_READING_LETTERS = COUNTS.index("reading_letters")
_SYLLABLES = COUNTS.index("syllables")
_APOSTROPHES = (ord("'"), ord("’"))
_VOWELS = tuple(map(ord, "aeiouyAEIOUY"))
_A, _X = ord("a"), ord("x")


@compiled_within()
def count_reading_words(
    codes: Int32[np.ndarray, " room"],
    classes: UInt32[np.ndarray, " room"],
    n: int,
    tables: Tables,
    word: UInt8[np.ndarray, "160"],
    counts: Int64[np.ndarray, " counts"],
) -> None:
    """Count the words of a piece of text without white space: runs of letters and apostrophes.

    A letter that is not ASCII stands for "a" where it is a vowel with an accent, else for "x".
    """
    first = 0
    while first < n:
        if not classes[first] & LETTER:
            first += 1
            continue
        last = first
        letters = 0
        while last < n and (
            classes[last] & (LETTER | MARK)
            or (codes[last] in _APOSTROPHES and last + 1 < n and classes[last + 1] & LETTER)
        ):
            if classes[last] & LETTER:
                if letters < LONGEST:
                    word[letters] = _plain(codes[last], tables)
                letters += 1
            last += 1
        counts[_READING_WORDS] += 1
        counts[_READING_LETTERS] += letters
        counts[_SYLLABLES] += syllables(word, 0, letters)
        first = last


@compiled_within()
def _plain(code: int, tables: Tables) -> int:
    if code < 0x80:
        return code
    fold = tables.fold[(tables.fold_index[code >> 8] << 8) + (code & 255)]
    if fold & 7 > 1 and tables.folded[fold >> 3] in _VOWELS:
        return _A
    return _X
