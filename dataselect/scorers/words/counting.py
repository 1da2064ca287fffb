"""How many words of each document stand in word lists, from one pass over its UTF-8."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int64, UInt8, UInt64

from dataselect.scorers.signals.kernels.unicode_tables import Tables
from dataselect.scorers.signals.kernels.utf8 import readable
from dataselect.scorers.words.tokens import (
    NO_TOKEN,
    WORD_TOKEN,
    look_up,
    next_token,
    pair,
)
from zerocost.compiled import compiled, compiled_within

__all__ = ["count_lists"]


@compiled
def count_lists(
    data: UInt8[np.ndarray, " bytes"],
    offsets: Int64[np.ndarray, " offsets"],
    present: Bool[np.ndarray, " documents"],
    tables: Tables,
    slots: UInt64[np.ndarray, " slots"],
    members: Int64[np.ndarray, " slots"],
    counts: Int64[np.ndarray, "documents lists"],
) -> None:
    """Count the words, and pairs of neighbouring words, of each document that stand in lists.

    Args:
        data: the documents' UTF-8, one after the other.
        offsets: document i is ``data[offsets[i]:offsets[i + 1]]``.
        present: False where a document is null.
        tables: of Unicode.
        slots: hashes of the lists' words and pairs, by open addressing; empty places 0.
        members: for each place the lists it is in, a bit each.
        counts: zeros; written. Column 0 counts all words; column k + 1 those of list k.

    Complexity:
        Linear in the bytes.
    """
    for document in range(present.shape[0]):
        if not present[document]:
            continue
        text, at, end = readable(data, offsets[document], offsets[document + 1])
        row = counts[document]
        before = np.uint64(0)
        while True:
            kind, value, _, at = next_token(text, at, end, tables)
            if kind == NO_TOKEN:
                break
            if kind != WORD_TOKEN:
                before = np.uint64(0)  # a mark parts a pair
                continue
            row[0] += 1
            _add(look_up(value, slots), members, row)
            if before:
                _add(look_up(pair(before, value), slots), members, row)
            before = value


@compiled_within()
def _add(
    place: int, members: Int64[np.ndarray, " slots"], row: Int64[np.ndarray, " lists"]
) -> None:
    if place >= 0:
        member = members[place]
        for k in range(row.shape[0] - 1):
            row[k + 1] += (member >> k) & 1
