"""Scores as integers in the same order, so that a histogram of their bits can find a place."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, UInt64

__all__ = ["keys_of", "scores_of"]

_SIGN = np.uint64(1 << 63)


def keys_of(scores: Float64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
    """Integers that are ordered as the scores are: a < b wherever x < y; −0 and 0 are one.

    Args:
        scores: without NaN, which has no place in an order.
    """
    bits = (scores + 0.0).view(np.uint64)  # -0 + 0 is 0
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def scores_of(keys: UInt64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """The scores that have the keys."""
    return np.where(keys & _SIGN, keys & ~_SIGN, ~keys).view(np.float64)
