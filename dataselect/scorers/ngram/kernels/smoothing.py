"""Modified Kneser-Ney: from counts of one order, and the order below, to probabilities."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64, UInt32, UInt64

from dataselect.scorers.ngram.kernels.keys import key_of, place_for
from zerocost.compiled import compiled

__all__ = ["add_contexts", "probabilities"]


@compiled
def add_contexts(
    tokens: UInt64[np.ndarray, " tokens"],
    order: int,
    least: int,
    discounts: Float64[np.ndarray, "4"],
    keys: UInt64[np.ndarray, " places"],
    counts: UInt32[np.ndarray, " places"],
    raw: UInt32[np.ndarray, " places"],
    lasts: UInt32[np.ndarray, " places"],
    lower_keys: UInt64[np.ndarray, " lower"],
    totals: Int64[np.ndarray, " lower"],
    freed: Float64[np.ndarray, " lower"],
) -> None:
    """Add up, for each context of n-1 tokens, the counts of what follows and what is freed of them.

    Args:
        tokens: of the text.
        order: of the n-grams.
        least: n-grams that occur less often are dropped: all of their count is freed.
        discounts: of a count of 0, 1, 2, and more.
        keys: of the n-grams.
        counts: of the n-grams.
        raw: how often they occur.
        lasts: where one of them ends.
        lower_keys: of the contexts, in the table of the order below.
        totals: zeros; written.
        freed: zeros; written.
    """
    for place in range(keys.shape[0]):
        if keys[place] == 0:
            continue
        context = place_for(lower_keys, key_of(tokens, lasts[place] - 1, order - 1))
        count = counts[place]
        totals[context] += count
        freed[context] += count if raw[place] < least else discounts[min(count, 3)]


@compiled
def probabilities(
    tokens: UInt64[np.ndarray, " tokens"],
    order: int,
    least: int,
    discounts: Float64[np.ndarray, "4"],
    keys: UInt64[np.ndarray, " places"],
    counts: UInt32[np.ndarray, " places"],
    raw: UInt32[np.ndarray, " places"],
    lasts: UInt32[np.ndarray, " places"],
    lower_keys: UInt64[np.ndarray, " lower"],
    totals: Int64[np.ndarray, " lower"],
    freed: Float64[np.ndarray, " lower"],
    lower: Float64[np.ndarray, " lower"],
    out: Float64[np.ndarray, " places"],
) -> None:
    """p(w | u) = (c(uw) − D) / c(u·) + freed(u) / c(u·) · p(w | u without its first token).

    Args:
        tokens: of the text.
        order: of the n-grams, at least 2.
        least: n-grams that occur less often are dropped; their probability is left as it was.
        discounts: of a count of 0, 1, 2, and more.
        keys: of the n-grams.
        counts: of the n-grams.
        raw: how often they occur.
        lasts: where one of them ends.
        lower_keys: in the table of the order below.
        totals: of contexts, there.
        freed: of contexts, there.
        lower: probabilities, there.
        out: written.
    """
    for place in range(keys.shape[0]):
        if keys[place] == 0 or raw[place] < least:
            continue
        last = lasts[place]
        context = place_for(lower_keys, key_of(tokens, last - 1, order - 1))
        shorter = place_for(lower_keys, key_of(tokens, last, order - 1))
        count = counts[place]
        out[place] = (count - discounts[min(count, 3)] + freed[context] * lower[shorter]) / totals[
            context
        ]
