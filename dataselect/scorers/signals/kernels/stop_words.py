"""RedPajama's English stop words, as a table that kernels look hashes up in.

The list is that of stopwords-json (github.com/6/stopwords-json, Apache-2.0), which RedPajama takes.
Words with an apostrophe are left out: no raw word has one.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

import numpy as np
from jaxtyping import UInt64

from dataselect.scorers.signals.kernels.hashing import hash_of
from zerocost.compiled import compiled_within

__all__ = ["GOPHER_STOP_WORDS", "find", "stop_word_tables", "stop_words"]

_SLOTS = 1024
_MASK, _ONE = np.uint64(_SLOTS - 1), np.uint64(1)


def stop_words() -> frozenset[str]:
    """RedPajama's English stop words that a raw word can be."""
    return frozenset(resources.files(__package__).joinpath("stop_words_en.txt").read_text().split())


GOPHER_STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
"""Gopher's; each of them is one of RedPajama's."""


@lru_cache(maxsize=1)
def stop_word_tables() -> tuple[np.ndarray, np.ndarray]:
    """The hashes of the stop words by open addressing, empty places 0; Gopher's bit at each."""
    slots = np.zeros(_SLOTS, np.uint64)
    bits = np.zeros(_SLOTS, np.uint8)
    for word in sorted(stop_words()):
        value = hash_of(word)
        at = value % _SLOTS
        while slots[at]:
            at = (at + 1) % _SLOTS
        slots[at] = value
        if word in GOPHER_STOP_WORDS:
            bits[at] = 1 << GOPHER_STOP_WORDS.index(word)
    return slots, bits


@compiled_within()
def find(value: int, slots: UInt64[np.ndarray, " slots"]) -> int:
    """Where a hash is in the table of stop words, or -1."""
    at = value & _MASK
    while slots[at] != np.uint64(0):
        if slots[at] == value:
            return np.int64(at)
        at = (at + _ONE) & _MASK
    return -1
