"""DSIR's numbers beside those of the authors' package, and its sampling beside the weights."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dataselect.scorers.dsir import Dsir, Features, fit_dsir
from dataselect.selection import choose

TARGET = ["The theorem follows by induction on n.", "Let x be a prime; then x + 1 is even."]
SOURCE = [
    "Click HERE to buy!!! Best prices, don't miss it.",
    "Édouard's ΟΔΟΣ was x2; the proof of the theorem is left to you.",
    "The cat sat on the mat and the dog on the cat.",
    "one",
]


def test_the_numbers_are_those_of_data_selection(tmp_path: Path) -> None:
    published = pytest.importorskip(
        "data_selection", reason="the package data-selection is not installed"
    )
    for name, texts in (("target", TARGET), ("source", SOURCE)):
        lines = [json.dumps({"text": text}) for text in texts]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    theirs = published.HashedNgramDSIR(
        [str(tmp_path / "source.jsonl")],
        [str(tmp_path / "target.jsonl")],
        str(tmp_path / "cache"),
        num_proc=1,
    )
    theirs.fit_importance_estimator("all")
    model = fit_dsir(
        [str(tmp_path / "target.jsonl")],
        [str(tmp_path / "source.jsonl")],
        features=Features(hash="sha256"),
    )
    assert np.allclose(model.ratios, theirs.log_diff, rtol=0, atol=1e-12)
    texts = [*SOURCE, *TARGET, "ﬁ Ⱥb K 日本語。 _x_ 3.14"]
    batch = pa.RecordBatch.from_arrays([pa.array(texts)], names=["text"])
    ours = Dsir("target", model).score(batch).column("dsir_target").to_pylist()
    expected = [theirs.importance_estimator(theirs.featurizer(text)) for text in texts]
    assert ours == pytest.approx(expected, abs=1e-10)
    # NLTK 3.10 counts marks as letters, and superscripts not; Python's own expressions, and NLTK
    # before, do as we do. With the latter the buckets agree on anything.
    text = "x² İstanbul e\u0301 नमस्ते ‿ Ⅷ ½ \u200d"
    counts = published.hashed_ngram_dsir.get_ngram_counts(
        text, tokenizer=re.compile(r"\w+|[^\w\s]+").findall
    )
    batch = pa.RecordBatch.from_arrays([pa.array([text])], names=["text"])
    assert np.array_equal(Features(hash="sha256").counts(batch), counts)


def test_the_mean_is_the_sum_over_the_words_and_pairs(tmp_path: Path) -> None:
    for name, texts in (("t", TARGET), ("s", SOURCE)):
        (tmp_path / f"{name}.txt").write_text("\n".join(texts), encoding="utf-8")
    model = fit_dsir([str(tmp_path / "t.txt")], [str(tmp_path / "s.txt")])
    batch = pa.RecordBatch.from_arrays([pa.array(["a b c", "one", " "])], names=["text"])
    found = Dsir("t", model).score(batch).to_pylist()
    assert found[0]["dsir_t_mean"] == pytest.approx(found[0]["dsir_t"] / 5)
    assert found[1]["dsir_t_mean"] == found[1]["dsir_t"]
    assert found[2] == {"dsir_t": None, "dsir_t_mean": None}


def test_log_weights_are_drawn_in_proportion() -> None:
    draws, groups = 2000, 100
    group = np.repeat(np.arange(groups), 3)
    scores = np.tile(np.log([1.0, 2.0, 7.0]), groups)
    one_each = np.ones(groups, np.int64)
    taken = np.zeros(3)
    for seed in range(draws // groups):
        found = choose(scores, one_each, group=group, temperature=1.0, log_weights=True, seed=seed)
        taken += found.reshape(groups, 3).sum(0)
    spread = 4 * np.sqrt(np.array([0.1, 0.2, 0.7]) * np.array([0.9, 0.8, 0.3]) / draws)
    assert np.all(np.abs(taken / draws - [0.1, 0.2, 0.7]) < spread)
    by_z = choose(scores, 30, temperature=1.0, seed=5)
    by_weight = choose(scores, 30, temperature=1.0, log_weights=True, seed=5)
    assert by_z.tolist() != by_weight.tolist()
