"""Sentences of a line by itself, as C4's rules need them: of any text, and faster of ASCII."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, UInt8

from dataselect.scorers.signals.kernels.ascii_pieces import LONGEST
from dataselect.scorers.signals.kernels.blocks import (
    CAPITALS,
    DIGITS,
    ENDS,
    LETTERS,
    SPACES,
    set_at,
)
from dataselect.scorers.signals.kernels.eight import (
    bits_from,
    low_bits,
    next_bit,
    trailing_zeros,
)
from dataselect.scorers.signals.kernels.quantities import COUNTS
from dataselect.scorers.signals.kernels.scratch import Scratch
from dataselect.scorers.signals.kernels.sentences import (
    BEGUN,
    ENDING,
    ascii_sentence_state,
    sentence_state,
)
from dataselect.scorers.signals.kernels.unicode_tables import (
    ALNUM,
    SPACE,
    TERMINAL,
    Tables,
    class_of,
)
from dataselect.scorers.signals.kernels.utf8 import decoded, width
from zerocost.compiled import compiled_within

__all__ = ["count_ascii_sentences", "count_sentences"]

_SENTENCES = COUNTS.index("sentences")
_ONE = np.uint64(1)


@compiled_within()
def count_sentences(
    text: UInt8[np.ndarray, " room"],
    first: int,
    length: int,
    tables: Tables,
    scratch: Scratch,
    counts: Int64[np.ndarray, " counts"],
) -> int:
    """How many sentences a line has, as the signal `sentences` counts them."""
    ascii, index, flags = tables.ascii, tables.index, tables.flags
    codes, classes = scratch.codes, scratch.classes
    before = counts[_SENTENCES]
    state = 0
    at, end = first, first + length
    while at < end:
        # Only pieces with a mark or beyond ASCII, and those behind a sentence's end, are looked at.
        stop = at
        if not state & ENDING:
            while stop < end and text[stop] < 0x80 and not np.int64(ascii[text[stop]]) & TERMINAL:
                stop += 1
            if stop < end:
                while stop > at and not (
                    text[stop - 1] < 0x80 and np.int64(ascii[text[stop - 1]]) & SPACE
                ):
                    stop -= 1
            k = at
            while k < stop and state == 0:
                state = BEGUN if np.int64(ascii[text[k]]) & ALNUM else 0
                k += 1
            at = stop
        n = 0
        seen = np.int64(0)
        while at < end:
            code = decoded(text, at)
            kind = np.int64(ascii[code]) if code < 0x80 else class_of(index, flags, code)
            at += width(text[at])
            if kind & SPACE:
                break
            codes[n] = code
            classes[n] = kind
            seen |= kind
            n += 1
        if n > 0:
            state = sentence_state(codes, classes, n, seen, state, counts)
    found = counts[_SENTENCES] - before + (state & BEGUN)
    counts[_SENTENCES] = before
    return found


@compiled_within()
def count_ascii_sentences(
    data: UInt8[np.ndarray, " bytes"], start: int, place: int, end: int, scratch: Scratch
) -> int:
    """The same of a line of ASCII, from mark to mark; -1 where a piece with one is too long.

    Args:
        data: bytes.
        start: where the document begins.
        place: where the line begins, counted from there.
        end: behind its last character.
        scratch: the sets of the document.
    """
    sets = scratch.sets
    spaces, ends = set_at(SPACES, scratch), set_at(ENDS, scratch)
    found = state = 0
    while place < end:
        if state & ENDING:
            while bits_from(sets, spaces + place) & _ONE:
                place += 1
        else:
            mark = next_bit(sets, ends, place, end)
            begin = mark
            if mark < end:
                while begin > place and not bits_from(sets, spaces + begin - 1) & _ONE:
                    begin -= 1
            if state == 0 and (
                next_bit(sets, set_at(LETTERS, scratch), place, begin) < begin
                or next_bit(sets, set_at(DIGITS, scratch), place, begin) < begin
            ):
                state = BEGUN
            if mark == end:
                break
            place = begin
        length: int = trailing_zeros(bits_from(sets, spaces + place))
        if length > LONGEST:
            return -1
        inside = low_bits(length)
        letters = bits_from(sets, set_at(LETTERS, scratch) + place) & inside
        capitals = bits_from(sets, set_at(CAPITALS, scratch) + place) & inside
        word = letters | (bits_from(sets, set_at(DIGITS, scratch) + place) & inside)
        ended, state = ascii_sentence_state(
            data, start + place, length, letters, capitals, word, state
        )
        found += ended
        place += length
    return found + (state & BEGUN)
