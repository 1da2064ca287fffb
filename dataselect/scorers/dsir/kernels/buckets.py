"""The n-grams of documents in buckets: counted, or weighed by the buckets' log ratios."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from dataselect.scorers.dsir.kernels.sha256 import sha256_bucket
from dataselect.scorers.signals.kernels.utf8 import readable
from dataselect.scorers.wordpunct.hashes import hash_words
from dataselect.scorers.wordpunct.lowering import Lowering
from dataselect.scorers.wordpunct.spelled import spell_words
from dataselect.scorers.words.hashing import PRIME
from zerocost.compiled import compiled, compiled_within

__all__ = ["read_buckets"]

_HALF = np.uint64(32)
_ROTATION, _BACK = np.uint64(23), np.uint64(41)


@compiled_within()
def _bucket(value: int, buckets: int) -> int:
    """The bucket of a hash, by its upper half: no division."""
    return np.int64(((value >> _HALF) * np.uint64(buckets)) >> _HALF)


@compiled_within()
def _pair(first: int, second: int) -> int:
    """The hash of two words in this order."""
    value = ((first << _ROTATION | first >> _BACK) ^ second) * PRIME
    return value ^ (value >> _HALF)


@compiled
def read_buckets(
    data: UInt8[np.ndarray, " bytes"],
    offsets: Int64[np.ndarray, " offsets"],
    present: Bool[np.ndarray, " documents"],
    tables: Lowering,
    cryptographic: bool,
    salt: UInt8[np.ndarray, " salt"],
    weigh: bool,
    counts: Int64[np.ndarray, " buckets"],
    ratios: Float64[np.ndarray, " ratios"],
    sums: Float64[np.ndarray, " documents"],
    ngrams: Int64[np.ndarray, " documents"],
) -> None:
    """Count or weigh the words, and the pairs of words that follow one another, of documents.

    Args:
        data: the documents' UTF-8, one after the other.
        offsets: document i is ``data[offsets[i]:offsets[i + 1]]``.
        present: False where a document is null.
        tables: of Unicode.
        cryptographic: whether buckets are by SHA-256.
        salt: of SHA-256.
        weigh: whether n-grams are weighed; else they are counted.
        counts: of the n-grams of all documents in each bucket; added to where they are counted.
        ratios: of the buckets, where n-grams are weighed; as many as there are counts. Else none.
        sums: zeros; written where they are weighed: the sum of the ratios of each document.
        ngrams: zeros; written: how many each document has.

    Complexity:
        Linear in the bytes; memory in the longest document.
    """
    buckets = counts.shape[0]
    room = 4096
    letters, places, hashes, codes = _memory(room, cryptographic)
    at = np.empty(2, np.int64)
    block, words, state = np.empty(64, np.uint8), np.empty(64, np.uint64), np.empty(8, np.uint64)
    for document in range(present.shape[0]):
        if not present[document]:
            continue
        text, start, end = readable(data, offsets[document], offsets[document + 1])
        if end - start > room:
            room = max(end - start, 2 * room)
            letters, places, hashes, codes = _memory(room, cryptographic)
        if cryptographic:
            n = spell_words(text, start, end, tables, letters, places)
        else:
            n = hash_words(text, start, end, tables, False, hashes, codes)
        total = 0.0
        for k in range(n):
            grams = 2 if k > 0 else 1
            if cryptographic:
                for gram in range(grams):
                    at[gram] = sha256_bucket(
                        salt, letters, places[k - gram], places[k + 1] - 1, buckets,
                        block, words, state,
                    )  # fmt: skip
            else:
                at[0] = _bucket(hashes[k], buckets)
                if k > 0:
                    at[1] = _bucket(_pair(hashes[k - 1], hashes[k]), buckets)
            for gram in range(grams):
                if weigh:
                    total += ratios[at[gram]]
                else:
                    counts[at[gram]] += 1
        sums[document] = total
        ngrams[document] = max(2 * n - 1, 0)


@compiled
def _memory(
    room: int, cryptographic: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Memory for a document of so many bytes: its words spelled, or hashed."""
    spelled, hashed = (room, 0) if cryptographic else (0, room)
    return (
        np.empty(3 * spelled + 8, np.uint8),
        np.empty(spelled + 2, np.int64),
        np.empty(hashed + 2, np.uint64),
        np.empty(hashed + 2, np.int32),
    )
