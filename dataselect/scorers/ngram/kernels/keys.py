"""Keys of n-grams and tables of them with open addressing."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt64

from dataselect.scorers.words.hashing import PRIME, SEED
from zerocost.compiled import compiled_within

__all__ = ["first_key", "found_at", "home", "key_of", "longer_key", "place_for"]

_HALF = np.uint64(32)
_ROTATION, _BACK = np.uint64(23), np.uint64(41)
_ONE = np.uint64(1)


@compiled_within()
def longer_key(key: int, token: int) -> int:
    """The key of an n-gram with one more token before it."""
    value = ((key << _ROTATION | key >> _BACK) ^ token) * PRIME
    value ^= value >> _HALF
    return max(value, _ONE)  # 0 stands for an empty place


@compiled_within()
def first_key(token: int) -> int:
    """The key of a token alone."""
    return longer_key(SEED, token)


@compiled_within()
def key_of(tokens: UInt64[np.ndarray, " tokens"], last: int, order: int) -> int:
    """The key of the n-gram that ends at a place."""
    key = first_key(tokens[last])
    for back in range(1, order):
        key = longer_key(key, tokens[last - back])
    return key


@compiled_within()
def home(key: int, places: int) -> int:
    """Where a key is looked for first; greater keys have no smaller places."""
    return np.int64(((key >> _HALF) * np.uint64(places)) >> _HALF)


@compiled_within()
def place_for(keys: UInt64[np.ndarray, " places"], key: int) -> int:
    """Where a key is in a table that is being filled, or the empty place for it."""
    at = home(key, keys.shape[0])
    while keys[at] != 0 and keys[at] != key:
        at += 1
        if at == keys.shape[0]:
            at = 0
    return at


@compiled_within()
def found_at(table: UInt64[np.ndarray, "places 3"], homes: int, key: int) -> int:
    """Where a key is in a finished table, -1 where it is not.

    Its entries are in the order of the keys, with empty places between and behind.
    """
    at = home(key, homes)
    while True:
        there = table[at, 0]
        if there == key:
            return at
        if there == 0 or there > key:
            return -1
        at += 1
