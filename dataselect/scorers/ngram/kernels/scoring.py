"""The log probability of documents under an n-gram model."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8, UInt64

from dataselect.scorers.ngram.kernels.keys import first_key, found_at, home, longer_key
from dataselect.scorers.ngram.kernels.tokens import tokens_of
from dataselect.scorers.signals.kernels.utf8 import readable
from dataselect.scorers.wordpunct.lowering import Lowering
from zerocost.compiled import compiled, compiled_within

__all__ = ["score_documents", "spread"]


@compiled
def spread(
    entries: UInt64[np.ndarray, "entries 3"], homes: int, table: UInt64[np.ndarray, "places 3"]
) -> int:
    """Put entries that are ordered by key into a table of zeros; `found_at` finds them there.

    Returns:
        Behind the last place; -1 where the table is too small.
    """
    free = 0
    for entry in range(entries.shape[0]):
        at = max(home(entries[entry, 0], homes), free)
        if at >= table.shape[0]:
            return -1
        for k in range(3):
            table[at, k] = entries[entry, k]
        free = at + 1
    return free


@compiled
def score_documents(
    data: UInt8[np.ndarray, " bytes"],
    offsets: Int64[np.ndarray, " offsets"],
    present: Bool[np.ndarray, " documents"],
    tables: Lowering,
    by_bytes: bool,
    order: int,
    table: UInt64[np.ndarray, "places 3"],
    logs: Float64[np.ndarray, "places 3"],
    homes: int,
    unknown: float,
    sums: Float64[np.ndarray, " documents"],
    events: Int64[np.ndarray, " documents"],
    strange: Int64[np.ndarray, " documents"],
    lines: Int64[np.ndarray, " documents"],
) -> None:
    """Score every document of a batch.

    Args:
        data: the documents' UTF-8, one after the other.
        offsets: document i is ``data[offsets[i]:offsets[i + 1]]``.
        present: False where a document is null.
        tables: of Unicode.
        by_bytes: whether tokens are bytes; else words.
        order: of the model.
        table: key, and the bits of log probability and log back-off weight, of every n-gram.
        logs: the same memory as floats.
        homes: of the table.
        unknown: log probability of a token that the model has not seen, without context.
        sums: zeros; written: the log probability of a document.
        events: zeros; written: tokens and line ends.
        strange: zeros; written: tokens that the model has not seen.
        lines: zeros; written: line ends.
    """
    room = 4096
    tokens, codes = np.empty(room + 2, np.uint64), np.empty(room + 2, np.int32)
    before, now = np.zeros(order + 1), np.zeros(order + 1)
    begin = found_at(table, homes, first_key(np.uint64(0)))
    for document in range(present.shape[0]):
        if not present[document]:
            continue
        text, start, end = readable(data, offsets[document], offsets[document + 1])
        if end - start > room:
            room = max(end - start, 2 * room)
            tokens, codes = np.empty(room + 2, np.uint64), np.empty(room + 2, np.int32)
        n = tokens_of(text, start, end, tables, by_bytes, tokens, codes)
        known = 0  # the longest context that the model knows
        total = 0.0
        for at in range(1, n):
            if tokens[at - 1] == 0:
                known = min(1, order - 1)
                before[1] = logs[begin, 2]
            length, log = _longest(tokens, at, known, table, logs, homes, now)
            if length == 0:
                log = unknown
                strange[document] += 1
            for k in range(max(length, 1), known + 1):
                log += before[k]
            total += log
            known = min(length, order - 1)
            before, now = now, before
            lines[document] += tokens[at] == 0
        sums[document] = total
        events[document] = n - 1


@compiled_within()
def _longest(
    tokens: UInt64[np.ndarray, " room"],
    at: int,
    known: int,
    table: UInt64[np.ndarray, "places 3"],
    logs: Float64[np.ndarray, "places 3"],
    homes: int,
    weights: Float64[np.ndarray, " orders"],
) -> tuple[int, float]:
    """The longest n-gram that ends at a token and is in the model, and its log probability.

    Args:
        tokens: of the document.
        at: which token.
        known: how long the longest known context before it is.
        table: of the model.
        logs: of the model.
        homes: of the table.
        weights: written: the log back-off weights of all the n-grams found, by length.
    """
    key = first_key(tokens[at])
    log = 0.0
    length = 0
    while True:
        place = found_at(table, homes, key)
        if place < 0:
            return length, log
        length += 1
        log = logs[place, 1]
        weights[length] = logs[place, 2]
        if length > known:
            return length, log
        key = longer_key(key, tokens[at - length])
