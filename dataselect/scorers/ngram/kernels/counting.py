"""Counting n-grams of one order into a table: how often they occur, or what they follow."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt32, UInt64

from dataselect.scorers.ngram.kernels.keys import key_of, place_for
from zerocost.compiled import compiled

__all__ = ["count_highest", "count_lower"]


@compiled
def count_highest(
    tokens: UInt64[np.ndarray, " tokens"],
    order: int,
    keys: UInt64[np.ndarray, " places"],
    counts: UInt32[np.ndarray, " places"],
    lasts: UInt32[np.ndarray, " places"],
) -> int:
    """Count the n-grams of the highest order.

    Args:
        tokens: with a 0 before the first and behind each line.
        order: tokens in an n-gram. A 0 within a text ends one, or begins one, never both.
        keys: zeros, more than there are n-grams; written.
        counts: zeros; written: how often each occurs.
        lasts: written: where its first occurrence ends.

    Returns:
        How many different n-grams there are.
    """
    different = 0
    behind = 0  # tokens of the line before this one
    for at in range(1, tokens.shape[0]):
        if behind + 2 >= order:
            key = key_of(tokens, at, order)
            place = place_for(keys, key)
            if counts[place] == 0:
                keys[place] = key
                lasts[place] = at
                different += 1
            counts[place] += np.uint32(1)
        behind = 0 if tokens[at] == 0 else behind + 1
    return different


@compiled
def count_lower(
    tokens: UInt64[np.ndarray, " tokens"],
    order: int,
    higher_keys: UInt64[np.ndarray, " higher"],
    higher_raw: UInt32[np.ndarray, " higher"],
    higher_lasts: UInt32[np.ndarray, " higher"],
    keys: UInt64[np.ndarray, " places"],
    counts: UInt32[np.ndarray, " places"],
    raw: UInt32[np.ndarray, " places"],
    lasts: UInt32[np.ndarray, " places"],
) -> int:
    """Count the n-grams of a lower order by how many different tokens they follow.

    Those that begin a line follow nothing; they are counted by how often they occur.

    Args:
        tokens: with a 0 before the first and behind each line.
        order: tokens in an n-gram.
        higher_keys: the table of the next higher order.
        higher_raw: how often these occur.
        higher_lasts: where their first occurrence ends.
        keys: zeros, more than there are n-grams; written.
        counts: zeros; written.
        raw: zeros; written: how often each occurs.
        lasts: written: where an occurrence ends.

    Returns:
        How many different n-grams there are.
    """
    different = 0
    for higher in range(higher_keys.shape[0]):
        if higher_keys[higher] == 0:
            continue
        last = higher_lasts[higher]
        key = key_of(tokens, last, order)
        place = place_for(keys, key)
        if keys[place] == 0:
            keys[place] = key
            lasts[place] = last
            different += 1
        counts[place] += np.uint32(1)
        raw[place] += higher_raw[higher]
    if order < 2:
        return different
    behind = 0
    for at in range(1, tokens.shape[0]):
        behind += 1
        if behind == order - 1:
            key = key_of(tokens, at, order)
            place = place_for(keys, key)
            if keys[place] == 0:
                keys[place] = key
                lasts[place] = at
                different += 1
            counts[place] += np.uint32(1)
            raw[place] += np.uint32(1)
        if tokens[at] == 0:
            behind = 0
    return different
