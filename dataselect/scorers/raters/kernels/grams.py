"""The tokens of a document, their pairs, and the n-grams of characters in words: buckets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int32, UInt8, UInt64

from dataselect.scorers.signals.kernels.unicode_tables import Tables
from dataselect.scorers.signals.kernels.utf8 import decoded, width
from dataselect.scorers.words.hashing import PRIME
from dataselect.scorers.words.lists import RANKED
from dataselect.scorers.words.tokens import (
    NO_TOKEN,
    WORD_TOKEN,
    fold_of,
    look_up,
    next_token,
    pair,
)
from zerocost.compiled import compiled, compiled_within

__all__ = [
    "LONGEST",
    "ONE",
    "TWO",
    "VOCABULARY",
    "VOCABULARY_BINS",
    "Room",
    "Vocabulary",
    "WordRoom",
    "add_word",
    "bucket_of",
    "list_tokens",
    "pair_up",
    "room_of",
    "word_grams",
    "word_room",
]

LONGEST = 64
"""Code points of a word, folded, whose n-grams are counted; the word itself is hashed whole."""

VOCABULARY = 24
"""Sums over the words that begin with an ASCII letter: of log ranks, of all and of the different
ones; then how many stand in each bin of ranks, of all and of the different ones."""

_BINS, _FIRST_BIN = 11, 5  # ranks below 2⁵, 2⁶, ... 2¹⁴, and beyond
VOCABULARY_BINS = tuple(1 << (_FIRST_BIN + k) for k in range(_BINS - 1))
"""The ranks where one bin ends and the next begins."""
_A, _Z = ord("a"), ord("z")
_BEGIN, _END = ord("<"), ord(">")
ONE, TWO = np.uint64(0xA0761D6478BD642F), np.uint64(0xE7037ED1A0B428DB)
_SIZE_SEED = np.uint64(0x8EBC6AF09C88C6E3)
_SHIFT, _BITS = np.uint64(32), np.uint64(64)


class Vocabulary(NamedTuple):
    """Ranks of frequent words, to look up.

    Attributes:
        slots: hashes by open addressing.
        ranks: of each.
        logs: ln(rank + 3) by rank; the last is that of words without one.
    """

    slots: np.ndarray
    ranks: np.ndarray
    logs: np.ndarray


class Room(NamedTuple):
    """Memory for the tokens of one document.

    Attributes:
        hashes: of the tokens.
        places: their first byte, from the beginning of the document.
        ends: behind their last; 0 of marks.
    """

    hashes: np.ndarray
    places: np.ndarray
    ends: np.ndarray


class WordRoom(NamedTuple):
    """Memory for one word.

    Attributes:
        codes: its code points.
        buckets: of its n-grams.
    """

    codes: np.ndarray
    buckets: np.ndarray


@compiled
def room_of(size: int) -> Room:
    """Memory for documents of up to so many bytes."""
    return Room(
        np.empty(size + 1, np.uint64), np.empty(size + 1, np.int32), np.empty(size + 1, np.int32)
    )


@compiled
def word_room(longest: int) -> WordRoom:
    """Memory for words whose n-grams have up to so many characters."""
    return WordRoom(
        np.empty(LONGEST + 2, np.int32), np.empty((LONGEST + 2) * (longest + 1), np.int32)
    )


@compiled_within()
def bucket_of(value: int, seed: int, bits: int) -> int:
    """The bucket of a hash, of 2^bits."""
    value = (value ^ seed) * PRIME
    value = (value ^ (value >> _SHIFT)) * PRIME
    return np.int64(value >> (_BITS - np.uint64(bits)))


@compiled_within(inline=False)
def list_tokens(
    data: UInt8[np.ndarray, " bytes"], at: int, end: int, tables: Tables, room: Room
) -> int:
    """Write the tokens of a document; how many there are."""
    hashes, places, ends = room.hashes, room.places, room.ends
    start = at
    tokens = 0
    while True:
        kind, value, first, at = next_token(data, at, end, tables)
        if kind == NO_TOKEN:
            return tokens
        hashes[tokens] = value
        places[tokens] = first - start
        ends[tokens] = at - start if kind == WORD_TOKEN else 0
        tokens += 1


@compiled_within()
def pair_up(hashes: UInt64[np.ndarray, " tokens"], tokens: int) -> int:
    """Put the hash of each pair of neighbouring tokens in the place of the first; how many."""
    for i in range(tokens - 1):
        hashes[i] = pair(hashes[i], hashes[i + 1])
    return max(0, tokens - 1)


@compiled_within()
def add_word(
    value: int,
    letter: int,
    times: int,
    vocabulary: Vocabulary,
    sums: Float64[np.ndarray, " sums"],
) -> None:
    """Count a word, by its first byte one of ASCII letters or not, in the `VOCABULARY` sums."""
    if not _A <= letter | 32 <= _Z:
        return
    place = look_up(value, vocabulary.slots)
    rank = np.int64(vocabulary.ranks[place]) if place >= 0 else RANKED
    group = 0
    while rank >> (_FIRST_BIN + group) > 0:
        group += 1
    log = vocabulary.logs[rank]
    sums[0] += log * times
    sums[1] += log
    sums[2 + group] += times
    sums[2 + _BINS + group] += 1.0


@compiled_within(inline=False)
def word_grams(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    end: int,
    tables: Tables,
    shortest: int,
    longest: int,
    bits: int,
    room: WordRoom,
) -> int:
    """Write the buckets of a word's n-grams of characters, one an occurrence; how many."""
    codes, buckets = room.codes, room.buckets
    length = _fold_word(data, at, end, tables, codes)
    many = 0
    for first in range(length - shortest + 1):
        running = _SIZE_SEED
        for k in range(min(longest, length - first)):
            running = (running ^ np.uint64(codes[first + k])) * PRIME
            if k + 1 >= shortest:
                buckets[many] = bucket_of(running, np.uint64(k), bits)
                many += 1
    return many


@compiled_within(inline=False)
def _fold_word(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    end: int,
    tables: Tables,
    codes: Int32[np.ndarray, " room"],
) -> int:
    """Write ``<word>``, its code points folded, at the most `LONGEST` of them; how many in all."""
    fold_index, fold, folded = tables.fold_index, tables.fold, tables.folded
    codes[0] = _BEGIN
    n = 1
    while at < end and n <= LONGEST:
        code = decoded(data, at)
        entry = fold_of(fold_index, fold, code)
        for k in range(max(1, entry & 7)):
            if n <= LONGEST:
                codes[n] = folded[(entry >> 3) + k] if entry else code
                n += 1
        at += width(data[at])
    codes[n] = _END
    return n + 1
