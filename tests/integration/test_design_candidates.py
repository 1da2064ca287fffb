"""Candidates of a design: read from a scored corpus, ranked and cut as selection does it."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from scored_corpus import Written, documents, score, write_corpus

from dataselect.corpus import find_corpus
from dataselect.errors import DataselectError
from dataselect.scores import open_scores
from dataselect.scores.run import score_corpus
from dataselect.selection import Settings, aggregate, budget_of, run_selection, signatures
from dataselect.selection.copies import held_signatures
from dataselect.selection.weights import ColumnWeight, Weights
from dataselect.weighting.columns import REVERSED, default_columns, score_columns
from dataselect.weighting.pool import open_pool, save_pool
from dataselect.weighting.reading import PoolSettings, read_pool

NAMES = ("good", "noise")
SMALL = PoolSettings(vocabulary=300, validation_tokens=200)


@pytest.fixture(name="corpus")
def _corpus(tmp_path: Path) -> tuple[list[str], str, list[dict[str, object]]]:
    rows = documents(90)
    rows[10]["text"] = rows[40]["text"]
    rows[20]["text"] = ""
    paths = write_corpus(tmp_path / "corpus", rows)
    return paths, score(paths, tmp_path / "scores"), rows


def held(rows: list[dict[str, object]]) -> dict[str, list[str]]:
    return {"a": [str(rows[5]["text"]), "words of their own"], "b": [str(rows[-20]["text"])]}


def test_candidates_are_what_is_not_held_out(corpus: tuple, tmp_path: Path) -> None:
    paths, scores, rows = corpus
    folder = open_scores(scores)
    columns = score_columns(folder, NAMES, missing="worst")
    pool, tokenizer = read_pool(find_corpus(paths), folder, columns, held(rows), SMALL)
    gone = set(range(90)) - set(pool.documents.tolist())
    assert gone == {5, 70, 20, 40}
    assert sum(pool.left_out.values()) == 4
    assert pool.left_out["exact duplicate"] == pool.left_out["empty"] == 1
    at = pool.documents.tolist().index(10)
    start, end = pool.data.candidates.offsets[at : at + 2]
    assert (
        tokenizer.decode(pool.data.candidates.tokens[start : end - 1].tolist())
        == (rows[10]["text"])
    )
    assert set(pool.data.validation) == {"a", "b"}
    save_pool(pool, tmp_path)
    again = open_pool(tmp_path)
    np.testing.assert_array_equal(again.scores, pool.scores)
    np.testing.assert_array_equal(again.data.candidates.tokens, pool.data.candidates.tokens)
    assert again.columns == pool.columns
    assert again.left_out == pool.left_out


@pytest.mark.parametrize("transform", ["rank", "minmax", "zscore"])
def test_weighed_scores_are_those_of_selection(corpus: tuple, transform: str) -> None:
    paths, scores, rows = corpus
    folder = open_scores(scores)
    columns = score_columns(folder, NAMES, transform=transform, missing="mean")  # type: ignore[arg-type]
    pool, _ = read_pool(find_corpus(paths), folder, columns, held(rows), SMALL)
    weights = np.array([0.7, 0.3])
    table = pl.concat([pl.from_arrow(folder.part(i)) for i in range(len(folder.parts))])
    raw = {name: table[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in NAMES}
    expected = aggregate(raw, pool.weights(weights))[pool.documents]
    np.testing.assert_array_equal(pool.weighed(weights), expected)
    order = np.argsort(-expected, kind="stable")
    lengths = pool.data.candidates.lengths
    inside = np.cumsum(lengths[order]) <= 500
    np.testing.assert_array_equal(pool.select(weights, 500), np.sort(order[inside]))
    with pytest.raises(DataselectError, match="holds no document"):
        pool.select(weights, 1)


def test_a_score_can_be_searched_both_ways(corpus: tuple) -> None:
    paths, scores, rows = corpus
    folder = open_scores(scores)
    columns = score_columns(folder, NAMES, both_ways="all")
    assert columns.names == (*NAMES, f"{REVERSED}good", f"{REVERSED}noise")
    pool, _ = read_pool(find_corpus(paths), folder, columns, held(rows), SMALL)
    np.testing.assert_allclose(pool.scores[2], 1 - pool.scores[0])
    weights = np.array([0.1, 0.2, 0.6, 0.1])
    net = pool.weights(weights)
    assert {name: own.weight for name, own in net.columns.items()} == pytest.approx(
        {"good": 0.5, "noise": 0.1}
    )
    assert net.columns["good"].orientation == -columns.columns["good"].orientation
    full = weights @ pool.scores  # but for a constant
    np.testing.assert_allclose(np.diff(full), np.diff(pool.weighed(weights)), atol=1e-12)
    assert score_columns(folder, ("good", "tokens_estimate")).undirected == ("tokens_estimate",)
    twice = score_columns(folder, ("good", "tokens_estimate"), both_ways="undirected")
    assert twice.names == ("good", "tokens_estimate", f"{REVERSED}tokens_estimate")
    assert default_columns(folder) == ("good", "noise")


def test_a_sample_of_the_corpus_does_not_depend_on_how_it_is_cut(tmp_path: Path) -> None:
    rows = documents(60)
    paths = write_corpus(tmp_path / "corpus", rows)
    found = []
    for part_bytes in (1_000, 10**7):
        folder = open_scores(score(paths, tmp_path / str(part_bytes), part_bytes=part_bytes))
        columns = score_columns(folder, NAMES)
        settings = PoolSettings(documents=30, vocabulary=300, validation_tokens=200)
        pool, _ = read_pool(find_corpus(paths), folder, columns, held(rows), settings)
        assert pool.left_out["not drawn"] == 30
        found.append(pool)
    np.testing.assert_array_equal(found[0].documents, found[1].documents)
    np.testing.assert_array_equal(found[0].data.candidates.tokens, found[1].data.candidates.tokens)


def test_a_corpus_that_has_changed_is_refused(corpus: tuple) -> None:
    paths, scores, rows = corpus
    folder = open_scores(scores)
    text = Path(paths[0]).read_text()
    Path(paths[0]).write_text(text.replace("w", "v"))
    with pytest.raises(DataselectError, match="has changed since it was scored"):
        read_pool(find_corpus(paths), folder, score_columns(folder, NAMES), held(rows), SMALL)


def test_near_copies_are_found_whatever_their_length() -> None:
    texts = ["one two three", "a " + " ".join(f"w{i}" for i in range(60))]
    apart = held_signatures(texts)
    others = ["One, two three!", texts[1] + " more", "four five six", "", "one two three four"]
    found = apart.copied(signatures(pa.array(others)))
    assert found.tolist() == [0, 1, -1, -1, -1]
    assert apart.copied(signatures(pa.array([], pa.string()))).tolist() == []


def test_select_keeps_short_copies_out_where_asked(tmp_path: Path) -> None:
    rows = [{"text": f"{i} 0 short text {i}"} for i in range(6)]
    (tmp_path / "c.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    long = " ".join(f"word{i}" for i in range(20))
    (tmp_path / "held.jsonl").write_text(
        json.dumps({"text": "5 0 short text 5"}) + "\n" + json.dumps({"text": long}) + "\n"
    )
    score_corpus([str(tmp_path / "c.jsonl")], str(tmp_path / "scores"), [Written()], workers=1)
    weights = Weights({"good": ColumnWeight(1.0)})
    for copies, most in ((False, 5), (True, 4)):
        settings = Settings(
            weights=weights,
            budget=budget_of(docs="1"),
            exclude=(tmp_path / "held.jsonl",),
            exclude_copies=copies,
        )
        out = tmp_path / f"out-{copies}"
        run_selection([str(tmp_path / "c.jsonl")], str(tmp_path / "scores"), out, settings)
        assert pl.read_parquet(out / "selection.parquet")["row"].to_list() == [most]
    gone = pl.read_parquet(tmp_path / "out-True" / "left_out.parquet")
    assert gone["row"].to_list() == [5]
    assert gone["shared_runs"].to_list() == [0]
