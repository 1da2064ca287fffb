"""Tokens of a text in kernels: words in lower case, and every other visible character alone."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, UInt8, UInt64

from dataselect.scorers.signals.kernels.eight import load, low_lanes
from dataselect.scorers.signals.kernels.unicode_tables import (
    MARK,
    SPACE,
    UNSPACED,
    WORD,
    Tables,
    class_of,
)
from dataselect.scorers.signals.kernels.utf8 import decoded, width
from dataselect.scorers.words.hashing import PRIME, SEED, mixed, stirred
from dataselect.scorers.words.lanes import letters_of, trailing_lanes
from zerocost.compiled import compiled_within

__all__ = ["MARK_TOKEN", "NO_TOKEN", "WORD_TOKEN", "fold_of", "look_up", "next_token", "pair"]

NO_TOKEN, WORD_TOKEN, MARK_TOKEN = 0, 1, 2

_CASE = np.uint64(0x2020202020202020)
_EIGHT, _FULL, _SHIFT = np.uint64(8), np.uint64(64), np.uint64(32)
_OTHER_SEED = np.uint64(0x2545F4914F6CDD1D)
_PAIR = np.uint64(0xD6E8FEB86659FD93)


@compiled_within()
def pair(before: int, here: int) -> int:
    """The hash of two tokens, one behind the other."""
    value = (before * _PAIR + here) ^ _PAIR
    value = (value ^ (value >> _SHIFT)) * PRIME
    return value ^ (value >> _SHIFT)


@compiled_within()
def next_token(
    data: UInt8[np.ndarray, " bytes"], at: int, end: int, tables: Tables
) -> tuple[int, int, int, int]:
    """The token behind a place.

    A word is the longest run of word characters (``\\w``) and combining marks; a letter of a script
    without spaces between words is a word by itself. Its hash is that of its code points, each
    folded alone: NFD(lower(c)), Hangul syllables as they are. Any other visible character is a
    token.

    Args:
        data: valid UTF-8; eight bytes more than ``end`` can be read.
        at: where to look from.
        end: behind the last byte of the document.
        tables: of Unicode.

    Returns:
        `NO_TOKEN`, `WORD_TOKEN` or `MARK_TOKEN`; the hash; its first byte; behind its last.
    """
    ascii, index, flags = tables.ascii, tables.index, tables.flags
    kind = np.int64(0)
    code = np.int64(0)
    while at < end:
        code = np.int64(data[at])
        if code < 0x80:
            kind = np.int64(ascii[code])
        else:
            code = decoded(data, at)
            kind = class_of(index, flags, code)
        if not kind & SPACE:
            break
        at += width(data[at])
    if at >= end:
        return NO_TOKEN, np.uint64(0), end, end
    first = at
    if not kind & (WORD | MARK):
        value = (_OTHER_SEED ^ np.uint64(code)) * PRIME
        return MARK_TOKEN, mixed(value ^ (value >> _SHIFT), 1), first, at + width(data[at])

    # ASCII letters, eight at a time: nearly every word is over after them.
    value = SEED
    letters = 0
    while True:
        lanes = load(data, at)
        here = min(trailing_lanes(letters_of(lanes)), end - at)
        if here > 0:
            value = stirred(value, low_lanes(lanes | _CASE, here))
            letters += here
            at += here
        if here < 8:
            break
    if at == end or (data[at] < 0x80 and not np.int64(ascii[data[at]]) & WORD):
        return WORD_TOKEN, mixed(value, letters), first, at
    value, at = _hash_word(data, first, end, tables)
    return WORD_TOKEN, value, first, at


@compiled_within(inline=False)
def _hash_word(
    data: UInt8[np.ndarray, " bytes"], at: int, end: int, tables: Tables
) -> tuple[int, int]:
    """The hash of the word that begins at a place, of whatever characters, and its end."""
    ascii, index, flags = tables.ascii, tables.index, tables.flags
    fold_index, fold, folded = tables.fold_index, tables.fold, tables.folded
    plain, other = SEED, _OTHER_SEED
    lanes = np.uint64(0)
    shift = np.uint64(0)
    length = 0
    is_ascii = True
    alone = False
    first = at
    while at < end and not alone:
        code = np.int64(data[at])
        if code < 0x80:
            kind = np.int64(ascii[code])
        else:
            code = decoded(data, at)
            kind = class_of(index, flags, code)
        alone = kind & UNSPACED != 0
        if not kind & (WORD | MARK) or (alone and at > first):
            break
        at += width(data[at])
        entry = fold_of(fold_index, fold, code)
        for k in range(max(1, entry & 7)):
            if entry:
                code = np.int64(folded[(entry >> 3) + k])
            other = (other ^ np.uint64(code)) * PRIME
            length += 1
            if code >= 0x80:
                is_ascii = False
            else:
                lanes |= np.uint64(code) << shift
                shift += _EIGHT
                if shift == _FULL:
                    plain = stirred(plain, lanes)
                    lanes = shift = np.uint64(0)
    if not is_ascii:
        return mixed(other ^ (other >> _SHIFT), length), at
    if shift:
        plain = stirred(plain, lanes)
    return mixed(plain, length), at


@compiled_within()
def fold_of(
    fold_index: Int32[np.ndarray, " blocks"], fold: Int32[np.ndarray, " values"], code: int
) -> int:
    """Where NFD(lower(c)) is in the pool, times 8, plus its length; 0 where it is c itself."""
    return np.int64(fold[(np.int64(fold_index[code >> 8]) << 8) + (code & 255)])


@compiled_within()
def look_up(value: int, slots: UInt64[np.ndarray, " slots"]) -> int:
    """Where a hash is in a table by open addressing of 2ⁿ slots, or -1."""
    mask = slots.shape[0] - 1
    at = np.int64(value) & mask
    while slots[at] != np.uint64(0):
        if slots[at] == value:
            return at
        at = (at + 1) & mask
    return -1
