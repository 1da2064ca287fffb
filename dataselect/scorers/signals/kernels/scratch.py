"""Memory that documents take in turns. Only what a document needs of it is ever touched."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dataselect.scorers.signals.kernels.lines import LINE_STATE
from zerocost.compiled import compiled

__all__ = [
    "LOREM",
    "SENTENCE",
    "SPOKEN_BITS",
    "STOPS",
    "STRETCH",
    "TOKENS",
    "VOCABULARY",
    "Scratch",
    "room_for",
]

SPOKEN_BITS = 15
"""How many words' syllables are remembered, as a power of two: 256 KB, which stay in the cache."""

VOCABULARY, TOKENS, STOPS, SENTENCE, STRETCH, LOREM, PIECE_STATE = range(7)
"""Places in the state between pieces: how many words and Gopher words there are; Gopher's stop
words seen, a bit each; state of the sentence; whether the stretch since . ! or ? has a word
character; whether the word before ends with "lorem"."""


class Scratch(NamedTuple):
    """What a pass over a document leaves, and what it needs for it.

    Attributes:
        codes: code points of a piece.
        classes: their flags.
        folded: code points of the piece normalised.
        spare: for sorting them.
        letters: of a word, as bytes.
        spoken: syllables of words seen lately: 56 bits of the hash, 8 of the count.
        kept: lines that C4's rules keep.
        line: state of a line.
        piece: state between pieces.
        words: hashes of the normalised words.
        word_lengths: their code points.
        tokens: hashes of Gopher's words.
        token_lengths: their code points.
        lines: hashes of the lines that are not blank.
        line_lengths: their code points.
        paragraphs: hashes of the paragraphs.
        paragraph_lengths: their code points.
    """

    codes: np.ndarray
    classes: np.ndarray
    folded: np.ndarray
    spare: np.ndarray
    letters: np.ndarray
    spoken: np.ndarray
    kept: np.ndarray
    line: np.ndarray
    piece: np.ndarray
    words: np.ndarray
    word_lengths: np.ndarray
    tokens: np.ndarray
    token_lengths: np.ndarray
    lines: np.ndarray
    line_lengths: np.ndarray
    paragraphs: np.ndarray
    paragraph_lengths: np.ndarray


@compiled
def room_for(size: int) -> Scratch:
    """Memory for documents of up to so many bytes."""
    half = size // 2 + 2
    return Scratch(
        np.empty(size + 2, np.int32),
        np.empty(size + 2, np.uint32),
        np.empty(2 * size + 8, np.int32),
        np.empty(2 * size + 300, np.uint32),
        np.empty(80, np.uint8),
        np.zeros(1 << SPOKEN_BITS, np.uint64),
        np.empty(size + 2, np.uint8),
        np.empty(LINE_STATE, np.int64),
        np.empty(PIECE_STATE, np.int64),
        np.empty(half, np.uint64),
        np.empty(half, np.int32),
        np.empty(size + 2, np.uint64),
        np.empty(size + 2, np.int32),
        np.empty(half, np.uint64),
        np.empty(half, np.int64),
        np.empty(half, np.uint64),
        np.empty(half, np.int64),
    )
