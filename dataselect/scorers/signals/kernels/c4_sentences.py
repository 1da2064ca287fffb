"""Sentences of a line by itself, as C4's rules need them, where the pass over it does not tell."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, UInt8

from dataselect.scorers.signals.kernels.quantities import COUNTS
from dataselect.scorers.signals.kernels.scratch import Scratch
from dataselect.scorers.signals.kernels.sentences import (
    BEGUN,
    ENDING,
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

__all__ = ["count_sentences"]

_SENTENCES = COUNTS.index("sentences")


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
