"""Words as they are compared: lower case, punctuation removed; hashes of runs of them."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8, UInt32, UInt64

from zerocost.compiled import compiled

__all__ = ["NgramHashes", "ngram_hashes", "normalised_words", "runs_of_words", "word_counts"]

_SPACE = 0xFFFFFFFF
_REMOVED = 0xFFFFFFFE
_ALONE = 1 << 31
_BASE = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
# Scripts that put no space between words: every letter counts as a word, so that n-grams mean
# something there.
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3400, 0x9FFF),  # Han
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
_ASCII_PUNCTUATION = frozenset(string.punctuation)


@lru_cache(maxsize=1)
def _table() -> UInt32[np.ndarray, " code"]:
    """What becomes of each code point: its lower case, a space, nothing, or a word of its own."""
    found = np.full(0x110000, _REMOVED, dtype=np.uint32)
    for code in range(0x40000):  # no plane from the fourth on has letters
        character = chr(code)
        if character.isspace():
            found[code] = _SPACE
        elif unicodedata.category(character)[0] in "PC" or character in _ASCII_PUNCTUATION:
            continue  # controls and surrogates too
        else:
            found[code] = ord(character.lower()[0])
    for low, high in _UNSPACED:
        own = np.arange(low, high + 1, dtype=np.uint32)
        letters = found[own] < _REMOVED
        found[own[letters]] = own[letters] | np.uint32(_ALONE)
    found.setflags(write=False)
    return found


def normalised_words(text: str) -> list[str]:
    """The words of a text as they are compared.

    Lower case by character; punctuation (Unicode's, and ASCII symbols) and control characters are
    removed, not replaced: ``don't`` is ``dont``. White space parts words; in scripts that have
    none, Chinese, Japanese, Thai and their like, every letter is a word.
    """
    words: list[str] = []
    current: list[str] = []
    table = _table()
    for character in text:
        fate = int(table[ord(character)])
        if fate == _REMOVED:
            continue
        if current and (fate == _SPACE or fate & _ALONE):
            words.append("".join(current))
            current = []
        if fate == _SPACE:
            continue
        if fate & _ALONE:
            words.append(character)
        else:
            current.append(chr(fate))
    return [*words, "".join(current)] if current else words


@dataclass(frozen=True)
class NgramHashes:
    """The hashes of every run of n words of some texts, one text after the other.

    Attributes:
        hashes: 64 bits each; equal runs have equal hashes.
        offsets: where each text's begin, and the end of the last.
    """

    hashes: UInt64[np.ndarray, " runs"]
    offsets: Int64[np.ndarray, " texts_and_one"]


def _buffers(
    texts: Any,
) -> tuple[UInt8[np.ndarray, " bytes"], Int64[np.ndarray, " texts_and_one"]]:
    """The UTF-8 bytes of an Arrow string array, and where each text begins; a null is empty."""
    import pyarrow as pa

    if isinstance(texts, pa.ChunkedArray):
        texts = pa.concat_arrays(texts.chunks) if texts.num_chunks else pa.array([], texts.type)
    if texts.type != pa.large_string():
        texts = texts.cast(pa.large_string())
    if texts.null_count:
        texts = texts.fill_null("")
    _, offsets, data = texts.buffers()
    if not len(texts):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    every = np.frombuffer(offsets, np.int64, len(texts) + 1, texts.offset * 8)
    bytes_ = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return bytes_, every


def ngram_hashes(texts: Any, n: int, *, short: bool = False) -> NgramHashes:
    """The hashes of every n consecutive words of each text.

    Args:
        texts: an Arrow array of strings.
        n: words a run, from 1.
        short: whether a text of fewer words, but one, counts as one run.

    Complexity: one pass over the bytes, 64 bits a word of memory.
    """
    data, offsets = _buffers(texts)
    found = np.empty(int(offsets[-1] - offsets[0]) // 2 + 2 * len(texts) + 2, dtype=np.uint64)
    ends = np.zeros(len(texts) + 1, dtype=np.int64)
    _ngrams(data, offsets, _table(), n, short, found, ends)
    return NgramHashes(found[: ends[-1]], ends)


def runs_of_words(words: NgramHashes, n: int) -> NgramHashes:
    """The hashes of every n consecutive words, from those of single words.

    Runs of many lengths cost one pass over the bytes so, and one over the words each. They are
    other hashes than those of `ngram_hashes`.

    Args:
        words: `ngram_hashes` with n of 1.
        n: words a run, from 1.

    Complexity: O(words), whatever n.
    """
    counts = np.maximum(np.diff(words.offsets) - n + 1, 0)
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    found = np.empty(int(ends[-1]), dtype=np.uint64)
    _runs(words.hashes, words.offsets, n, found)
    return NgramHashes(found, ends)


def word_counts(texts: Sequence[str]) -> Int64[np.ndarray, " texts"]:
    """How many words each text has, as `normalised_words` parts them."""
    import pyarrow as pa

    counts: Int64[np.ndarray, " texts"] = np.diff(
        ngram_hashes(pa.array(list(texts), pa.large_string()), 1).offsets
    )
    return counts


@compiled
def _runs(
    words: UInt64[np.ndarray, " words"],
    offsets: Int64[np.ndarray, " texts_and_one"],
    n: int,
    found: UInt64[np.ndarray, " runs"],
) -> None:
    leaving = np.uint64(1)
    for _ in range(n):
        leaving *= _BASE
    at = 0
    for text in range(offsets.shape[0] - 1):
        rolling = np.uint64(0)
        for i in range(offsets[text], offsets[text + 1]):
            rolling = rolling * _BASE + words[i]
            inside = i - offsets[text]
            if inside >= n:
                rolling -= words[i - n] * leaving
            if inside >= n - 1:
                found[at] = _finished(rolling)
                at += 1


@compiled
def _ngrams(
    data: UInt8[np.ndarray, " bytes"],
    offsets: Int64[np.ndarray, " texts_and_one"],
    table: UInt32[np.ndarray, " code"],
    n: int,
    short: bool,
    found: UInt64[np.ndarray, " room"],
    ends: Int64[np.ndarray, " texts_and_one"],
) -> None:
    leaving = np.uint64(1)
    for _ in range(n):
        leaving *= _BASE
    ring = np.zeros(n, dtype=np.uint64)
    state = np.zeros(2, dtype=np.int64)  # words so far, hashes so far
    rolling = np.uint64(0)
    for text in range(offsets.shape[0] - 1):
        i = offsets[text]
        end = offsets[text + 1]
        ring[:] = 0
        state[0] = 0
        rolling = np.uint64(0)
        word = np.uint64(0)  # of the letters since the last parting; never 0 with one
        while i < end:
            code, i = _code_point(data, i, end)
            fate = table[code if code < 0x110000 else 0]
            if fate < 0x80000000:
                word = (word ^ (np.uint64(fate) + np.uint64(1))) * _BASE
                word ^= word >> np.uint64(32)
                continue
            if fate == 0xFFFFFFFE:
                continue
            if word != 0:
                rolling = _push(word, rolling, leaving, ring, state, found)
                word = np.uint64(0)
            if fate != 0xFFFFFFFF:
                own = (np.uint64(fate & 0x7FFFFFFF) + np.uint64(1)) * _BASE
                rolling = _push(own, rolling, leaving, ring, state, found)
        if word != 0:
            rolling = _push(word, rolling, leaving, ring, state, found)
        if short and 0 < state[0] < n:
            found[state[1]] = _finished(rolling + np.uint64(state[0]))
            state[1] += 1
        ends[text + 1] = state[1]


@compiled
def _code_point(data: UInt8[np.ndarray, " bytes"], i: int, end: int) -> tuple[np.int64, int]:
    """The code point at a place, and the next place; a byte that begins none stands for itself."""
    code = np.int64(data[i])
    if code < 0xC0:
        return code, i + 1
    if code < 0xE0 and i + 1 < end:
        return ((code & 0x1F) << 6) | (np.int64(data[i + 1]) & 0x3F), i + 2
    if code < 0xF0 and i + 2 < end:
        code = ((code & 0x0F) << 12) | ((np.int64(data[i + 1]) & 0x3F) << 6)
        return code | (np.int64(data[i + 2]) & 0x3F), i + 3
    if i + 3 < end:
        code = ((code & 0x07) << 18) | ((np.int64(data[i + 1]) & 0x3F) << 12)
        code |= ((np.int64(data[i + 2]) & 0x3F) << 6) | (np.int64(data[i + 3]) & 0x3F)
        return code, i + 4
    return code, i + 1


@compiled
def _push(
    word: np.uint64,
    rolling: np.uint64,
    leaving: np.uint64,
    ring: UInt64[np.ndarray, " n"],
    state: Int64[np.ndarray, " two"],
    found: UInt64[np.ndarray, " room"],
) -> np.uint64:
    """Let a word into the run, and the word n before it out: Σ word_i base^(n − 1 − i)."""
    n = ring.shape[0]
    word = _finished(word)
    slot = state[0] % n
    rolling = rolling * _BASE + word - ring[slot] * leaving
    ring[slot] = word
    state[0] += 1
    if state[0] >= n:
        found[state[1]] = _finished(rolling)
        state[1] += 1
    return rolling


@compiled
def _finished(bits: np.uint64) -> np.uint64:
    """The last steps of SplitMix64."""
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return bits ^ (bits >> np.uint64(31))
