"""dataselect select on a small scored corpus, against plain Python."""

import json
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from scored_corpus import documents, good, ranked, read_documents, score, write_corpus

from dataselect.errors import DataselectError
from dataselect.scores import open_scores
from dataselect.selection.budget import Budget, quotas_of
from dataselect.selection.noise import gumbel
from dataselect.selection.run import run_selection
from dataselect.selection.settings import Settings
from dataselect.selection.weights import weights_from_json

Outcome = tuple[int, str, str]


def within(rows: list[dict[str, Any]], tokens: int) -> list[dict[str, Any]]:
    """The longest beginning within a budget."""
    taken = []
    for row in rows:
        tokens -= len(row["text"].split())
        if tokens < 0:
            break
        taken.append(row)
    return taken


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: int(row["id"][1:]))


def same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert [row["id"] for row in found] == [row["id"] for row in in_order(expected)]
    assert [row["text"] for row in found] == [row["text"] for row in in_order(expected)]


TOKENS = Budget("tokens", Fraction(1500))


def test_a_token_budget_takes_the_longest_beginning_of_the_ranking(
    scored: tuple[Any, ...], tmp_path: Path
) -> None:
    rows, corpus, scores = scored
    found = run_selection(corpus, scores, tmp_path / "out", Settings(by="good", budget=TOKENS))
    expected = within(ranked(rows), 1500)
    same(read_documents(tmp_path / "out"), expected)
    assert found["documents"] == len(expected)
    assert found["tokens"]["selected"] == sum(len(r["text"].split()) for r in expected)
    assert found["tokens"]["estimate"]
    following = ranked(rows)[len(expected)]
    assert found["budget"]["next"] == len(following["text"].split())
    missing = sum(good(r) is None for r in rows)
    assert missing
    assert found["missing"] == {"good": {"documents": missing, "rule": "drop"}}
    assert found["left_out"] == {"no score": missing}
    table = pq.read_table(tmp_path / "out" / "selection.parquet").to_pylist()
    assert [row["id"] for row in table] == [row["id"] for row in in_order(expected)]
    assert [row["score"] for row in table] == [good(row) for row in in_order(expected)]
    left = pq.read_table(tmp_path / "out" / "left_out.parquet").to_pylist()
    assert [row["id"] for row in left] == [r["id"] for r in rows if good(r) is None]
    by_domain = Counter(row["domain"] for row in expected)
    assert {d["domain"]: d["documents"] for d in found["domains"]} == by_domain
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["counts"]["taken"] == 300
    assert manifest["counts"]["given"] + sum(manifest["counts"]["rejected"].values()) == 300
    assert not (tmp_path / "out" / ".work").exists()


def test_other_columns_and_spelling_come_through(scored: tuple[Any, ...], tmp_path: Path) -> None:
    rows, corpus, scores = scored
    run_selection(corpus, scores, tmp_path / "out", Settings(by="good", threshold=-1e9))
    kept = [row for row in rows if good(row) is not None]
    lines = (tmp_path / "out" / "documents" / "a.jsonl").read_text().splitlines()
    original = Path(corpus[0]).read_text().splitlines()
    assert lines == [line for line in original if good(json.loads(line)) is not None]
    assert read_documents(tmp_path / "out") == kept


@pytest.mark.parametrize("prefer", [None, "high"])
def test_less_is_better_where_the_column_says_so(
    scored: tuple[Any, ...], tmp_path: Path, prefer: Any
) -> None:
    rows, corpus, scores = scored
    budget = Budget("fraction", Fraction("0.1"))
    settings = Settings(by="noise", budget=budget, prefer=prefer, threshold=0.5)
    run_selection(corpus, scores, tmp_path / "out", settings)
    noise = {row["id"]: float(row["text"].split()[1]) for row in rows}
    sign = 1 if prefer is None else -1
    kept = [row for row in rows if sign * noise[row["id"]] <= sign * 0.5]
    expected = sorted(kept, key=lambda row: sign * noise[row["id"]])[:30]
    same(read_documents(tmp_path / "out"), expected)


