"""n-grams of the validation sets by number, and where they occur in other documents."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, Int64, Integer, UInt64

from dataselect.scorers.ngram.kernels.keys import longer_key, place_for
from dataselect.scorers.words.hashing import SEED
from zerocost.compiled import compiled, compiled_within

__all__ = ["count_matches", "find_matches", "number_events"]


@compiled_within()
def _longer(key: int, tokens: Integer[np.ndarray, " tokens"], before: int, start: int) -> int:
    """The key with the token at a place before it, which is 0 in front of the document."""
    return longer_key(key, np.uint64(0) if before < start else np.uint64(tokens[before]))


@compiled
def number_events(
    tokens: Integer[np.ndarray, " tokens"],
    offsets: Int64[np.ndarray, " documents_and_one"],
    order: int,
    keys: UInt64[np.ndarray, " places"],
    numbers: Int32[np.ndarray, " places"],
    shorter: Int32[np.ndarray, " events"],
    longest: Int32[np.ndarray, " tokens"],
) -> int:
    """Number the n-grams of all orders up to one, and say which longest one ends at each token.

    Before the first token of a document stands one token 0, which is not predicted.

    Args:
        tokens: of the documents, each ended by a 0.
        offsets: where each begins, and the end of the last.
        order: of the longest n-grams.
        keys: zeros, more than there are n-grams; written.
        numbers: of the n-gram with the key at the same place; written.
        shorter: of each n-gram, the number of the one without its first token, which is less than
            its own; -1 for a token alone; written.
        longest: written.

    Returns:
        How many n-grams there are.
    """
    events = 0
    for document in range(offsets.shape[0] - 1):
        start = offsets[document]
        for at in range(start, offsets[document + 1]):
            key = SEED
            above = -1
            for n in range(1, min(order, at - start + 2) + 1):
                key = _longer(key, tokens, at - n + 1, start)
                place = place_for(keys, key)
                if keys[place] == 0:
                    keys[place] = key
                    numbers[place] = events
                    shorter[events] = above
                    events += 1
                above = numbers[place]
            longest[at] = above
    return events


@compiled
def find_matches(
    tokens: Integer[np.ndarray, " tokens"],
    offsets: Int64[np.ndarray, " documents_and_one"],
    order: int,
    keys: UInt64[np.ndarray, " places"],
    numbers: Int32[np.ndarray, " places"],
    matches: Int32[np.ndarray, " tokens"],
) -> None:
    """The longest n-gram of a table that ends at each token of documents; -1 where there is none.

    An n-gram is in the table only if the one without its first token is, so that the search ends
    at the first that is not.
    """
    for document in range(offsets.shape[0] - 1):
        start = offsets[document]
        for at in range(start, offsets[document + 1]):
            key = SEED
            found = -1
            for n in range(1, min(order, at - start + 2) + 1):
                key = _longer(key, tokens, at - n + 1, start)
                place = place_for(keys, key)
                if keys[place] == 0:
                    break
                found = numbers[place]
            matches[at] = found


@compiled
def count_matches(
    matches: Int32[np.ndarray, " tokens"],
    offsets: Int64[np.ndarray, " documents_and_one"],
    documents: Int64[np.ndarray, " chosen"],
    shorter: Int32[np.ndarray, " events"],
    counts: Int64[np.ndarray, " events"],
) -> None:
    """How often each n-gram occurs in some documents.

    Args:
        matches: of `find_matches`.
        offsets: where each document begins, and the end of the last.
        documents: which are counted.
        shorter: of `number_events`.
        counts: zeros; written.
    """
    for i in range(documents.shape[0]):
        document = documents[i]
        for at in range(offsets[document], offsets[document + 1]):
            if matches[at] >= 0:
                counts[matches[at]] += 1
    # Where a longer n-gram ends its shorter ones end, too; a longer one has the greater number.
    for event in range(shorter.shape[0] - 1, -1, -1):
        if shorter[event] >= 0:
            counts[shorter[event]] += counts[event]
