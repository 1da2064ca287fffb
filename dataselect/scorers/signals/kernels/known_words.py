"""What is known of a word of ASCII letters, remembered: most words of a text are seen again."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8, UInt64

from dataselect.scorers.signals.kernels.eight import get, load, prefetch, put
from dataselect.scorers.signals.kernels.hashing import hash_of
from dataselect.scorers.signals.kernels.scratch import KNOWN_BITS
from dataselect.scorers.signals.kernels.sentences import ABBREVIATIONS
from dataselect.scorers.signals.kernels.stop_words import find
from dataselect.scorers.signals.kernels.syllables import syllables
from zerocost.compiled import compiled_within

__all__ = [
    "ABBREVIATION_SHIFT",
    "ENDS_IN_LOREM",
    "IPSUM",
    "IS_JAVASCRIPT",
    "IS_STOP_WORD",
    "JAVASCRIPT",
    "LOREM_LETTERS",
    "SPECIAL",
    "STARTS_WITH_IPSUM",
    "STOP_WORD_SHIFT",
    "SYLLABLES",
    "known_of",
    "soon_known",
    "stands",
]

SYLLABLES = 127
"""Bits of the number of syllables."""
STOP_WORD_SHIFT = 7
IS_STOP_WORD = 15 << STOP_WORD_SHIFT
"""Not 0 where it is, without a capital, one of RedPajama's: 2 and more for Gopher's, else 1."""
ABBREVIATION_SHIFT = 11
"""The bit of a word that, in some case, may take a full stop that ends no sentence."""
ENDS_IN_LOREM, STARTS_WITH_IPSUM, IS_JAVASCRIPT = 1 << 12, 1 << 13, 1 << 14
SPECIAL = ENDS_IN_LOREM | STARTS_WITH_IPSUM | IS_JAVASCRIPT
"""Any of them."""

_ABBREVIATIONS = np.array([hash_of(word.lower()) for word in ABBREVIATIONS], np.uint64)
_PLACE = np.uint64((1 << KNOWN_BITS) - 1)
JAVASCRIPT = np.uint64(hash_of("javascript"))
_CASE, _FIVE = np.uint64(0x2020202020202020), np.uint64(0xFFFFFFFFFF)
_LOREM = np.uint64(int.from_bytes(b"lorem", "little"))
_IPSUM = np.uint64(int.from_bytes(b"ipsum", "little"))
LOREM_LETTERS, IPSUM = np.frombuffer(b"lorem", np.uint8), np.frombuffer(b"ipsum", np.uint8)


@compiled_within()
def known_of(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    length: int,
    word: int,
    known: UInt64[np.ndarray, " known"],
    stop_words: UInt64[np.ndarray, " slots"],
    stop_bits: UInt8[np.ndarray, " slots"],
) -> int:
    """The bits above of the word of so many ASCII letters, in either case.

    Args:
        data: bytes; 16 beyond the word can be read.
        at: its first letter.
        length: how many letters.
        word: its hash in lower case.
        known: what is remembered. The low bits of a hash say where; in their place there stand the
            bits of the word whose other bits are the same.
        stop_words: the table of stop words.
        stop_bits: Gopher's among them.
    """
    place = np.int64(word & _PLACE)
    found: int = get(known, place)
    if (found ^ word) & ~_PLACE:
        found = (word & ~_PLACE) | np.uint64(
            _learned(data, at, length, word, stop_words, stop_bits)
        )
        put(known, place, found)
    return np.int64(found & _PLACE)


@compiled_within()
def soon_known(word: int, known: UInt64[np.ndarray, " known"]) -> None:
    """Bring what is remembered of a word into the cache."""
    prefetch(known, np.int64(word & _PLACE))


@compiled_within(inline=False)
def _learned(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    length: int,
    word: int,
    stop_words: UInt64[np.ndarray, " slots"],
    stop_bits: UInt8[np.ndarray, " slots"],
) -> int:
    found = syllables(data, at, length)
    place = find(word, stop_words)
    if place >= 0:
        number = 1
        bits = np.int64(stop_bits[place])
        while bits:
            number += 1
            bits >>= 1
        found |= number << STOP_WORD_SHIFT
    if length == 1:
        found |= 1 << ABBREVIATION_SHIFT
    for k in range(_ABBREVIATIONS.shape[0]):
        if _ABBREVIATIONS[k] == word:
            found |= 1 << ABBREVIATION_SHIFT
    if length >= 5:
        if (load(data, at + length - 5) | _CASE) & _FIVE == _LOREM:
            found |= ENDS_IN_LOREM
        if (load(data, at) | _CASE) & _FIVE == _IPSUM:
            found |= STARTS_WITH_IPSUM
    if word == JAVASCRIPT:
        found |= IS_JAVASCRIPT
    return found


@compiled_within()
def stands(text: UInt8[np.ndarray, " bytes"], at: int, word: UInt8[np.ndarray, " letters"]) -> bool:
    """Whether a lower-case ASCII word stands at a place, in either case."""
    for k in range(word.shape[0]):
        if text[at + k] | 32 != word[k]:
            return False
    return True