def test_a_weighted_sum(scored: tuple[Any, ...], tmp_path: Path) -> None:
    rows, corpus, scores = scored
    weights = weights_from_json(
        {
            "columns": {
                "good": {"weight": 2, "transform": "minmax", "missing": "worst"},
                "noise": {"weight": 1, "transform": "minmax"},
            }
        }
    )
    settings = Settings(weights=weights, budget=Budget("docs", Fraction(40)))
    found = run_selection(corpus, scores, tmp_path / "out", settings)
    values = [good(row) for row in rows]
    low, high = (f(v for v in values if v is not None) for f in (min, max))
    sums = {
        row["id"]: 2 * ((good(row) or low) - low if good(row) is not None else 0) / (high - low)
        + 1 - float(row["text"].split()[1])
        for row in rows
    }  # fmt: skip
    expected = sorted(rows, key=lambda row: -round(sums[row["id"]], 12))[:40]
    same(read_documents(tmp_path / "out"), expected)
    assert found["missing"]["good"]["rule"] == "worst"
    assert "no score" not in found["left_out"]


def test_a_sample_is_the_order_of_scores_with_noise(
    scored: tuple[Any, ...], tmp_path: Path
) -> None:
    rows, corpus, scores = scored
    settings = Settings(by="good", budget=TOKENS, temperature=1.5, seed=9)
    run_selection(corpus, scores, tmp_path / "out", settings)
    values = np.array([np.nan if good(row) is None else good(row) for row in rows], dtype=float)
    noise = np.concatenate([gumbel(9, source, np.arange(100)) for source in range(3)])
    keys = (values - np.nanmean(values)) / np.nanstd(values) / 1.5 + noise
    order = [rows[i] for i in np.argsort(-keys) if not np.isnan(keys[i])]
    same(read_documents(tmp_path / "out"), within(order, 1500))


def test_quotas_share_the_budget_and_say_what_is_unmet(
    scored: tuple[Any, ...], tmp_path: Path
) -> None:
    rows, corpus, scores = scored
    quotas = quotas_of(["web=0.25", "wiki=0.7"], "domain")
    settings = Settings(by="good", budget=Budget("docs", Fraction(200)), quotas=quotas)
    found = run_selection(corpus, scores, tmp_path / "out", settings)
    expected = []
    sizes = {"web": 50, "wiki": 140, None: 10}
    for group, size in sizes.items():
        own = [r for r in ranked(rows) if (r["domain"] if r["domain"] in sizes else None) == group]
        expected += own[:size]
    same(read_documents(tmp_path / "out"), expected)
    assert [q["unmet"] for q in found["quotas"]] == [False, True, False]
    assert [q["budget"] for q in found["quotas"]] == [50, 140, 10]


@pytest.fixture
def doubled(tmp_path: Path) -> tuple[list[dict[str, Any]], list[str], str]:
    """A corpus in which texts come twice and thrice, some with one word changed."""
    rows = documents(60, seed=4)
    for i, row in enumerate(rows):
        row["text"] += " " + " ".join(f"x{(i % 30) * 100 + k}" for k in range(120))
    for i in range(0, 20, 2):
        rows[i + 30]["text"] = rows[i]["text"]
        if i % 4:
            rows[i + 30]["text"] = rows[i + 30]["text"].replace(" x", " y", 1)
    corpus = write_corpus(tmp_path / "corpus", rows)
    return rows, corpus, score(corpus, tmp_path / "scores")


