"""Duplicates and contamination, against brute force over sets."""

from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from dataselect.errors import DataselectError
from dataselect.selection.contamination import find_hits, ngrams_of, shared_run
from dataselect.selection.duplicates import (
    banding,
    content_hashes,
    exact_duplicates,
    near_duplicates,
    signatures,
)
from dataselect.selection.words import normalised_words

NAN = float("nan")


def words(seed: int, count: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("abcdefgh"), 6)) for _ in range(count)]


def test_the_best_of_each_content_stays_and_of_equals_the_first() -> None:
    texts = pa.array(["x", "y", "x", "x", "y", "z", "x"])
    scores = np.array([1.0, 5.0, 3.0, 3.0, 5.0, 0.0, NAN])
    for slice_rows in (1, 2, 100):
        found = exact_duplicates(content_hashes(texts), scores, slice_rows=slice_rows)
        assert found.documents.tolist() == [0, 3, 4]
        assert found.of.tolist() == [2, 2, 1]


def test_a_document_without_a_score_displaces_nothing() -> None:
    found = exact_duplicates(content_hashes(pa.array(["x", "x"])), np.array([NAN, 1.0]))
    assert not len(found.documents)


def test_content_is_bytes_to_the_last() -> None:
    texts = pa.array(["a", "a ", "A", "", None, "é", "e\u0301"], pa.large_string())
    hashes = content_hashes(texts)
    assert len(np.unique(hashes, axis=0)) == 6  # a null is as an empty text
    assert (content_hashes(texts.slice(2)) == hashes[2:]).all()


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9, 1.0])
def test_bands_find_what_is_asked(threshold: float) -> None:
    cut = banding(threshold)
    assert cut.bands * cut.rows <= 128
    assert 1 - (1 - threshold**cut.rows) ** cut.bands >= 0.995
    longer = cut.rows + 1
    if longer <= 128:
        assert 1 - (1 - threshold**longer) ** (128 // longer) < 0.995


@cache
def shingles(text: str) -> set[tuple[str, ...]]:
    own = normalised_words(text)
    return {tuple(own[i : i + 5]) for i in range(len(own) - 4)} or {tuple(own)}


def jaccard(a: str, b: str) -> float:
    return len(shingles(a) & shingles(b)) / len(shingles(a) | shingles(b))


def corpus() -> list[str]:
    """Families of texts with from one to sixty words changed, and strangers."""
    texts = []
    for family in range(12):
        base = words(family, 300)
        for changed in (0, 1, 3, 8, 60):
            own = list(base)
            for at in range(changed):
                own[at * 5] = f"other{at}"
            texts.append(" ".join(own))
    return [*texts, *(" ".join(words(1000 + i, 200)) for i in range(40))]


def test_signatures_estimate_the_similarity_of_sets() -> None:
    texts = corpus()
    own = signatures(pa.array(texts))
    errors = [
        (own[i] == own[i + k]).mean() - jaccard(texts[i], texts[i + k])
        for i in range(0, 60, 5)
        for k in range(1, 5)
    ]
    assert abs(np.mean(errors)) < 0.02
    assert np.abs(errors).max() < 4 * 0.5 / np.sqrt(128)


def test_near_duplicates_leave_no_similar_pair_and_name_the_one_that_stays() -> None:
    texts = corpus()
    scores = np.random.default_rng(3).normal(size=len(texts))
    own = signatures(pa.array(texts))
    for slice_rows in (7, 1 << 24):
        found = near_duplicates(own, scores, threshold=0.8, slice_rows=slice_rows)
        gone = set(found.documents.tolist())
        assert not gone & set(found.of.tolist())
        for document, of, similarity in zip(
            found.documents.tolist(), found.of.tolist(), found.similarity.tolist(), strict=True
        ):
            assert scores[of] > scores[document]
            assert similarity == (own[document] == own[of]).mean() >= 0.8
            assert jaccard(texts[document], texts[of]) > 0.65
        stay = [i for i in range(len(texts)) if i not in gone]
        for i in stay:
            for j in stay:
                assert i == j or jaccard(texts[i], texts[j]) < 0.9
        assert all(i in stay for i in range(60, 100))


def test_exact_duplicates_are_near_duplicates_whatever_they_hold() -> None:
    texts = pa.array(["", "", "!?", "!?", "one two", "One, two!", "\u4f60\u597d", "\u4f60\u597d"])
    scores = np.zeros(8)
    found = near_duplicates(signatures(texts), scores)
    assert found.documents.tolist() == [1, 3, 5, 7]
    assert found.of.tolist() == [0, 2, 4, 6]
    assert (found.similarity == 1).all()


def test_many_copies_of_a_template_do_not_make_every_pair() -> None:
    texts = pa.array([" ".join(words(1, 50))] * 3000)
    found = near_duplicates(signatures(texts), np.arange(3000.0))
    assert found.documents.tolist() == list(range(2999))
    assert (found.of == 2999).all()


def brute_hits(texts: list[str], evaluation: list[str], n: int) -> list[tuple[int, int, int]]:
    owner: dict[tuple[str, ...], int] = {}
    for e, text in enumerate(evaluation):
        own = normalised_words(text)
        for i in range(len(own) - n + 1):
            owner.setdefault(tuple(own[i : i + n]), e)
    found = []
    for t, text in enumerate(texts):
        own = normalised_words(text)
        shared = [
            owner[run] for i in range(len(own) - n + 1) if (run := tuple(own[i : i + n])) in owner
        ]
        if shared:
            found.append((t, shared[0], len(shared)))
    return found


def test_contamination_is_found_exactly() -> None:
    rng = np.random.default_rng(5)
    vocabulary = words(9, 6)
    texts = [" ".join(rng.choice(vocabulary, int(rng.integers(0, 60)))) for _ in range(300)]
    evaluation = [" ".join(rng.choice(vocabulary, 12)) for _ in range(40)]
    evaluation += [t.upper().replace(" ", ", ") for t in texts[5:200:30]]
    for n in (1, 5, 7):
        ngrams = ngrams_of(evaluation, n)
        found = find_hits(pa.array(texts), ngrams)
        rows = zip(
            found.documents.tolist(), found.evaluation.tolist(), found.runs.tolist(), strict=True
        )
        expected = brute_hits(texts, evaluation, n)
        assert list(rows) == expected
        assert expected
        for document, of, at in zip(found.documents, found.evaluation, found.at, strict=True):
            run = shared_run(texts[document], int(at), n)
            assert f" {run} " in f" {' '.join(normalised_words(evaluation[of]))} "


def test_case_and_punctuation_hide_nothing() -> None:
    evaluation = "The quick brown fox doesn't jump over the lazy dog on any Sunday morning."
    ngrams = ngrams_of([evaluation, "too short"])
    assert ngrams.short == 1
    hidden = (
        "so: THE QUICK -- brown\u00a0fox \u201cdoesn\u2019t\u201d jump\nover the lazy dog, "
        "on any sunday, morning!"
    )
    found = find_hits(pa.array(["nothing", hidden, None]), ngrams)
    assert found.documents.tolist() == [1]
    assert shared_run(hidden, int(found.at[0]), 13).startswith("the quick brown fox doesnt")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't STOP!", ["dont", "stop"]),
        ("a\u2014b c_d $5", ["ab", "cd", "5"]),
        ("\u4f60\u597d world\uff01", ["\u4f60", "\u597d", "world"]),
        ("a\u4f60b", ["a", "\u4f60", "b"]),
        ("\u0391\u0392 \u0130x", ["\u03b1\u03b2", "ix"]),
        ("\x00\u200b\ufeff . \u00a0\u2028", []),
        ("\U0001f600 ok", ["\U0001f600", "ok"]),
    ],
)
def test_words_as_they_are_compared(text: str, expected: list[str]) -> None:
    assert normalised_words(text) == expected


def test_evaluation_sets_without_enough_words() -> None:
    with pytest.raises(DataselectError, match="has 13 words"):
        ngrams_of(["what is it", "yes"])
    with pytest.raises(DataselectError, match="runs of 0 words"):
        ngrams_of(["what"], 0)
