"""The n-grams that the validation sets ask for: all that is ever counted of a selection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int32, Int64, UInt64

from dataselect.errors import DataselectError
from dataselect.weighting.proxies.token_data import TokenDocuments

__all__ = ["Events", "count_events", "events_of", "matches_of"]


@dataclass(frozen=True)
class Events:
    """The distinct n-grams of the validation sets, and what their tokens ask for.

    Attributes:
        order: of the longest.
        keys: a table of the n-grams with open addressing.
        numbers: of the n-gram with the key at the same place.
        shorter: of each n-gram, the number of the one without its first token; -1 of a token.
        hits: of each different row, from the lowest order up, the number of the n-gram whose count
            is c(hw); -1 where the document has not so many tokens before.
        seen: likewise of h, whose count is c(h); -1 for the lowest order, where it is all tokens.
        times: how often each row occurs in each half of each set: set 0's halves first.
        sets: their names.
    """

    order: int
    keys: UInt64[np.ndarray, " places"]
    numbers: Int32[np.ndarray, " places"]
    shorter: Int32[np.ndarray, " events"]
    hits: Int32[np.ndarray, "rows orders"]
    seen: Int32[np.ndarray, "rows orders"]
    times: Float64[np.ndarray, "rows halves"]
    sets: tuple[str, ...]


def events_of(validation: Mapping[str, TokenDocuments], order: int) -> Events:
    """The n-grams of validation sets.

    Args:
        validation: the sets; at least one, none of them empty.
        order: tokens in the longest n-grams.

    Raises:
        DataselectError: there is no validation set, or one without a token.

    Complexity: O(tokens · order).
    """
    from dataselect.weighting.proxies.ngram.kernels.events import number_events

    if not validation or any(not len(found.tokens) for found in validation.values()):
        empty = [name for name, found in validation.items() if not len(found.tokens)]
        raise DataselectError(
            f"the validation sets {empty} are empty" if empty else "there is no validation set",
            accepted="sets with documents in them",
        )
    sets = list(validation.values())
    tokens = np.concatenate([found.tokens for found in sets])
    starts = np.cumsum([0, *(len(found.tokens) for found in sets)])
    begins = [found.offsets[:-1] + start for found, start in zip(sets, starts, strict=False)]
    offsets = np.concatenate([*begins, starts[-1:]]).astype(np.int64)
    most = order * len(tokens)
    keys = np.zeros(2 * most + 8, dtype=np.uint64)
    numbers = np.zeros(len(keys), dtype=np.int32)
    shorter = np.full(most, -1, dtype=np.int32)
    longest = np.zeros(len(tokens), dtype=np.int32)
    n = number_events(tokens, offsets, order, keys, numbers, shorter, longest)
    shorter = shorter[:n].copy()
    behind = np.concatenate([longest[:1], longest[:-1]])
    first = np.zeros(len(tokens), dtype=bool)
    first[offsets[:-1][np.diff(offsets) > 0]] = True
    end = longest[offsets[1:][np.diff(offsets) > 0][0] - 1]  # that document's end
    chains = _chains(shorter, order)
    behind[first] = chains[end, 0]
    half = _halves(offsets, np.cumsum([len(found) for found in sets]))
    owner = 2 * np.repeat(np.arange(len(sets)), np.diff(starts)) + half
    # The longest n-gram of a token decides its row; its context, too.
    rows, at, of = np.unique(longest, return_index=True, return_inverse=True)
    times = np.zeros((len(rows), 2 * len(sets)))
    np.add.at(times, (of, owner), 1.0)
    seen = np.full((len(rows), order), -1, dtype=np.int32)
    seen[:, 1:] = chains[behind[at], : order - 1]
    hits = chains[rows]
    seen[hits < 0] = -1
    return Events(order, keys, numbers, shorter, hits, seen, times, tuple(validation))


def _chains(
    shorter: Int32[np.ndarray, " events"], order: int
) -> Int32[np.ndarray, "events orders"]:
    """Of each n-gram the numbers of its ends of 1, 2, ... tokens, -1 beyond its own."""
    length = np.ones(len(shorter), dtype=np.int64)
    found = np.full((len(shorter), order), -1, dtype=np.int32)
    at = shorter.copy()
    while (more := at >= 0).any():
        length[more] += 1
        at[more] = shorter[at[more]]
    at = np.arange(len(shorter), dtype=np.int32)
    for n in range(order, 0, -1):
        own = length >= n
        found[own, n - 1] = at[own]
        at[own] = np.where(shorter[at[own]] >= 0, shorter[at[own]], 0)
    return found


def _halves(
    offsets: Int64[np.ndarray, " documents_and_one"], ends: Int64[np.ndarray, " sets"]
) -> Int64[np.ndarray, " tokens"]:
    """Which half of its set each token is in: documents by turns; a document alone is cut."""
    first = np.concatenate([[0], ends[:-1]])
    lengths = np.diff(offsets)
    half = np.repeat((np.arange(len(lengths)) - np.repeat(first, ends - first)) % 2, lengths)
    for start in first[ends - first == 1].tolist():
        half[(offsets[start] + offsets[start + 1]) // 2 : offsets[start + 1]] = 1
    return half


def matches_of(documents: TokenDocuments, events: Events) -> Int32[np.ndarray, " tokens"]:
    """For each token of documents the longest n-gram of the validation sets that ends there.

    Complexity: O(tokens · order); 4 bytes a token.
    """
    from dataselect.weighting.proxies.ngram.kernels.events import find_matches

    matches = np.empty(len(documents.tokens), dtype=np.int32)
    find_matches(
        documents.tokens, documents.offsets, events.order, events.keys, events.numbers, matches
    )
    return matches


def count_events(
    matches: Int32[np.ndarray, " tokens"],
    documents: TokenDocuments,
    chosen: Int64[np.ndarray, " chosen"],
    events: Events,
) -> Int64[np.ndarray, " events"]:
    """How often each n-gram occurs in a selection: the sum over its documents.

    Complexity: O(tokens of the selection + n-grams).
    """
    from dataselect.weighting.proxies.ngram.kernels.events import count_matches

    counts = np.zeros(len(events.shorter), dtype=np.int64)
    count_matches(matches, documents.offsets, chosen.astype(np.int64), events.shorter, counts)
    return counts
