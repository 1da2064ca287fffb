"""The compiled language model against a slow one, on arbitrary Unicode."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kneser_ney_reference import END, UNKNOWN, Reference, lines_of

from dataselect.scorers.ngram import NgramModel, NgramSettings, Perplexity, train
from dataselect.scorers.ngram.kernels.tokens import read_tokens
from dataselect.scorers.signals.arrow import text_arrays
from dataselect.scorers.wordpunct import lowering

# Few words, so that n-grams of all orders occur again.
WORDS = st.sampled_from(["a", "b", "the", "The", ".", "é", "日本", "Σ", "\n", "\n\n", "İ", "x2"])
TEXT = st.lists(WORDS, max_size=30).map(" ".join) | st.text(max_size=20)
TEXTS = st.lists(TEXT, min_size=1, max_size=4)
SETTINGS = st.builds(
    NgramSettings, st.integers(1, 5), st.sampled_from(["words", "bytes"]), st.integers(1, 3)
)


def trained(texts: list[str], asked: NgramSettings) -> NgramModel:
    arrays = text_arrays(pa.array(texts, pa.large_string()))
    tokens = read_tokens(*arrays, lowering(), asked.unit == "bytes")
    return train(np.concatenate([np.zeros(1, np.uint64), tokens]), asked)


def score(model: NgramModel, texts: Any) -> list[dict[str, float | None]]:
    column = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.large_string())
    batch = pa.RecordBatch.from_arrays([column], names=["text"])
    found: list[dict[str, float | None]] = Perplexity("a", model).score(batch).to_pylist()
    return found


@settings(max_examples=150)
@given(TEXTS, TEXTS, SETTINGS)
def test_perplexities_are_those_of_the_formulas(
    texts: list[str], asked: list[str], chosen: NgramSettings
) -> None:
    texts = [*texts, "a"]
    reference = Reference(texts, chosen.order, chosen.unit, chosen.least)
    model = trained(texts, chosen)
    documents = asked + texts
    for text, found in zip(documents, score(model, documents), strict=True):
        log, events, unknown = reference.log(text)
        if not events:
            assert set(found.values()) == {None}
            continue
        words = events - len(lines_of(text, chosen.unit))
        assert found["ppl_a"] == pytest.approx(math.exp(-log / events), rel=1e-9)
        bits = -log / math.log(2) / len(text.encode())
        assert found["ppl_a_bits_per_byte"] == pytest.approx(bits, rel=1e-9, abs=1e-12)
        assert found["ppl_a_unknown"] == unknown / words


@settings(max_examples=25)
@given(TEXTS, st.integers(1, 4), st.integers(1, 2))
def test_probabilities_sum_to_one(texts: list[str], order: int, least: int) -> None:
    texts = [*texts, "a b"]
    chosen = NgramSettings(order, "words", least)
    reference, model = Reference(texts, order, least=least), trained(texts, chosen)
    words = [word for word in reference.vocabulary if word != END]
    for context in ("", "a", "a b", "b unseen", "the the the"):
        before = len(context.split())
        ends = [context, *(f"{context} {word}" for word in words), f"{context} {UNKNOWN[1:4]}zzz"]
        # ln p(context and word) without the line end's part, from the formulas for the context.
        total = 0.0
        rows = score(model, ends)
        for text, row in zip(ends, rows, strict=True):
            tokens = text.split()
            if row["ppl_a"] is None:
                continue
            log = -math.log(row["ppl_a"]) * (len(tokens) + 1)
            total += math.exp(log - end_of(reference, tokens, before, text != context))
        if before == 0:
            continue
        assert total == pytest.approx(1.0, abs=1e-9)


def end_of(reference: Reference, tokens: list[str], before: int, ends: bool) -> float:
    """ln p of all but the one event behind the context."""
    known = set(reference.vocabulary)
    history = ["<s>", *(token if token in known else UNKNOWN for token in tokens)]
    total = 0.0
    for at in range(1, before + 1):
        context = tuple(history[max(0, at - reference.order + 1) : at])
        total += math.log(reference.p(history[at], context))
    if ends:
        context = tuple(history[max(0, len(history) - reference.order + 1) :])
        total += math.log(reference.p(END, context))
    return total


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=20) | TEXT.map(str.encode), max_size=6), st.integers(0, 5))
def test_invalid_utf8_is_read_as_python_reads_it(documents: list[bytes], cut: int) -> None:
    documents = [document[cut:] for document in documents]
    raw = pa.array(documents, pa.large_binary())
    broken = pa.LargeStringArray.from_buffers(len(raw), *raw.buffers()[1:])
    texts = [document.decode("utf-8", "replace") for document in documents]
    for unit in ("words", "bytes"):
        model = trained(["a the a \ufffd b", "b"], NgramSettings(3, unit))  # type: ignore[arg-type]
        ours, theirs = score(model, broken), score(model, texts)
        assert [row["ppl_a"] for row in ours] == [row["ppl_a"] for row in theirs]
