"""The word lists, made for this project, as a table that the kernel looks hashes up in.

``frequent`` holds the 16,384 word forms that benchmarks/frequent_words.py counts to be the most
frequent over nine kinds of English text, by rank; the first 5,000 are the list of that name here.
The others were written by hand, before any label was looked at. A line is a word, or two words
that stand one behind the other.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

import numpy as np

from dataselect.scorers.words.hashing import hash_of

__all__ = ["LISTS", "RANKED", "list_tables", "rank_tables", "ranked_words", "words_of"]

LISTS = ("frequent", "academic", "reasoning", "personal", "informal", "boilerplate")
"""The lists; the kernel's counts are in this order, behind the count of all words."""

RANKED = 1 << 14
"""Words whose rank is known."""

_FREQUENT = 5000
_PAIR, _PRIME = 0xD6E8FEB86659FD93, 0x9E3779B97F4A7C15
_SLOTS = 1 << 14


def words_of(name: str) -> tuple[str, ...]:
    """The lines of a list; of ``frequent`` the first 5,000."""
    return ranked_words()[:_FREQUENT] if name == "frequent" else _lines(name)


def ranked_words() -> tuple[str, ...]:
    """The most frequent words, the most frequent first."""
    return _lines("frequent")


def _lines(name: str) -> tuple[str, ...]:
    text = resources.files(__package__).joinpath(f"{name}.txt").read_text("utf-8")
    return tuple(text.splitlines())


@lru_cache(maxsize=1)
def list_tables() -> tuple[np.ndarray, np.ndarray]:
    """The hashes of all lists by open addressing, empty places 0; and the lists of each, as bits.

    Returns:
        uint64 ``[slots]`` and int64 ``[slots]``.
    """
    slots, members = np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.int64)
    for k, name in enumerate(LISTS):
        for line in words_of(name):
            first, _, second = line.partition(" ")
            value = _pair(hash_of(first), hash_of(second)) if second else hash_of(first)
            members[_place(value, slots)] |= 1 << k
    return slots, members


@lru_cache(maxsize=1)
def rank_tables() -> tuple[np.ndarray, np.ndarray]:
    """The hashes of the ranked words by open addressing, empty places 0; and the rank of each.

    Returns:
        uint64 ``[slots]`` and int32 ``[slots]``; 0 is the rank of the most frequent word.
    """
    slots, ranks = np.zeros(4 * RANKED, np.uint64), np.zeros(4 * RANKED, np.int32)
    for rank, word in enumerate(ranked_words()):
        ranks[_place(hash_of(word), slots)] = rank
    return slots, ranks


def _place(value: int, slots: np.ndarray) -> int:
    """The place of a hash in a table, which takes it where it is free."""
    at = value % len(slots)
    while slots[at] and slots[at] != value:
        at = (at + 1) % len(slots)
    slots[at] = value
    return at


def _pair(before: int, here: int) -> int:
    """What the kernel's `tokens.pair` gives."""
    value = ((before * _PAIR + here) ^ _PAIR) % 2**64
    value = (value ^ (value >> 32)) * _PRIME % 2**64
    return value ^ (value >> 32)
