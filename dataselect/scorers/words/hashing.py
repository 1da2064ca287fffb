"""64-bit hashes of words: of ASCII eight letters at a time, of others by code point.

Models that are kept on disk (raters, language models, DSIR's) hold these hashes, so they are not
those of the signals, which may change with the kernels.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32

from zerocost.compiled import compiled_within

__all__ = ["PRIME", "SEED", "hash_codes", "hash_of", "mixed", "stirred"]

SEED = np.uint64(0xCBF29CE484222325)
PRIME = np.uint64(0x9E3779B97F4A7C15)
_OTHER_SEED = np.uint64(0x84222325CBF29CE4)
_SHIFT = np.uint64(32)


@compiled_within()
def stirred(value: int, lanes: int) -> int:
    """A running hash after eight more letters; the last ones are padded with zeros."""
    value = (value ^ lanes) * PRIME
    return value ^ (value >> _SHIFT)


@compiled_within()
def mixed(value: int, length: int) -> int:
    """The hash of a word, every bit of which depends on every bit of the running one."""
    value = (value ^ np.uint64(length)) * PRIME
    return value ^ (value >> _SHIFT)


@compiled_within(inline=False)
def hash_codes(codes: Int32[np.ndarray, " characters"], first: int, last: int) -> int:
    """The hash of the word ``codes[first:last]``."""
    value = SEED
    lanes = np.uint64(0)
    shift = np.uint64(0)
    for k in range(first, last):
        if codes[k] >= 0x80:
            return _hash_other(codes, first, last)
        lanes |= np.uint64(codes[k]) << shift
        shift += np.uint64(8)
        if shift == np.uint64(64):
            value = stirred(value, lanes)
            lanes = shift = np.uint64(0)
    if shift:
        value = stirred(value, lanes)
    return mixed(value, last - first)


@compiled_within(inline=False)
def _hash_other(codes: Int32[np.ndarray, " characters"], first: int, last: int) -> int:
    value = _OTHER_SEED
    for k in range(first, last):
        value = (value ^ np.uint64(codes[k])) * PRIME
    return mixed(value ^ (value >> _SHIFT), last - first)


def hash_of(word: str) -> int:
    """The hash that the kernels give to a word of ASCII."""
    value, letters = int(SEED), word.encode("ascii")
    for at in range(0, len(letters), 8):
        value = (value ^ int.from_bytes(letters[at : at + 8], "little")) * int(PRIME) % 2**64
        value ^= value >> 32
    value = (value ^ len(letters)) * int(PRIME) % 2**64
    return value ^ (value >> 32)
