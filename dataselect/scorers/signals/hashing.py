"""64-bit hashes of words, a character at a time."""

from __future__ import annotations

import numpy as np

from zerocost.compiled import compiled

__all__ = ["PRIME", "SEED", "SHIFT", "hash_of", "mixed"]

SEED = np.uint64(0xCBF29CE484222325)
PRIME = np.uint64(0x9E3779B97F4A7C15)
SHIFT = np.uint64(32)


@compiled
def mixed(value: int) -> int:
    """A hash whose every bit depends on every bit of a running one.

    A running hash is ``h = (h ^ character) * PRIME``, whose low bits know nothing of high ones.
    """
    return (value ^ (value >> SHIFT)) * PRIME


def hash_of(word: str) -> int:
    """The hash that the kernels give to a word."""
    value = int(SEED)
    for character in word:
        value = (value ^ ord(character)) * int(PRIME) % 2**64
    return (value ^ (value >> int(SHIFT))) * int(PRIME) % 2**64
