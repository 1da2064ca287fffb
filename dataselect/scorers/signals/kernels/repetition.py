"""Repeated words, n-grams, lines and paragraphs, by tables of 64-bit hashes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64, UInt8, UInt64

from dataselect.scorers.signals.kernels.eight import get, put
from dataselect.scorers.signals.kernels.hashing import PRIME, hash_bytes
from zerocost.compiled import compiled, compiled_within

__all__ = ["HashTables", "count_duplicates", "count_repeated", "entropy", "numbered", "tables_for"]

_BITS = np.uint64(64)
_HALF = np.uint64(32)
_ONE = np.uint64(1)
_TIMES_LOG = np.arange(256) * np.log(np.maximum(np.arange(256), 1.0))
_TOP, _FIRST_DUPE, _LAST_DUPE = 4, 5, 10


class HashTables(NamedTuple):
    """Memory for the tables of one list of hashes.

    Attributes:
        slots: open addressing: which number is here, or -1.
        keys: the hash of each number.
        counts: how often each number occurs.
        numbers: of each element, in order of first occurrence; then of each n-gram, or -1.
        active: places of n-grams that occur twice.
        pairs: of the numbers of two n-grams, one behind the other.
    """

    slots: np.ndarray
    keys: np.ndarray
    counts: np.ndarray
    numbers: np.ndarray
    active: np.ndarray
    pairs: np.ndarray


@compiled
def tables_for(size: int) -> HashTables:
    """Memory for lists of up to so many elements."""
    slots = 16
    while slots < 2 * size:
        slots *= 2
    return HashTables(
        np.empty(slots, np.int32),
        np.empty(size + 1, np.uint64),
        np.empty(size + 1, np.int32),
        np.empty(size + 1, np.int32),
        np.empty(size + 1, np.int32),
        np.empty(size + 1, np.uint64),
    )


@compiled_within()
def _cleared(slots: Int32[np.ndarray, " slots"], size: int) -> int:
    """Empty as many slots as a list needs; how far to shift a hash to find its slot."""
    bits = 4
    while (1 << bits) < 2 * size:
        bits += 1
    slots[: 1 << bits] = -1
    return np.uint64(64 - bits)


@compiled_within(inline=False)
def numbered(hashes: UInt64[np.ndarray, " size"], tables: HashTables) -> int:
    """Number the elements of a list by first occurrence, and count each.

    Args:
        hashes: of the elements, every bit of which is random.
        tables: room for the list; its ``numbers`` and ``counts`` are written.

    Returns:
        How many different ones there are.
    """
    slots, keys, counts, numbers = tables.slots, tables.keys, tables.counts, tables.numbers
    shift = _cleared(slots, hashes.shape[0])
    mask = (_ONE << (_BITS - shift)) - _ONE
    different = 0
    for i in range(hashes.shape[0]):
        key: int = get(hashes, i)
        at = key >> shift
        put(keys, different, key)
        number = np.int64(get(slots, np.int64(at)))
        while number >= 0 and get(keys, number) != key:
            at = (at + _ONE) & mask
            number = np.int64(get(slots, np.int64(at)))
        # Half of all words are new. A branch on that would be guessed wrong too often.
        new = np.int64(number < 0)
        number = different if new else number
        put(slots, np.int64(at), number)
        put(counts, number, np.int64(get(counts, number)) * (1 - new) + 1)
        put(numbers, i, number)
        different += new
    return different


@compiled_within()
def entropy(counts: Int32[np.ndarray, " different"], total: int) -> float:
    """Entropy of a distribution in nats, from how often each outcome was seen."""
    found = 0.0
    for count in counts:
        found += _TIMES_LOG[count] if count < _TIMES_LOG.shape[0] else count * np.log(float(count))
    return max(0.0, np.log(float(total)) - found / total)


@compiled_within(inline=False)
def count_duplicates(
    text: UInt8[np.ndarray, " bytes"], places: Int64[np.ndarray, "size 2"], tables: HashTables
) -> tuple[int, int]:
    """How many stretches of a text occurred before in it, and their characters together."""
    repeated = characters = 0
    if places.shape[0] < 2:
        return repeated, characters
    slots, keys = tables.slots, tables.keys
    shift = _cleared(slots, places.shape[0])
    mask = (_ONE << (_BITS - shift)) - _ONE
    different = 0
    for i in range(places.shape[0]):
        first, end = places[i, 0], places[i, 1]
        key = hash_bytes(text, first, end - first)
        at = key >> shift
        while slots[at] >= 0 and keys[slots[at]] != key:
            at = (at + _ONE) & mask
        if slots[at] < 0:
            slots[at] = different
            keys[different] = key
            different += 1
        else:
            repeated += 1
            for k in range(first, end):
                characters += text[k] & 0xC0 != 0x80
    return repeated, characters


@compiled_within(inline=False)
def count_repeated(
    lengths: Int32[np.ndarray, " size"],
    tables: HashTables,
    as_text: bool,
    top: Int64[np.ndarray, "3"],
    dupes: Int64[np.ndarray, "6"],
) -> None:
    """Characters in the most frequent n-gram (n = 2, 3, 4) and in repeated ones (n = 5 .. 10).

    An n-gram that occurs twice is made of two (n-1)-grams that do. So the n-grams of a size are
    numbered by pairs of the numbers one size smaller, and only where both occur twice: most of a
    text drops out at two or three words, and no two n-grams are confused.

    Args:
        lengths: of the words, in code points.
        tables: as `numbered` left them for the words; ``numbers`` and ``counts`` are overwritten.
        as_text: False counts as RedPajama does, each word of a repeated n-gram once, wherever it
            stands. True counts as datatrove does: the most frequent n-gram with spaces between its
            words; and of repeated n-grams those that, reading on behind each, were read before.
        top: written: characters of the most frequent 2-, 3- and 4-gram times its frequency; the
            first of several; 0 where none occurs twice.
        dupes: written: characters in repeated 5- to 10-grams.

    Complexity:
        O(words) at each size; on ordinary text near O(words) for all.
    """
    numbers, counts, active = tables.numbers, tables.counts, tables.active
    top[:] = 0
    dupes[:] = 0
    size = 0
    for i in range(lengths.shape[0]):
        number = np.int64(get(numbers, i))
        often = np.int64(get(counts, number) > 1)
        put(numbers, i, number if often else -1)
        put(active, size, i)
        size += often
    for n in range(2, _LAST_DUPE + 1):
        size = _longer(lengths.shape[0], tables, size)
        if size == 0:
            return
        if n <= _TOP:
            best, first = 0, 0
            for k in range(size):
                if counts[numbers[active[k]]] > best:
                    best, first = counts[numbers[active[k]]], active[k]
            characters = lengths[first : first + n].sum()
            if as_text:
                characters += n - 1
            top[n - 2] = characters * best
        elif as_text:
            dupes[n - _FIRST_DUPE] = _read_before(lengths, tables, size, n)
        else:
            covered = characters = 0
            for k in range(size):
                for i in range(max(covered, active[k]), active[k] + n):
                    characters += lengths[i]
                covered = active[k] + n
            dupes[n - _FIRST_DUPE] = characters


@compiled_within(inline=False)
def _longer(length: int, tables: HashTables, size: int) -> int:
    """Number the n-grams from the repeated (n-1)-grams; keep those that occur twice.

    What is kept is copied together without a branch, which would be guessed wrong half the time.
    """
    slots, keys, counts, pairs = tables.slots, tables.keys, tables.counts, tables.pairs
    numbers, active = tables.numbers, tables.active
    kept = 0
    for k in range(size):
        i = np.int64(get(active, k))
        behind = np.int64(get(numbers, i + 1)) if i + 1 < length else np.int64(-1)
        put(pairs, kept, np.uint64(get(numbers, i)) << _HALF | np.uint64(behind))
        put(active, kept, i)
        put(numbers, i, -1)
        kept += np.int64(behind >= 0)
    size = kept
    shift = _cleared(slots, size)
    mask = (_ONE << (_BITS - shift)) - _ONE
    different = 0
    for k in range(size):
        key: int = get(pairs, k)
        at = (key * PRIME) >> shift
        put(keys, different, key)
        number = np.int64(get(slots, np.int64(at)))
        while number >= 0 and get(keys, number) != key:
            at = (at + _ONE) & mask
            number = np.int64(get(slots, np.int64(at)))
        new = np.int64(number < 0)
        number = different if new else number
        put(slots, np.int64(at), number)
        put(counts, number, np.int64(get(counts, number)) * (1 - new) + 1)
        put(numbers, np.int64(get(active, k)), number)
        different += new
    kept = 0
    for k in range(size):
        i = np.int64(get(active, k))
        number = np.int64(get(numbers, i))
        often = np.int64(get(counts, number) > 1)
        put(numbers, i, number if often else -1)
        put(active, kept, i)
        kept += often
    return kept


@compiled_within(inline=False)
def _read_before(lengths: Int32[np.ndarray, " size"], tables: HashTables, size: int, n: int) -> int:
    """Characters of the n-grams that were read before, going on behind each of them."""
    numbers, active, seen = tables.numbers, tables.active, tables.counts
    free = characters = 0
    for k in range(size):
        i = active[k]
        if i < free:
            continue
        if seen[numbers[i]] < 0:
            for word in range(i, i + n):
                characters += lengths[word]
            free = i + n
        else:
            seen[numbers[i]] = -seen[numbers[i]]
    for k in range(size):  # the counts are needed again
        seen[numbers[active[k]]] = abs(seen[numbers[active[k]]])
    return characters