def test_exact_duplicates_are_dropped_before_the_budget(
    doubled: tuple[Any, ...], tmp_path: Path
) -> None:
    rows, corpus, scores = doubled
    settings = Settings(by="good", budget=Budget("docs", Fraction(25)), duplicates="exact")
    found = run_selection(corpus, scores, tmp_path / "out", settings)
    seen: set[str] = set()
    unique = [r for r in rows if not (r["text"] in seen or seen.add(r["text"]))]  # type: ignore[func-returns-value]
    same(read_documents(tmp_path / "out"), ranked(unique)[:25])
    dropped = [r for r in rows if r not in unique and good(r) is not None]
    assert found["left_out"]["exact duplicate"] == len(dropped) > 0
    left = pq.read_table(tmp_path / "out" / "left_out.parquet").to_pylist()
    for row in (row for row in left if row["reason"] == "exact duplicate"):
        text = next(r["text"] for r in rows if r["id"] == row["id"])
        first = next(i for i, r in enumerate(rows) if r["text"] == text)
        assert (row["of_source"], row["of_row"]) == (corpus[first // 20], first % 20)
        assert row["similarity"] == 1


def test_near_duplicates_and_contamination(doubled: tuple[Any, ...], tmp_path: Path) -> None:
    rows, corpus, scores = doubled
    evaluation = tmp_path / "evaluation.jsonl"
    quoted = rows[5]["text"].split()[10:30]
    texts = ["short one", " ".join(quoted).upper() + "!"]
    evaluation.write_text(
        "".join(json.dumps({"question": t, "id": f"q{i}"}) + "\n" for i, t in enumerate(texts))
    )
    settings = Settings(
        by="good",
        budget=Budget("fraction", Fraction(1)),
        duplicates="near",
        similarity=0.7,
        exclude=(evaluation,),
    )
    run_selection(
        corpus, scores, tmp_path / "out", settings, evaluation_field="question", workers=2
    )
    left = pq.read_table(tmp_path / "out" / "left_out.parquet").to_pylist()
    shared = [row for row in left if row["evaluation"]]
    assert [row["id"] for row in shared] == ["d5"]
    assert shared[0]["evaluation"] == f"{evaluation}:q1"
    assert shared[0]["shared"] == " ".join(quoted[:13])
    assert shared[0]["shared_runs"] == 8
    near = {row["id"]: row for row in left if row["reason"] == "near duplicate"}
    twins = {f"d{i + 30}" for i in range(0, 20, 2) if good(rows[i]) is not None}
    assert twins <= set(near) | {f"d{i}" for i in range(60)}
    for i in range(0, 20, 2):
        if good(rows[i]) is not None:
            assert f"d{i + 30}" in near or f"d{i}" in near
    kept = {row["id"] for row in read_documents(tmp_path / "out")}
    assert not kept & set(near)


def outputs(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }


SETTINGS = Settings(by="good", budget=TOKENS, temperature=0.5, seed=3, duplicates="near")


def test_interrupted_anywhere_it_ends_with_the_same_bytes(
    scored: tuple[Any, ...], tmp_path: Path
) -> None:
    _, corpus, scores = scored
    run_selection(corpus, scores, tmp_path / "whole", SETTINGS)
    whole = outputs(tmp_path / "whole")

    class Killed(Exception):
        pass

    for step, at in [
        ("ranking", 2),
        ("reading texts", 3),
        ("reading texts", 9),
        ("selecting", 4),
        ("writing files", 2),
    ]:

        def kill(now: str, done: int, total: int, step: str = step, at: int = at) -> None:
            if (now, done) == (step, at):
                raise Killed

        with pytest.raises(Killed):
            run_selection(corpus, scores, tmp_path / "cut", SETTINGS, on_part=kill)
    other = Settings(by="good", budget=TOKENS)
    with pytest.raises(DataselectError, match="begun with other settings"):
        run_selection(corpus, scores, tmp_path / "cut", other)
    again: list[str] = []
    run_selection(
        corpus, scores, tmp_path / "cut", SETTINGS, on_part=lambda *now: again.append(now[0])
    )
    assert "reading texts" not in again  # what was read is not read again
    assert outputs(tmp_path / "cut") == whole


def test_neither_workers_nor_the_size_of_parts_change_the_selection(
    scored: tuple[Any, ...], tmp_path: Path
) -> None:
    _, corpus, scores = scored
    run_selection(corpus, scores, tmp_path / "one", SETTINGS, workers=1)
    run_selection(corpus, scores, tmp_path / "three", SETTINGS, workers=3)
    assert outputs(tmp_path / "one") == outputs(tmp_path / "three")
    other = score(corpus, tmp_path / "other", part_bytes=1_000_000)
    run_selection(corpus, other, tmp_path / "large", SETTINGS)
    assert read_documents(tmp_path / "large") == read_documents(tmp_path / "one")


def test_a_budget_that_holds_everything(
    scored: tuple[Any, ...], tmp_path: Path, dataselect: Callable[..., Outcome]
) -> None:
    _, corpus, scores = scored
    code, out, _ = dataselect(
        "select",
        *corpus,
        "--scores",
        scores,
        "--by",
        "good",
        "--tokens",
        "1B",
        "--out",
        tmp_path / "o",
    )
    assert code == 0
    assert "holds all candidates, every one of which is selected" in out
    assert "estimated tokens (tokens_estimate)" in out
    assert "documents have no good: they cannot be selected" in out


def test_json_is_one_object(
    scored: tuple[Any, ...], tmp_path: Path, dataselect: Callable[..., Outcome]
) -> None:
    _, _, scores = scored
    code, out, err = dataselect(
        "select",
        "--scores",
        scores,
        "--by",
        "good",
        "--docs",
        "7",
        "--out",
        tmp_path / "o",
        "--json",
    )
    assert (code, err) == (0, "")
    assert json.loads(out)["documents"] == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--by", "god", "--docs", "1"], "did you mean good?"),
        (["--docs", "1"], "there is nothing to rank by"),
        (["--by", "good"], "neither a budget nor a threshold"),
        (["--by", "good", "--docs", "1", "--tokens", "1"], "2 budgets"),
        (["--by", "good", "--tokens", "many"], "--tokens is 'many'"),
        (["--by", "good", "--docs", "1", "--temperature", "-1"], "the temperature is -1"),
        (["--by", "good", "--docs", "1", "--quota", "web=2"], "from 0 to 1"),
        (["--by", "good", "--docs", "1", "--quota", "wed=0.5"], "did you mean web?"),
        (["--by", "good", "--docs", "1", "--quota-by", "id", "--quota", "a=1"], "quotas by 'id'"),
        (["--by", "good", "--tokens", "1", "--token-column", "tokens"], "no column 'tokens'"),
        (["--by", "good", "--docs", "1", "--exclude", "nothing.jsonl"], "nothing.jsonl"),
        (["--weights", "none.json", "--docs", "1"], "none.json cannot be read"),
    ],
)
def test_wrong_input(
    scored: tuple[Any, ...],
    tmp_path: Path,
    dataselect: Callable[..., Outcome],
    arguments: list[str],
    said: str,
) -> None:
    _, corpus, scores = scored
    code, out, err = dataselect(
        "select", *corpus, "--scores", scores, *arguments, "--out", tmp_path / "o"
    )
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
    assert not (tmp_path / "o" / "selection.parquet").exists()


