"""Gumbel noise that belongs to a document, whoever draws it and when."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64, UInt64

__all__ = ["gumbel", "noisy"]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def gumbel(seed: int, source: int, rows: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Standard Gumbel noise, −ln(−ln u), of documents.

    u is a hash of (seed, source, row) alone, so that it depends neither on the order in which
    documents are read nor on the number of workers. The documents with the largest s/T + noise
    are a sample without replacement in which each draw takes a document with probability
    proportional to exp(s/T) among those left.

    Args:
        seed: any integer; the lowest 64 bits count.
        source: which file of the corpus, from 0.
        rows: in that file, from 0.

    Returns:
        Values in −3.7 .. 36.8; 53 bits of u are used.

    References:
        Kool, van Hoof, Welling, "Stochastic beams and where to find them", ICML 2019, for the
        sample; Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014,
        for the mixing function.
    """
    words = np.array([seed & 0xFFFFFFFFFFFFFFFF, source], dtype=np.uint64)
    state = _mixed(_mixed(words[:1]) + words[1:])
    bits = _mixed(_mixed(state + rows.astype(np.uint64)) ^ state) >> np.uint64(11)
    uniform = (bits.astype(np.float64) + 0.5) * 2.0**-53
    # Where u rounds to 1 its logarithm would be 0.
    return -np.log(-np.log(np.minimum(uniform, 1 - 2.0**-53)))


def noisy(
    scores: Float64[np.ndarray, " n"],
    temperature: float,
    seed: int,
    source: int,
    rows: Int64[np.ndarray, " n"],
) -> Float64[np.ndarray, " n"]:
    """What a sample is ranked by: s + T g with Gumbel noise g; g alone where T is infinite.

    The order is that of s/T + g, which overflows where T is tiny.

    Args:
        scores: NaN where a document has none, which stays NaN.
        temperature: above 0.
        seed: see `gumbel`, as the rest.
    """
    noise = gumbel(seed, source, rows)
    if np.isinf(temperature):
        return np.where(np.isnan(scores), np.nan, noise)
    found: Float64[np.ndarray, " n"] = scores + temperature * noise
    return found


def _mixed(words: UInt64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
    """SplitMix64: every bit of the argument moves every bit of the result with probability ½."""
    z = words + _STEP
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))
