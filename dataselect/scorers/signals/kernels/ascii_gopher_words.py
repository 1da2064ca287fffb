"""Gopher's words of a piece of ASCII, on sets of places; see `gopher_words` for the definition."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, UInt8

from dataselect.scorers.signals.kernels.eight import low_bits, trailing_zeros
from dataselect.scorers.signals.kernels.gopher_words import STICKY
from dataselect.scorers.signals.kernels.hashing import hash_bytes
from dataselect.scorers.signals.kernels.quantities import COUNTS
from dataselect.scorers.signals.kernels.scratch import STOPS, TOKENS, Scratch
from dataselect.scorers.signals.kernels.stop_words import find
from dataselect.scorers.signals.kernels.unicode_tables import Tables
from dataselect.scorers.signals.kernels.wants import WANT_TOKEN_GRAMS
from zerocost.compiled import compiled_within

__all__ = ["add_ascii_gopher_words"]

_LONGEST_STOP_WORD = 4
_TOKEN_WORDS = COUNTS.index("token_words")
_TOKEN_WORD_CHARACTERS = COUNTS.index("token_word_characters")
_TOKEN_ALPHABETIC = COUNTS.index("token_alphabetic")
_NONE, _ONE = np.uint64(0), np.uint64(1)
_DOT, _COMMA, _APOSTROPHE = ord("."), ord(","), ord("'")
# Marks that stay at an end of the inside; and how each may part what is inside: 1 - ~, 2 : / = < >,
# 3 comma, 4 full stop, 5 + *.
_STAYS = np.zeros(256, np.bool_)
_STAYS[list(STICKY)] = True
_PARTS = np.zeros(256, np.uint8)
for _kind, _marks in enumerate((b"-~", b":/=<>", b",", b".", b"+*"), 1):
    _PARTS[list(_marks)] = _kind
_HYPHEN, _SEPARATOR, _LIST, _STOP, _SUM = range(1, 6)


@compiled_within()
def add_ascii_gopher_words(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    length: int,
    letters: int,
    capitals: int,
    digits: int,
    ends: int,
    tables: Tables,
    want: int,
    scratch: Scratch,
    counts: Int64[np.ndarray, " counts"],
) -> None:
    """Append the words of a piece.

    Args:
        data: bytes.
        at: where the piece begins.
        length: its bytes, 1 .. 56.
        letters: which of them are, a bit each.
        capitals: likewise.
        digits: likewise.
        ends: ``.``, ``!`` and ``?``.
        tables: of stop words.
        want: hashes and lengths are kept where n-grams are wanted.
        scratch: memory, with the words so far.
        counts: of the document; added to.
    """
    grams = want & WANT_TOKEN_GRAMS == WANT_TOKEN_GRAMS
    plain = letters | digits
    low, high = 0, length
    while low < length and not (plain >> np.uint64(low) & _ONE or _STAYS[data[at + low]]):
        low += 1
    while high > low and not (plain >> np.uint64(high - 1) & _ONE or _STAYS[data[at + high - 1]]):
        high -= 1
    marks = low_bits(high) & ~low_bits(low) & ~plain  # those inside
    if not (marks or grams or ends & (ends >> _ONE)):
        # One word between single marks.
        piece = scratch.piece
        piece[TOKENS] += low + np.int64(high > low) + length - high
        if plain:
            counts[_TOKEN_WORDS] += 1
            counts[_TOKEN_WORD_CHARACTERS] += high - low
        if letters:
            counts[_TOKEN_ALPHABETIC] += 1
            if high - low <= _LONGEST_STOP_WORD and letters & ~capitals == plain:
                place = find(hash_bytes(data, at + low, high - low), tables.stop_words)
                if place >= 0:
                    piece[STOPS] |= np.int64(tables.stop_bits[place])
        return
    first = 0
    while first < length:
        if low <= first < high:
            last = _end_of_word(data, at, first, low, high, letters, capitals, digits, marks)
        else:
            last = first + 1
            border = low if first < low else length
            while data[at + first] == _DOT and last < border and data[at + last] == _DOT:
                last += 1
        _add_word(data, at, first, last, letters, capitals, plain, tables, want, scratch, counts)
        first = last


@compiled_within()
def _end_of_word(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    first: int,
    low: int,
    high: int,
    letters: int,
    capitals: int,
    digits: int,
    marks: int,
) -> int:
    if not marks:
        return high
    if marks >> np.uint64(first) & _ONE and _is_parting(
        data[at + first], first, low, high, letters, capitals, digits
    ):
        return first + 1
    rest = marks & ~low_bits(first + 1)
    while rest:
        k: int = trailing_zeros(rest)
        if data[at + k] == _APOSTROPHE:
            around = np.uint64(5) << np.uint64(k - 1)
            if k + 1 < high and letters & around == around:
                return k
        elif _is_parting(data[at + k], k, low, high, letters, capitals, digits):
            return k
        rest &= rest - _ONE
    return high


@compiled_within()
def _is_parting(
    mark: int, at: int, low: int, high: int, letters: int, capitals: int, digits: int
) -> bool:
    """Whether a mark between two characters parts them and is a word of its own."""
    kind = _PARTS[mark]
    if kind == 0 or at == low or at + 1 >= high:
        return False
    before, after = _ONE << np.uint64(at - 1), _ONE << np.uint64(at + 1)
    numbers = digits & before != _NONE and digits & after != _NONE
    if kind == _HYPHEN:
        return (letters | digits) & before != _NONE and (letters & after != _NONE or numbers)
    if kind == _SEPARATOR:
        return (letters | digits) & before != _NONE and letters & after != _NONE
    if kind == _LIST:
        return letters & before != _NONE and letters & after != _NONE
    if kind == _STOP:
        return letters & ~capitals & before != _NONE and capitals & after != _NONE
    return numbers


@compiled_within()
def _add_word(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    first: int,
    last: int,
    letters: int,
    capitals: int,
    plain: int,
    tables: Tables,
    want: int,
    scratch: Scratch,
    counts: Int64[np.ndarray, " counts"],
) -> None:
    piece = scratch.piece
    size = last - first
    within = low_bits(last) & ~low_bits(first)
    if want & WANT_TOKEN_GRAMS == WANT_TOKEN_GRAMS:
        scratch.tokens[piece[TOKENS]] = hash_bytes(data, at + first, size)
        scratch.token_lengths[piece[TOKENS]] = size
    piece[TOKENS] += 1
    if plain & within:
        counts[_TOKEN_WORDS] += 1
        counts[_TOKEN_WORD_CHARACTERS] += size
    if letters & within:
        counts[_TOKEN_ALPHABETIC] += 1
        if size <= _LONGEST_STOP_WORD and letters & ~capitals & within == within:
            place = find(hash_bytes(data, at + first, size), tables.stop_words)
            if place >= 0:
                piece[STOPS] |= np.int64(tables.stop_bits[place])
