"""From the UTF-8 of a batch to the sum of its n-grams' weights, or to the n-grams themselves."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64, UInt8

from dataselect.scorers.raters.kernels.grams import (
    ONE,
    TWO,
    Vocabulary,
    add_word,
    bucket_of,
    list_tokens,
    pair_up,
    room_of,
    word_grams,
    word_room,
)
from dataselect.scorers.signals.kernels.repetition import numbered, tables_for
from dataselect.scorers.signals.kernels.unicode_tables import Tables
from dataselect.scorers.signals.kernels.utf8 import readable
from zerocost.compiled import compiled, compiled_within

__all__ = ["count_grams", "rate"]

_KNOWN_BITS = 15
"""How many words' sums are remembered, as a power of two: 768 KB."""
_KNOWN_SHIFT = np.uint64(64 - _KNOWN_BITS)


@compiled_within()
def _dampened(count: int) -> float:
    """How much a count weighs: 1 + ln(count)."""
    return 1.0 if count == 1 else 1.0 + np.log(np.float64(count))


@compiled
def rate(
    data: UInt8[np.ndarray, " bytes"],
    offsets: Int64[np.ndarray, " offsets"],
    present: Bool[np.ndarray, " documents"],
    tables: Tables,
    vocabulary: Vocabulary,
    pairs: bool,
    shortest: int,
    longest: int,
    bits: int,
    weights: Float32[np.ndarray, "2 buckets 2"],
    scores: Float64[np.ndarray, "documents 2"],
    sums: Float64[np.ndarray, "documents sums"],
    tokens: Int64[np.ndarray, " documents"],
) -> None:
    """The products of every document's n-grams with the weights.

    Args:
        data: the documents' UTF-8, one after the other.
        offsets: document i is ``data[offsets[i]:offsets[i + 1]]``.
        present: False where a document is null.
        tables: of Unicode.
        vocabulary: ranks of words.
        pairs: whether pairs of neighbouring tokens count, beside single tokens.
        shortest: characters of the shortest n-gram in a word; 0 where there are none.
        longest: of the longest.
        bits: words and characters have 2^bits buckets each.
        weights: of the words' and the characters' buckets: idf, weight.
        scores: zeros; written: Σ x w / |x| of tokens and pairs, where x = (1 + ln count) idf; the
            same of characters, where each word counts as 1 + ln(its count) times its n-grams, and
            |x|² = Σ over words and their n-grams.
        sums: zeros; written: see `grams.VOCABULARY`.
        tokens: zeros; written: how many tokens there are.

    Complexity:
        Linear in the bytes; memory in the longest document.
    """
    room, listed = room_of(4096), np.int64(4096)
    hashed, many = tables_for(1024), np.int64(1024)
    word = word_room(longest)
    known = np.zeros(1 << _KNOWN_BITS, np.uint64)
    sums_known = np.empty((1 << _KNOWN_BITS, 2), np.float64)
    of_words, of_characters = weights[0], weights[1]
    for document in range(present.shape[0]):
        if not present[document]:
            continue
        text, start, end = readable(data, offsets[document], offsets[document + 1])
        if end - start > listed:
            listed = max(end - start, 2 * listed)
            room = room_of(listed)
        found = list_tokens(text, start, end, tables, room)
        if found > many:
            many = max(found, 2 * many)
            hashed = tables_for(many)
        tokens[document] = found
        hashes, places, ends = room.hashes, room.places, room.ends
        numbers, repeats, keys = hashed.numbers, hashed.counts, hashed.keys
        row = sums[document]
        numbered(hashes[:found], hashed)
        total = square = other_total = other_square = 0.0
        next_one = np.int64(0)
        for i in range(found):
            if numbers[i] != next_one:
                continue
            times = np.int64(repeats[next_one])
            next_one += 1
            value = hashes[i]
            damped = _dampened(times)
            bucket = bucket_of(value, ONE, bits)
            scaled = damped * np.float64(of_words[bucket, 0])
            total += scaled * np.float64(of_words[bucket, 1])
            square += scaled * scaled
            if ends[i] == 0:
                continue
            at = start + places[i]
            add_word(value, np.int64(text[at]), times, vocabulary, row)
            if shortest:
                place = np.int64(value >> _KNOWN_SHIFT)
                if known[place] != value:
                    grams = word_grams(
                        text, at, start + ends[i], tables, shortest, longest, bits, word
                    )
                    product = length = 0.0
                    for k in range(grams):
                        idf = np.float64(of_characters[word.buckets[k], 0])
                        product += idf * np.float64(of_characters[word.buckets[k], 1])
                        length += idf * idf
                    known[place] = value
                    sums_known[place, 0] = product
                    sums_known[place, 1] = length
                other_total += damped * sums_known[place, 0]
                other_square += damped * damped * sums_known[place, 1]
        if pairs:
            different = numbered(hashes[: pair_up(hashes, found)], hashed)
            for k in range(different):
                bucket = bucket_of(keys[k], TWO, bits)
                scaled = _dampened(np.int64(repeats[k])) * np.float64(of_words[bucket, 0])
                total += scaled * np.float64(of_words[bucket, 1])
                square += scaled * scaled
        scores[document, 0] = total / np.sqrt(square) if square > 0 else 0.0
        scores[document, 1] = other_total / np.sqrt(other_square) if other_square > 0 else 0.0


