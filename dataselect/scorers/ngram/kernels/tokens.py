"""Documents as tokens: words or bytes, with a 0 before the first and behind each line."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt8, UInt64

from dataselect.scorers.signals.kernels.utf8 import readable
from dataselect.scorers.wordpunct.hashes import LINE_END, hash_words
from dataselect.scorers.wordpunct.lowering import Lowering
from dataselect.scorers.words.hashing import PRIME, SEED
from zerocost.compiled import compiled, compiled_within

__all__ = ["read_tokens", "tokens_of"]

_NEWLINE = ord("\n")


@compiled_within()
def tokens_of(
    text: UInt8[np.ndarray, " bytes"],
    start: int,
    end: int,
    tables: Lowering,
    by_bytes: bool,
    tokens: UInt64[np.ndarray, " room"],
    codes: Int32[np.ndarray, " room"],
) -> int:
    """The tokens of a document: 0, then for each line that has any its tokens and a 0.

    Args:
        text: valid UTF-8, `eight.PADDING` bytes behind the end readable.
        start: of the document.
        end: behind its last byte.
        tables: of Unicode.
        by_bytes: whether tokens are bytes; else words of the lower-cased text.
        tokens: written; 2 longer than the document.
        codes: memory, likewise.

    Returns:
        How many were written.
    """
    tokens[0] = LINE_END
    if not by_bytes:
        return 1 + hash_words(text, start, end, tables, True, tokens[1:], codes)
    size = 1
    for at in range(start, end):
        byte = text[at]
        if byte != _NEWLINE:
            tokens[size] = (SEED ^ np.uint64(byte)) * PRIME
            size += 1
        elif tokens[size - 1] != LINE_END:
            tokens[size] = LINE_END
            size += 1
    if tokens[size - 1] != LINE_END:
        tokens[size] = LINE_END
        size += 1
    return size


@compiled
def read_tokens(
    data: UInt8[np.ndarray, " bytes"],
    offsets: Int64[np.ndarray, " offsets"],
    present: Bool[np.ndarray, " documents"],
    tables: Lowering,
    by_bytes: bool,
) -> UInt64[np.ndarray, " tokens"]:
    """The tokens of all documents of a batch, one after the other, with a 0 behind each line."""
    documents = present.shape[0]
    room = offsets[documents] - offsets[0] + 2 * documents + 2
    out = np.empty(3 * room, np.uint64)  # touched as far as it is written
    codes = np.empty(3 * room, np.int32)
    size = 0
    for document in range(documents):
        if not present[document]:
            continue
        text, start, end = readable(data, offsets[document], offsets[document + 1])
        # The 0 before the document falls on the one behind the last; the first one goes.
        first = max(size - 1, 0)
        n = tokens_of(text, start, end, tables, by_bytes, out[first:], codes)
        size = first + n
    return out[1 : max(size, 1)].copy()
