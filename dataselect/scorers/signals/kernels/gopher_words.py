"""Words as Gopher's rules count them here: with punctuation split off and counted too."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, Int64, UInt32, UInt64

from dataselect.scorers.signals.kernels.hashing import hash_codes
from dataselect.scorers.signals.kernels.quantities import COUNTS
from dataselect.scorers.signals.kernels.scratch import STOPS, TOKENS
from dataselect.scorers.signals.kernels.stop_words import find
from dataselect.scorers.signals.kernels.unicode_tables import (
    ALNUM,
    LETTER,
    LOWER,
    MARK,
    NONASCII,
    NUMERIC,
    UPPER,
    Tables,
)
from dataselect.scorers.signals.kernels.wants import WANT_TOKEN_GRAMS
from zerocost.compiled import compiled_within

__all__ = ["STICKY", "add_gopher_words"]

_LONGEST_STOP_WORD = 4
_TOKEN_WORDS = COUNTS.index("token_words")
_TOKEN_WORD_CHARACTERS = COUNTS.index("token_word_characters")
_TOKEN_ALPHABETIC = COUNTS.index("token_alphabetic")

_INSIDE = ALNUM | MARK
_APOSTROPHES = (ord("'"), ord("’"))
_HYPHENS = (ord("-"), ord("–"), ord("—"), ord("~"))
_SEPARATORS = (ord(":"), ord("/"), ord("="), ord("<"), ord(">"))
_DOT, _COMMA, _PLUS, _STAR = ord("."), ord(","), ord("+"), ord("*")
STICKY = (ord("-"), ord("/"), ord("\\"), ord("|"), ord("^"), ord("~"), ord("@"))


@compiled_within()
def add_gopher_words(
    codes: Int32[np.ndarray, " room"],
    classes: UInt32[np.ndarray, " room"],
    length: int,
    tables: Tables,
    want: int,
    hashes: UInt64[np.ndarray, " tokens"],
    lengths: Int32[np.ndarray, " tokens"],
    piece: Int64[np.ndarray, " state"],
    counts: Int64[np.ndarray, " counts"],
) -> int:
    """Split a piece of text without white space, and append the hash and length of each word.

    Args:
        codes: code points.
        classes: their flags.
        length: how many there are.
        tables: of stop words.
        want: hashes and lengths are kept where n-grams are wanted.
        hashes: of the words so far; there is room for a word a character.
        lengths: of the words so far, in code points.
        piece: the state between pieces.
        counts: of the document.

    Returns:
        How many words there are now.
    """
    grams = want & WANT_TOKEN_GRAMS == WANT_TOKEN_GRAMS
    known = piece[TOKENS]
    low, high = 0, length
    while low < length and _is_edge(codes[low], classes[low]):
        low += 1
    while high > low and _is_edge(codes[high - 1], classes[high - 1]):
        high -= 1
    first = 0
    while first < length:
        if low <= first < high:
            last = _inner_end(codes, classes, first, low, high)
        else:
            last = first + 1
            border = low if first < low else length
            while codes[first] == _DOT and last < border and codes[last] == _DOT:
                last += 1
        seen = np.int64(0)
        for k in range(first, last):
            seen |= np.int64(classes[k])
        if grams:
            hashes[known] = hash_codes(codes, first, last)
            lengths[known] = last - first
        known += 1
        if seen & ALNUM:
            counts[_TOKEN_WORDS] += 1
            counts[_TOKEN_WORD_CHARACTERS] += last - first
        if seen & LETTER:
            counts[_TOKEN_ALPHABETIC] += 1
            if last - first <= _LONGEST_STOP_WORD and not seen & NONASCII:
                place = find(hash_codes(codes, first, last), tables.stop_words)
                if place >= 0:
                    piece[STOPS] |= np.int64(tables.stop_bits[place])
        first = last
    return known


@compiled_within()
def _is_edge(code: int, flags: int) -> bool:
    return not flags & _INSIDE and code not in STICKY


@compiled_within()
def _inner_end(
    codes: Int32[np.ndarray, " room"],
    classes: UInt32[np.ndarray, " room"],
    first: int,
    low: int,
    high: int,
) -> int:
    """Where the word that begins at ``first`` ends; the piece's inside is ``low .. high``."""
    if _parts(codes, classes, first, low, high):
        return first + 1
    last = first + 1
    while last < high:
        if classes[last] & _INSIDE:
            last += 1
            continue
        if codes[last] in _APOSTROPHES:
            if last + 1 < high and classes[last + 1] & LETTER and classes[last - 1] & LETTER:
                return last
        elif _parts(codes, classes, last, low, high):
            return last
        last += 1
    return last


@compiled_within()
def _parts(
    codes: Int32[np.ndarray, " room"],
    classes: UInt32[np.ndarray, " room"],
    at: int,
    low: int,
    high: int,
) -> bool:
    """Whether a mark between two characters parts them and is a word of its own."""
    if at == low or at + 1 >= high or classes[at] & _INSIDE:
        return False
    code = codes[at]
    before, after = classes[at - 1], classes[at + 1]
    if code in _HYPHENS:
        return before & ALNUM != 0 and (
            after & LETTER != 0 or (before & NUMERIC != 0 and after & NUMERIC != 0)
        )
    if code in _SEPARATORS:
        return before & ALNUM != 0 and after & LETTER != 0
    if code == _COMMA:
        return before & LETTER != 0 and after & LETTER != 0
    if code == _DOT:
        return before & LOWER != 0 and after & UPPER != 0
    if code in (_PLUS, _STAR):
        return before & NUMERIC != 0 and after & NUMERIC != 0
    return False
