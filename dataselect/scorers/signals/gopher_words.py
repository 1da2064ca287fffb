"""Words as Gopher's rules count them here: with punctuation split off and counted too."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, Int64, UInt16, UInt64

from dataselect.scorers.signals.hashing import PRIME, SEED, hash_of, mixed
from dataselect.scorers.signals.quantities import COUNTS
from dataselect.scorers.signals.unicode_tables import ALNUM, LETTER, LOWER, MARK, NUMERIC, UPPER
from zerocost.compiled import compiled

__all__ = ["STOP_WORDS", "STOP_WORD_HASHES", "add_gopher_words", "stop_word_bit"]

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
STOP_WORD_HASHES = np.array([hash_of(word) for word in STOP_WORDS], np.uint64)

_TOKEN_WORDS = COUNTS.index("token_words")
_TOKEN_WORD_CHARACTERS = COUNTS.index("token_word_characters")
_TOKEN_ALPHABETIC = COUNTS.index("token_alphabetic")

_INSIDE = ALNUM | MARK
_APOSTROPHES = (ord("'"), ord("’"))
_HYPHENS = (ord("-"), ord("–"), ord("—"), ord("~"))
_SEPARATORS = (ord(":"), ord("/"), ord("="), ord("<"), ord(">"))
_DOT, _COMMA, _PLUS, _STAR = ord("."), ord(","), ord("+"), ord("*")
_STICKY = (ord("-"), ord("/"), ord("\\"), ord("|"), ord("^"), ord("~"), ord("@"))


@compiled
def add_gopher_words(
    codes: Int32[np.ndarray, " characters"],
    classes: UInt16[np.ndarray, " characters"],
    counts: Int64[np.ndarray, " counts"],
    hashes: UInt64[np.ndarray, " room"],
    lengths: Int32[np.ndarray, " room"],
    known: int,
    stops: int,
) -> tuple[int, int]:
    """Split a piece of text without white space, and append the hash and length of each word.

    Args:
        codes: code points.
        classes: their flags.
        counts: of the document.
        hashes: of the words so far; there is room for a word a character.
        lengths: of the words so far, in code points.
        known: how many words there are so far.
        stops: the stop words seen so far, a bit each.

    Returns:
        How many words there are now, and the stop words seen.
    """
    n = codes.shape[0]
    low, high = 0, n
    while low < n and _is_edge(codes[low], classes[low]):
        low += 1
    while high > low and _is_edge(codes[high - 1], classes[high - 1]):
        high -= 1
    first = 0
    while first < n:
        if low <= first < high:
            last = _inner_end(codes, classes, first, high)
        else:
            last = first + 1
            while codes[first] == _DOT and last < n and codes[last] == _DOT:
                last += 1
        value = SEED
        seen = np.uint16(0)
        for k in range(first, last):
            value = (value ^ np.uint64(codes[k])) * PRIME
            seen |= classes[k]
        value = mixed(value)
        hashes[known] = value
        lengths[known] = last - first
        known += 1
        if seen & ALNUM:
            counts[_TOKEN_WORDS] += 1
            counts[_TOKEN_WORD_CHARACTERS] += last - first
        if seen & LETTER:
            counts[_TOKEN_ALPHABETIC] += 1
            stops |= stop_word_bit(value)
        first = last
    return known, stops


@compiled
def stop_word_bit(value: int) -> int:
    """The bit of the stop word that has a hash, or 0."""
    for k in range(STOP_WORD_HASHES.shape[0]):
        if STOP_WORD_HASHES[k] == value:
            return 1 << k
    return 0


@compiled
def _is_edge(code: int, flags: int) -> bool:
    return not flags & _INSIDE and code not in _STICKY


@compiled
def _inner_end(
    codes: Int32[np.ndarray, " characters"],
    classes: UInt16[np.ndarray, " characters"],
    first: int,
    high: int,
) -> int:
    """Where the word that begins at ``first`` ends; the piece's inside ends at ``high``."""
    if _parts(codes, classes, first, high):
        return first + 1
    last = first + 1
    while last < high:
        if classes[last] & _INSIDE:
            last += 1
            continue
        if codes[last] in _APOSTROPHES:
            if last + 1 < high and classes[last + 1] & LETTER and classes[last - 1] & LETTER:
                return last
        elif _parts(codes, classes, last, high):
            return last
        last += 1
    return last


@compiled
def _parts(
    codes: Int32[np.ndarray, " characters"],
    classes: UInt16[np.ndarray, " characters"],
    at: int,
    high: int,
) -> bool:
    """Whether a mark between two characters parts them and is a word of its own."""
    if at == 0 or at + 1 >= high or classes[at] & _INSIDE:
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
