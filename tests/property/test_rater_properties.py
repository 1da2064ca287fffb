"""The compiled kernels of raters and heuristics against plain Python, on arbitrary Unicode."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import raters_reference as plain
from hypothesis import given, settings
from hypothesis import strategies as st

from dataselect.scorers.raters import Features
from dataselect.scorers.raters.features import extract, vocabulary
from dataselect.scorers.raters.kernels.rating import rate
from dataselect.scorers.signals.arrow import text_arrays
from dataselect.scorers.signals.kernels.unicode_tables import unicode_tables
from dataselect.scorers.words.counting import count_lists
from dataselect.scorers.words.lists import LISTS, list_tables, ranked_words, words_of

RANKS = {word: rank for rank, word in enumerate(ranked_words())}
PIECES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["the ", "The", "don't ", "because of ", "CAFÉ ", "e\u0301", "日本", "ไทยๆ", "한국어 ",
         "ΑΣ ", "İ", "ﬁ", "_a1", "K", "...", "!!", "\u00a0", "a" * 70, "x" * 8, "yz" * 8,
         "\x00", "👩‍👩‍👧",
         "word word word ", "naïveté\n", "\u0301", "１２", "²"]
    ),
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=12).map("".join)
FEATURES = st.builds(
    lambda pairs, sizes, bits: Features(pairs, *sizes, bits, "none"),
    st.booleans(),
    st.sampled_from([(0, 0), (1, 1), (3, 5), (2, 6)]),
    st.sampled_from([10, 14]),
)


def arrays(texts: list[str]) -> Any:
    return text_arrays(pa.array(texts, pa.large_string()))


@settings(max_examples=80, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3), FEATURES)
def test_the_n_grams_are_those_of_the_definition(texts: list[str], features: Features) -> None:
    found = extract(pa.array(texts, pa.large_string()), features)
    for row, text in enumerate(texts):
        words, inside = plain.values(
            text, pairs=features.pairs, shortest=features.shortest, longest=features.longest,
            bits=features.bits,
        )  # fmt: skip
        expected: dict[int, float] = defaultdict(float)
        for at, value in words:
            expected[at] += value
        for at, value in inside:
            expected[at + (1 << features.bits)] += value
        grams = found.grams[row]
        grams.sum_duplicates()
        got = dict(zip(grams.indices.tolist(), grams.data.tolist(), strict=True))
        assert got == pytest.approx(dict(expected), rel=1e-5)
        assert found.tokens[row] == len(plain.tokens(text))


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4), FEATURES, st.integers(0, 3))
def test_the_scores_are_those_of_the_definition(
    texts: list[str], features: Features, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(2, 1 << features.bits, 2)).astype(np.float32)
    weights[:, :, 0] = np.maximum(weights[:, :, 0], 0)  # as idf, some of them 0
    data, offsets, present = arrays(texts)
    scores, sums = np.zeros((len(texts), 2)), np.zeros((len(texts), 24))
    tokens = np.zeros(len(texts), np.int64)
    rate(
        data, offsets, present, unicode_tables(), vocabulary(), features.pairs,
        features.shortest, features.longest, features.bits, weights, scores, sums, tokens,
    )  # fmt: skip
    for row, text in enumerate(texts):
        words, inside = plain.values(
            text, pairs=features.pairs, shortest=features.shortest, longest=features.longest,
            bits=features.bits,
        )  # fmt: skip
        assert scores[row, 0] == pytest.approx(plain.block_score(words, weights[0]), abs=1e-9)
        assert scores[row, 1] == pytest.approx(plain.block_score(inside, weights[1]), abs=1e-9)
        assert sums[row] == pytest.approx(plain.vocabulary_sums(text, RANKS))


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_words_of_lists_are_counted_with_their_pairs(text: str) -> None:
    data, offsets, present = arrays([text])
    counts = np.zeros((1, 1 + len(LISTS)), np.int64)
    count_lists(data, offsets, present, unicode_tables(), *list_tables(), counts)
    listed = [
        ("".join(map(plain.fold, token)) if is_word else None)
        for is_word, token in plain.tokens(text)
    ]
    words = [word for word in listed if word is not None]
    pairs = [f"{a} {b}" for a, b in pairwise(listed) if a and b]
    assert counts[0, 0] == len(words)
    for k, name in enumerate(LISTS):
        members = set(words_of(name))
        assert counts[0, k + 1] == sum(each in members for each in words + pairs), name
