"""A language model that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from dataselect.scorers.ngram import NgramSettings, Perplexity, train
from dataselect.scorers.ngram.kernels.tokens import read_tokens
from dataselect.scorers.ngram.kneser_ney import discounts_of
from dataselect.scorers.signals.arrow import text_arrays
from dataselect.scorers.wordpunct import lowering


def test_bigrams_of_two_lines() -> None:
    # Bigrams: <s>a 2, ab 1, b</s> 1, ac 1, c</s> 1. Each word follows: a 1, b 1, c 1, </s> 2.
    # Too few for discounts: ½, 1, 1½. Five words: a, b, c, </s>, unknown.
    column = pa.array(["a b\na c"])
    tokens = read_tokens(*text_arrays(column), lowering(), False)
    model = train(np.concatenate([np.zeros(1, np.uint64), tokens]), NgramSettings(2))
    unigram = (3 * 0.5 + 1.0) / 5 / 5
    a, b, end = 0.5 / 5 + unigram, 0.5 / 5 + unigram, 1 / 5 + unigram
    p = {
        "a | <s>": (2 - 1) / 2 + 1 / 2 * a,
        "b | a": (1 - 0.5) / 2 + 1 / 2 * b,
        "</s> | b": (1 - 0.5) / 1 + 0.5 * end,
        "unknown | a": 1 / 2 * unigram,
        "</s>": end,
    }
    documents = ["a b", "a z"]
    batch = pa.RecordBatch.from_arrays([pa.array(documents)], names=["text"])
    found = Perplexity("x", model).score(batch).to_pylist()
    first = p["a | <s>"] * p["b | a"] * p["</s> | b"]
    second = p["a | <s>"] * p["unknown | a"] * p["</s>"]
    assert found[0]["ppl_x"] == pytest.approx(first ** (-1 / 3), rel=1e-12)
    assert found[1]["ppl_x"] == pytest.approx(second ** (-1 / 3), rel=1e-12)
    assert found[0]["ppl_x_bits_per_byte"] == pytest.approx(-math.log2(first) / 3)
    assert (found[0]["ppl_x_unknown"], found[1]["ppl_x_unknown"]) == (0.0, 0.5)
    assert model.about["tokens"] == 4
    assert model.about["lines"] == 2
    assert model.about["ngrams"] == [4, 5]
    assert model.about["too_few_for_discounts"] == [1, 2]


def test_discounts_are_those_of_chen_and_goodman() -> None:
    found, few = discounts_of(np.array([0, 100, 40, 20, 12]))
    y = 100 / 180
    assert not few
    assert found.tolist() == pytest.approx(
        [0, 1 - 2 * y * 0.4, 2 - 3 * y * 0.5, 3 - 4 * y * 0.6], rel=1e-12
    )
    for counts in ([0, 0, 5, 5, 5], [0, 5, 0, 5, 5], [0, 5, 5, 0, 5], [0, 1, 1, 100, 400]):
        found, few = discounts_of(np.array(counts))
        assert few
        assert found.tolist() == [0, 0.5, 1, 1.5]


def test_a_text_is_foreseen_by_a_model_of_its_kind() -> None:
    column = pa.array(["the cat sat on the mat . " * 20, "the dog sat on the rug . " * 20])
    tokens = read_tokens(*text_arrays(column), lowering(), True)
    model = train(np.concatenate([np.zeros(1, np.uint64), tokens]), NgramSettings(5, "bytes"))
    documents = ["the cat sat on the rug .", "Der Hund bellt."]
    batch = pa.RecordBatch.from_arrays([pa.array(documents)], names=["text"])
    like, unlike = Perplexity("x", model).score(batch).column("ppl_x").to_pylist()
    assert like < 2
    assert unlike > 20
