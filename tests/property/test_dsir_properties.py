"""Words, buckets and weights of DSIR against plain Python, on arbitrary Unicode."""

from __future__ import annotations

import hashlib
import re
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataselect.scorers.dsir import Features
from dataselect.scorers.signals.arrow import text_arrays
from dataselect.scorers.signals.kernels.eight import PADDING
from dataselect.scorers.signals.kernels.utf8 import repaired
from dataselect.scorers.wordpunct import LINE_END, hash_words, lowering
from zerocost.compiled import compiled

WORDS = re.compile(r"\w+|[^\w\s]+")
PARTS = st.sampled_from(
    [*"aAbBzZ19_ \n.!?,'’-·:Σςİıß ΑΣ", "ΑΣ'Α", "\u0301", "\u0345", "K", "ǅ", "Ⱥ", "ﬁ", "日本",
     "\x00", "\u2028", "\x85", "word ", "Longer", "eightsxx", "EIGHTSXX", "x2", "don't", "...",
     "\U0001f389"]
)  # fmt: skip
TEXT = st.lists(PARTS, max_size=40).map("".join) | st.text(max_size=60)
TEXTS = st.lists(TEXT, max_size=8)


# Kernels within kernels cannot be called from Python.
@compiled
def words_of(text: Any, tables: Any, lines: bool, hashes: Any, codes: Any) -> int:
    return hash_words(text, 0, len(text) - PADDING, tables, lines, hashes, codes)


def hashed(document: str, *, lines: bool = False) -> list[int]:
    raw = np.frombuffer(document.encode(), np.uint8)
    text = repaired(raw, 0, len(raw))  # with padding
    hashes = np.zeros(len(raw) + 2, np.uint64)
    codes = np.zeros(len(raw) + 2, np.int32)
    n = words_of(text, lowering(), lines, hashes, codes)
    return [int(value) for value in hashes[:n]]


def batch(texts: Any) -> pa.RecordBatch:
    column = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.large_string())
    return pa.RecordBatch.from_arrays([column], names=["text"])


def buckets_of(document: str, buckets: int, salt: str) -> list[int]:
    words = WORDS.findall(document.lower())
    pairs = [" ".join(pair) for pair in pairwise(words)]
    digests = [hashlib.sha256((salt + gram).encode()).hexdigest() for gram in words + pairs]
    return [int(digest, 16) % buckets for digest in digests]


@settings(max_examples=300)
@given(TEXTS)
def test_a_hash_stands_for_one_word(texts: list[str]) -> None:
    known: dict[int, str] = {}
    for text in texts:
        words = WORDS.findall(text.lower())
        hashes = hashed(text)
        assert len(hashes) == len(words), text
        for word, value in zip(words, hashes, strict=True):
            assert known.setdefault(value, word) == word
    assert len(set(known.values())) == len(known)


@settings(max_examples=150)
@given(TEXT)
def test_line_ends_stand_behind_lines_with_words(text: str) -> None:
    words = [hashed(line) for line in text.split("\n")]
    expected = [value for line in words if line for value in [*line, LINE_END]]
    assert hashed(text, lines=True) == expected


@settings(max_examples=150)
@given(TEXTS, st.sampled_from([1, 7, 10_000, 65_536]), st.sampled_from(["", "salt", "é" * 40]))
def test_sha256_buckets_are_those_of_the_definition(
    texts: list[str], buckets: int, salt: str
) -> None:
    features = Features(buckets, "sha256", salt)
    expected = np.zeros(buckets, np.int64)
    for text in texts:
        np.add.at(expected, buckets_of(text, buckets, salt), 1)
    assert np.array_equal(features.counts(batch(texts)), expected)
    ratios = np.random.default_rng(0).normal(size=buckets)
    sums, ngrams = features.weigh(batch(texts), ratios)
    found = [buckets_of(text, buckets, salt) for text in texts]
    assert ngrams.tolist() == [len(grams) for grams in found]
    assert sums == pytest.approx([ratios[grams].sum() for grams in found], rel=1e-12, abs=1e-12)


@settings(max_examples=150)
@given(TEXTS)
def test_the_fast_hash_counts_what_it_weighs(texts: list[str]) -> None:
    features = Features(1000)
    ratios = np.random.default_rng(0).normal(size=1000)
    sums, ngrams = features.weigh(batch(texts), ratios)
    for at, text in enumerate(texts):
        counts = features.counts(batch([text]))
        words = len(WORDS.findall(text.lower()))
        assert ngrams[at] == counts.sum() == max(0, 2 * words - 1)
        assert sums[at] == pytest.approx(counts @ ratios, rel=1e-12, abs=1e-9)


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=20) | TEXT.map(str.encode), max_size=6), st.integers(0, 5))
def test_invalid_utf8_is_read_as_python_reads_it(documents: list[bytes], cut: int) -> None:
    documents = [document[cut:] for document in documents]
    raw = pa.array(documents, pa.large_binary())
    broken = pa.LargeStringArray.from_buffers(len(raw), *raw.buffers()[1:])
    texts = [document.decode("utf-8", "replace") for document in documents]
    for features in (Features(100), Features(100, "sha256")):
        assert np.array_equal(features.counts(batch(broken)), features.counts(batch(texts)))


def test_the_two_hashes_of_words_agree_on_every_character() -> None:
    alone = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    texts = ["".join(f"a{c}b {c}" for c in alone[at : at + 4096]) for at in range(0, 0x30000, 4096)]
    data, offsets, _ = text_arrays(pa.array(texts, pa.large_string()))
    assert offsets[-1] <= len(data)
    for text in texts:
        words = WORDS.findall(text.lower())
        hashes = hashed(text)
        assert len(hashes) == len(words)
        known = dict(zip(hashes, words, strict=True))
        assert [known[value] for value in hashes] == words
        assert len(known) == len(set(words))
