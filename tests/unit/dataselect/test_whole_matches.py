"""Evaluation documents shorter than a run: found as a whole, against brute force."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from dataselect.selection.whole_matches import find_whole, whole_documents
from dataselect.selection.words import ngram_hashes, normalised_words, runs_of_words

TEXT = st.lists(st.sampled_from(["a", "B", "c,", "é", "你", "x-y"]), max_size=14).map(" ".join)


def brute(texts: list[str], evaluation: list[str], least: int, most: int) -> dict[int, list[int]]:
    """Document -> the first of the longest evaluation documents in it, and how many there are."""
    found: dict[int, list[int]] = {}
    for n in range(most, least - 1, -1):
        owner: dict[tuple[str, ...], int] = {}
        for e, text in enumerate(evaluation):
            if len(words := normalised_words(text)) == n:
                owner.setdefault(tuple(words), e)
        for t, text in enumerate(texts):
            words = normalised_words(text)
            runs = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
            for run in runs:
                if run in owner:
                    found.setdefault(t, [owner[run], 0])[1] += 1
    return found


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXT, max_size=8), st.lists(TEXT, max_size=6), st.integers(1, 4))
def test_whole_documents_are_found_exactly(
    texts: list[str], evaluation: list[str], least: int
) -> None:
    held = whole_documents(evaluation, least, 7)
    found = find_whole(pa.array(texts, pa.string()), held)
    triples = zip(
        found.documents.tolist(), found.evaluation.tolist(), found.runs.tolist(), strict=True
    )
    assert {t: [e, runs] for t, e, runs in triples} == brute(texts, evaluation, least, 7)
    for t, e, at in zip(found.documents, found.evaluation, found.at, strict=True):
        n = int(held.words[e])
        own = normalised_words(evaluation[e])
        assert normalised_words(texts[t])[at : at + n] == own


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXT, max_size=6), st.integers(1, 9))
def test_runs_of_hashed_words_are_equal_where_the_words_are(texts: list[str], n: int) -> None:
    found = runs_of_words(ngram_hashes(pa.array(texts, pa.string()), 1), n)
    runs = [
        tuple(words[i : i + n])
        for words in map(normalised_words, texts)
        for i in range(len(words) - n + 1)
    ]
    assert found.offsets[-1] == len(runs)
    assert len(np.unique(found.hashes)) == len({*runs})
    by_run: dict[tuple[str, ...], int] = {}
    for run, value in zip(runs, found.hashes.tolist(), strict=True):
        assert by_run.setdefault(run, value) == value
