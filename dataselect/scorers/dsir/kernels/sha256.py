"""SHA-256 of short messages modulo a number: the buckets of the package data-selection."""

from __future__ import annotations

import hashlib
import math

import numpy as np
from jaxtyping import UInt8, UInt64

from zerocost.compiled import compiled_within

__all__ = ["sha256_bucket"]

_MASK = np.uint64(0xFFFFFFFF)
_PRIMES = [p for p in range(2, 312) if all(p % q for q in range(2, math.isqrt(p) + 1))]


def _root_bits(prime: int, power: int) -> int:
    """The first 32 bits of the fraction of a prime's square (2) or cube (3) root."""
    low, high = 0, prime << 32
    while high - low > 1:
        middle = (low + high) // 2
        if middle**power <= prime << 32 * power:
            low = middle
        else:
            high = middle
    return low & 0xFFFFFFFF


_ROUND = np.array([_root_bits(p, 3) for p in _PRIMES], np.uint64)
_START = np.array([_root_bits(p, 2) for p in _PRIMES[:8]], np.uint64)
_BLOCK = hashlib.sha256().block_size


@compiled_within()
def _turned(word: int, bits: int) -> int:
    return (word >> np.uint64(bits) | word << np.uint64(32 - bits)) & _MASK


@compiled_within(inline=False)
def _add_block(
    block: UInt8[np.ndarray, "64"], words: UInt64[np.ndarray, "64"], state: UInt64[np.ndarray, "8"]
) -> None:
    for k in range(16):
        words[k] = (
            np.uint64(block[4 * k]) << np.uint64(24)
            | np.uint64(block[4 * k + 1]) << np.uint64(16)
            | np.uint64(block[4 * k + 2]) << np.uint64(8)
            | np.uint64(block[4 * k + 3])
        )
    for k in range(16, 64):
        x, y = words[k - 15], words[k - 2]
        low = _turned(x, 7) ^ _turned(x, 18) ^ (x >> np.uint64(3))
        high = _turned(y, 17) ^ _turned(y, 19) ^ (y >> np.uint64(10))
        words[k] = (words[k - 16] + low + words[k - 7] + high) & _MASK
    a, b, c, d = state[0], state[1], state[2], state[3]
    e, f, g, h = state[4], state[5], state[6], state[7]
    for k in range(64):
        s1 = _turned(e, 6) ^ _turned(e, 11) ^ _turned(e, 25)
        t1 = h + s1 + ((e & f) ^ (~e & g)) + _ROUND[k] + words[k]
        s0 = _turned(a, 2) ^ _turned(a, 13) ^ _turned(a, 22)
        t2 = s0 + ((a & b) ^ (a & c) ^ (b & c))
        h, g, f = g, f, e
        e = (d + t1) & _MASK
        d, c, b = c, b, a
        a = (t1 + t2) & _MASK
    for k, value in enumerate((a, b, c, d, e, f, g, h)):
        state[k] = (state[k] + value) & _MASK


@compiled_within(inline=False)
def sha256_bucket(
    salt: UInt8[np.ndarray, " salt"],
    letters: UInt8[np.ndarray, " room"],
    first: int,
    last: int,
    buckets: int,
    block: UInt8[np.ndarray, "64"],
    words: UInt64[np.ndarray, "64"],
    state: UInt64[np.ndarray, "8"],
) -> int:
    """SHA-256 of the salt and ``letters[first:last]``, as one big-endian number, mod buckets.

    Args:
        salt: before every message; empty for the plain hash.
        letters: of the message.
        first: its beginning.
        last: behind its end.
        buckets: 1 .. 2**31.
        block: memory.
        words: memory.
        state: memory.

    Reference: FIPS 180-4, section 6.2; the constants are the first 32 bits of the fractions of
    the cube and square roots of the first primes.
    """
    for k in range(8):
        state[k] = _START[k]
    size = salt.shape[0] + last - first
    filled = 0
    for k in range(size):
        block[filled] = salt[k] if k < salt.shape[0] else letters[first + k - salt.shape[0]]
        filled += 1
        if filled == _BLOCK:
            _add_block(block, words, state)
            filled = 0
    block[filled] = 0x80
    filled += 1
    if filled > _BLOCK - 8:
        block[filled:] = 0
        _add_block(block, words, state)
        filled = 0
    block[filled:] = 0
    for k in range(8):
        block[_BLOCK - 1 - k] = (size << 3) >> 8 * k & 0xFF
    _add_block(block, words, state)
    rest = np.uint64(0)
    for k in range(8):
        rest = (rest << np.uint64(32) | state[k]) % np.uint64(buckets)
    return np.int64(rest)
