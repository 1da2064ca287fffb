"""64-bit hashes of words and of stretches of text, sixteen bytes at a time.

Each step multiplies two halves into 128 bits and lays one half of the product over the other, as
wyhash does (Wang Yi 2019).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, UInt8

from dataselect.scorers.signals.kernels.eight import folded_product, get, load
from zerocost.compiled import compiled_within

__all__ = [
    "PRIME",
    "halves",
    "hash_bytes",
    "hash_codes",
    "hash_folded",
    "hash_halves",
    "hash_of",
    "small_letters",
]

PRIME = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = 0x2D358DCCAA6C78A5, 0x8BB84B93962EACC9
_LEFT, _RIGHT = np.uint64(_FIRST), np.uint64(_SECOND)
_OTHER_SEED = np.uint64(0x84222325CBF29CE4)
_SHIFT = np.uint64(32)
_CASE = np.uint64(0x2020202020202020)
_STEP = 16
# The lanes of each half that hold the letters of a word of 0 .. 16.
_LOW_HALF = np.array([(1 << 8 * min(n, 8)) - 1 for n in range(_STEP + 1)], np.uint64)
_HIGH_HALF = np.array([(1 << 8 * max(n - 8, 0)) - 1 for n in range(_STEP + 1)], np.uint64)


@compiled_within()
def _hashed(data: UInt8[np.ndarray, " bytes"], at: int, length: int, case: int) -> int:
    left = np.uint64(length) ^ _LEFT
    while length > _STEP:
        left = folded_product((load(data, at) | case) ^ left, (load(data, at + 8) | case) ^ _RIGHT)
        left ^= _LEFT
        at += _STEP
        length -= _STEP
    return folded_product(
        ((load(data, at) | case) & get(_LOW_HALF, length)) ^ left,
        ((load(data, at + 8) | case) & get(_HIGH_HALF, length)) ^ _RIGHT,
    )


@compiled_within()
def halves(data: UInt8[np.ndarray, " bytes"], at: int, length: int) -> tuple[int, int]:
    """A word of up to sixteen bytes as two numbers; 16 bytes more can be read."""
    return load(data, at) & get(_LOW_HALF, length), load(data, at + 8) & get(_HIGH_HALF, length)


@compiled_within()
def hash_halves(low: int, high: int, length: int) -> int:
    """The hash of the word of `halves`."""
    return folded_product(low ^ np.uint64(length) ^ _LEFT, high ^ _RIGHT)


@compiled_within()
def small_letters(length: int) -> tuple[int, int]:
    """The bit of case of each letter of `halves`: set in small letters."""
    return _CASE & get(_LOW_HALF, length), _CASE & get(_HIGH_HALF, length)


@compiled_within()
def hash_folded(data: UInt8[np.ndarray, " bytes"], at: int, length: int) -> int:
    """The hash of so many ASCII letters and digits in lower case; 16 bytes more can be read."""
    return _hashed(data, at, length, _CASE)


@compiled_within()
def hash_bytes(data: UInt8[np.ndarray, " bytes"], at: int, length: int) -> int:
    """The hash of so many bytes; 16 more can be read."""
    return _hashed(data, at, length, np.uint64(0))


@compiled_within(inline=False)
def hash_codes(codes: Int32[np.ndarray, " characters"], first: int, last: int) -> int:
    """The hash of the word ``codes[first:last]``; of ASCII the same as of its bytes."""
    length = last - first
    left = np.uint64(length) ^ _LEFT
    half = lanes = shift = np.uint64(0)
    for k in range(length):
        code = codes[first + k]
        if code >= 0x80:
            return _hash_other(codes, first, last)
        if k > 0 and k % _STEP == 0:
            left = folded_product(half ^ left, lanes ^ _RIGHT) ^ _LEFT
            half = lanes = shift = np.uint64(0)
        elif k % _STEP == 8:
            half = lanes
            lanes = shift = np.uint64(0)
        lanes |= np.uint64(code) << shift
        shift += np.uint64(8)
    if length == 0 or (length - 1) % _STEP < 8:
        half = lanes
        lanes = np.uint64(0)
    return folded_product(half ^ left, lanes ^ _RIGHT)


@compiled_within(inline=False)
def _hash_other(codes: Int32[np.ndarray, " characters"], first: int, last: int) -> int:
    value = _OTHER_SEED ^ np.uint64(last - first)
    for k in range(first, last):
        value = (value ^ np.uint64(codes[k])) * PRIME
        value ^= value >> _SHIFT
    return folded_product(value ^ _LEFT, _RIGHT)


def hash_of(word: str) -> int:
    """The hash that the kernels give to a word of ASCII."""
    letters = word.encode("ascii")
    left = len(letters) ^ _FIRST
    for at in range(0, max(len(letters), 1), _STEP):
        halves = letters[at : at + 8], letters[at + 8 : at + _STEP]
        low, high = (int.from_bytes(half, "little") for half in halves)
        product = (low ^ left) * (high ^ _SECOND)
        value = (product ^ product >> 64) % 2**64
        left = value ^ _FIRST
    return value
