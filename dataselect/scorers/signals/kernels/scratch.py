"""Memory that documents take in turns. Only what a document needs of it is ever touched."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import UInt64

from zerocost.compiled import compiled

__all__ = [
    "EAGER",
    "FOLDED",
    "KNOWN_BITS",
    "LOREM",
    "NUMERIC_CHARACTERS",
    "SENTENCE",
    "SETS",
    "SIMPLE",
    "SIMPLE_LETTERS",
    "SIMPLE_MARKS",
    "STOPS",
    "STRETCH",
    "TOKENS",
    "UPPERCASE",
    "VOCABULARY",
    "Scratch",
    "room_for",
]

SETS = 11
"""How many sets of places there are."""

EAGER = 8
"""Places that are written at a time, needed or not."""

KNOWN_BITS = 15
"""How many words' properties are remembered, as a power of two: 256 KB, which stay in the cache."""

(
    VOCABULARY,
    TOKENS,
    STOPS,
    SENTENCE,
    STRETCH,
    LOREM,
    FOLDED,
    UPPERCASE,
    NUMERIC_CHARACTERS,
    SIMPLE,
    SIMPLE_LETTERS,
    SIMPLE_MARKS,
    PIECE_STATE,
) = range(13)
"""Places in the state between pieces: how many words and Gopher words there are; Gopher's stop
words seen, a bit each; state of the sentence; whether the stretch since . ! or ? has a word
character; whether the word before ends with "lorem"; characters of the normalised words; upper-case
and numeric characters beyond ASCII; how many simple pieces there are, their letters and marks."""


class Scratch(NamedTuple):
    """What a pass over a document leaves, and what it needs for it.

    Attributes:
        sets: the sets of `blocks`, one behind the other: as separate arrays, all on the same place
            of a page, they would drive each other out of the first-level cache.
        extent: how many bytes each set has.
        found: whether there is anything in it, of those sets that are often empty.
        begins: places at which pieces of text between white space begin, and one beyond all.
        ends: places behind their last bytes.
        kinds: of these pieces; see `simple_pieces`.
        hashes: of the words in those that are simple.
        codes: code points of a piece.
        classes: their flags.
        folded: code points of the piece normalised.
        spare: for sorting them.
        joined: letters of a word that stand apart in the text, as bytes.
        known: what is known of words seen lately; see `known_words`.
        kept: lines that C4's rules keep.
        piece: state between pieces.
        words: hashes of the normalised words.
        word_lengths: their code points.
        tokens: hashes of Gopher's words.
        token_lengths: their code points.
        lines: first byte, and one behind the last, of each line that is not blank.
        paragraphs: likewise of each paragraph.
        visible: of each of the lines, the first byte of its first visible character, one behind
            its last one, and how many sentences it has by itself, -1 where that is not known;
            written where C4's rules are wanted.
    """

    sets: np.ndarray
    extent: np.ndarray
    found: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    kinds: np.ndarray
    hashes: np.ndarray
    codes: np.ndarray
    classes: np.ndarray
    folded: np.ndarray
    spare: np.ndarray
    joined: np.ndarray
    known: np.ndarray
    kept: np.ndarray
    piece: np.ndarray
    words: np.ndarray
    word_lengths: np.ndarray
    tokens: np.ndarray
    token_lengths: np.ndarray
    lines: np.ndarray
    paragraphs: np.ndarray
    visible: np.ndarray


@compiled
def room_for(size: int, known: UInt64[np.ndarray, " known"]) -> Scratch:
    """Memory for documents of up to so many bytes.

    Args:
        size: bytes.
        known: ``2 ** KNOWN_BITS`` zeros, or what an earlier call has left there.
    """
    half = size // 2 + 2
    return Scratch(
        np.empty(SETS * (size // 64 * 8 + 24), np.uint8),
        np.zeros(1, np.int64),
        np.zeros(SETS, np.bool_),
        np.empty(half + 2 * EAGER, np.int32),
        np.empty(half + 2 * EAGER, np.int32),
        np.empty(half + 1, np.int32),
        np.empty(half + 1, np.uint64),
        np.empty(size + 2, np.int32),
        np.empty(size + 2, np.uint32),
        np.empty(2 * size + 8, np.int32),
        np.empty(2 * size + 300, np.uint32),
        np.empty(160, np.uint8),
        known,
        np.empty(size + 2, np.uint8),
        np.empty(PIECE_STATE, np.int64),
        np.empty(half, np.uint64),
        np.empty(half, np.int32),
        np.empty(size + 3, np.uint64),
        np.empty(size + 2, np.int32),
        np.empty((half, 2), np.int64),
        np.empty((half, 2), np.int64),
        np.empty((half, 3), np.int64),
    )