def test_weights_for_columns_that_are_not_there(
    scored: tuple[Any, ...], tmp_path: Path, dataselect: Callable[..., Outcome]
) -> None:
    weights = tmp_path / "w.json"
    weights.write_text('{"columns": {"goood": 1, "noise": 1}}')
    code, _, err = dataselect(
        "select",
        "--scores",
        scored[2],
        "--weights",
        weights,
        "--docs",
        "1",
        "--out",
        tmp_path / "o",
    )
    assert code == 2
    assert "has no column 'goood'" in err
    assert "did you mean good?" in err


@pytest.mark.parametrize("how", ["size", "content"])
def test_a_corpus_that_has_changed(tmp_path: Path, how: str) -> None:
    corpus = write_corpus(tmp_path / "corpus", documents(30))
    scores = score(corpus, tmp_path / "scores")
    path = Path(corpus[1])
    text = path.read_text()
    path.write_text(text + "\n" if how == "size" else text.replace("w", "v"))
    for duplicates in (None, "exact"):
        settings = Settings(by="good", threshold=-1.0, duplicates=duplicates)  # type: ignore[arg-type]
        with pytest.raises(DataselectError, match=r"b\.jsonl has"):
            run_selection(corpus, scores, tmp_path / "out", settings, overwrite=True)
        assert not (tmp_path / "out" / "documents" / "b.jsonl").exists()


def test_no_token_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scored: tuple[Any, ...]
) -> None:
    from dataselect.scores.folder import ScoreFolder

    columns = open_scores(scored[2]).columns[:2]
    monkeypatch.setattr(ScoreFolder, "columns", columns)
    with pytest.raises(DataselectError, match="no column of token counts"):
        run_selection([], scored[2], tmp_path / "out", Settings(by="good", budget=TOKENS))


def test_an_existing_selection_is_not_replaced_unasked(
    scored: tuple[Any, ...], tmp_path: Path, dataselect: Callable[..., Outcome]
) -> None:
    call = ["select", "--scores", scored[2], "--by", "good", "--out", tmp_path / "o"]
    assert dataselect(*call, "--docs", "9")[0] == 0
    code, _, err = dataselect(*call, "--docs", "3")
    assert code == 2
    assert "--overwrite" in err
    assert dataselect(*call, "--docs", "3", "--overwrite")[0] == 0
    assert len(read_documents(tmp_path / "o")) == 3