@compiled
def count_grams(
    data: UInt8[np.ndarray, " bytes"],
    offsets: Int64[np.ndarray, " offsets"],
    present: Bool[np.ndarray, " documents"],
    tables: Tables,
    vocabulary: Vocabulary,
    pairs: bool,
    shortest: int,
    longest: int,
    bits: int,
    rows: Int64[np.ndarray, " offsets"],
    sums: Float64[np.ndarray, "documents sums"],
    tokens: Int64[np.ndarray, " documents"],
) -> tuple[Int32[np.ndarray, " values"], Float32[np.ndarray, " values"]]:
    """The n-grams of every document, in compressed rows: those that `rate` weighs.

    Args:
        data: as for `rate`; as all up to ``bits``.
        offsets: the same.
        present: the same.
        tables: the same.
        vocabulary: the same.
        pairs: the same.
        shortest: the same.
        longest: the same.
        bits: the same.
        rows: zeros; written: document i has the values from ``rows[i]`` to ``rows[i + 1]``.
        sums: zeros; written.
        tokens: zeros; written.

    Returns:
        The buckets, those of characters behind those of words; and the value of each: 1 + ln(count)
        of a token or pair, of the word around n-grams of characters. A bucket may come twice.
    """
    room, listed = room_of(4096), np.int64(4096)
    hashed, many = tables_for(1024), np.int64(1024)
    word = word_room(longest)
    buckets = np.empty(1 << 16, np.int32)
    values = np.empty(1 << 16, np.float32)
    size = np.int64(0)
    for document in range(present.shape[0]):
        rows[document + 1] = size
        if not present[document]:
            continue
        text, start, end = readable(data, offsets[document], offsets[document + 1])
        if end - start > listed:
            listed = max(end - start, 2 * listed)
            room = room_of(listed)
        found = list_tokens(text, start, end, tables, room)
        if found > many:
            many = max(found, 2 * many)
            hashed = tables_for(many)
        tokens[document] = found
        hashes, places, ends = room.hashes, room.places, room.ends
        numbers, repeats, keys = hashed.numbers, hashed.counts, hashed.keys
        row = sums[document]
        numbered(hashes[:found], hashed)
        next_one = np.int64(0)
        for i in range(found):
            if numbers[i] != next_one:
                continue
            times = np.int64(repeats[next_one])
            next_one += 1
            value = hashes[i]
            damped = _dampened(times)
            grams = 0
            if ends[i] > 0:
                at = start + places[i]
                add_word(value, np.int64(text[at]), times, vocabulary, row)
                if shortest:
                    grams = word_grams(
                        text, at, start + ends[i], tables, shortest, longest, bits, word
                    )
            if size + grams + 1 > buckets.shape[0]:
                buckets, values = _longer(buckets), _longer(values)
            buckets[size] = bucket_of(value, ONE, bits)
            values[size] = damped
            size += 1
            for k in range(grams):
                buckets[size] = (1 << bits) + word.buckets[k]
                values[size] = damped
                size += 1
        if pairs:
            different = numbered(hashes[: pair_up(hashes, found)], hashed)
            while size + different > buckets.shape[0]:
                buckets, values = _longer(buckets), _longer(values)
            for k in range(different):
                buckets[size] = bucket_of(keys[k], TWO, bits)
                values[size] = _dampened(np.int64(repeats[k]))
                size += 1
        rows[document + 1] = size
    return buckets[:size], values[:size]


@compiled
def _longer(array: np.ndarray) -> np.ndarray:
    """An array of twice the size that begins with this one."""
    out = np.empty(2 * array.shape[0], array.dtype)
    out[: array.shape[0]] = array
    return out
