"""Evaluation sets are kept out, or it is said what of them is not."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scored_corpus import documents, score, write_corpus

from dataselect.errors import DataselectError
from dataselect.selection.budget import Budget
from dataselect.selection.run import run_selection
from dataselect.selection.settings import Settings

Outcome = tuple[int, str, str]
ALL = Budget("fraction", Fraction(1))
LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


@pytest.fixture(scope="module")
def quoting(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], str]:
    """A corpus of which d3, d10 and d40 quote questions: 14, 6 and 2 words."""
    folder = tmp_path_factory.mktemp("quoting")
    rows = documents(60, seed=8)
    quoted = {3: LONG, 10: "What IS the capital of Andorra?", 40: "so yes: indeed it is"}
    for row in rows:
        row["text"] = "1 0.5 " + row["text"].split(" ", 2)[2]
    for at, words in quoted.items():
        rows[at]["text"] += f" {words} end"
    corpus = write_corpus(folder / "corpus", rows)
    return corpus, score(corpus, folder / "scores")


def questions(path: Path, *texts: str, broken: int = 0) -> Path:
    lines = [json.dumps({"text": text, "id": f"q{i}"}) for i, text in enumerate(texts)]
    path.write_text("\n".join([*lines, *['{"text": "cut'] * broken]) + "\n")
    return path


def left_out(out: Path) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in pq.read_table(out / "left_out.parquet").to_pylist()}


SHORT = ("what is the capital of andorra", "Yes, indeed!")


def test_short_documents_are_found_as_a_whole_where_that_is_asked(
    quoting: tuple[list[str], str], tmp_path: Path
) -> None:
    corpus, scores = quoting
    asked = questions(tmp_path / "q.jsonl", LONG, *SHORT)
    expected = {None: {"d3"}, 3: {"d3", "d10"}, 2: {"d3", "d10", "d40"}}
    for least, found in expected.items():
        out = tmp_path / f"out{least}"
        settings = Settings(by="good", budget=ALL, exclude=(asked,), exclude_short=least)
        result = run_selection(corpus, scores, out, settings)
        assert left_out(out).keys() == found
        files = result["evaluation"]["files"]
        assert files == [
            {
                "file": str(asked),
                "documents": 3,
                "not_read": {},
                "short": 2,
                "short_looked_for": len(found) - 1,
            }
        ]
        assert json.loads((out / "manifest.json").read_text())["evaluation"]["files"] == files
    row = left_out(tmp_path / "out2")["d10"]
    assert row["evaluation"] == f"{asked}:q1"
    assert (row["shared"], row["shared_runs"]) == (SHORT[0], 1)


def test_rows_not_read_and_short_documents_are_said(
    quoting: tuple[list[str], str], tmp_path: Path, dataselect: Callable[..., Outcome]
) -> None:
    asked = questions(tmp_path / "q.jsonl", LONG, *SHORT, broken=4)
    call = ["select", "--scores", quoting[1], "--by", "good", "--fraction", 1, "--exclude", asked]
    code, out, err = dataselect(*call, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    said = f"evaluation set {asked}: 3 documents; 4 rows NOT read (malformed_json 4); 2 of fewer"
    assert f"{said} than 13 words NOT looked for" in out
    _, out, _ = dataselect(*call, "--exclude-short", 3, "--out", tmp_path / "short")
    assert "1 of 3 to 12 words looked for as a whole; 1 of fewer than 3 words NOT" in out
    _, out, _ = dataselect(*call, "--exclude-copies", "--out", tmp_path / "copies")
    assert "2 of fewer than 13 words as near copies only" in out
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(asked.read_bytes())[:-9])
    _, out, _ = dataselect(*call[:-1], cut, "--out", tmp_path / "cut")
    assert f"evaluation set {cut}: " in out
    assert "; damaged or cut off, the rest is NOT read" in out


@pytest.mark.parametrize("content", ["", "\n\n", '{"question": "no text"}\n', "{broken\n" * 3])
def test_a_set_of_which_nothing_can_be_read_is_refused(
    quoting: tuple[list[str], str], tmp_path: Path, content: str
) -> None:
    good, empty = questions(tmp_path / "good.jsonl", LONG), tmp_path / "empty.jsonl"
    empty.write_text(content)
    for sets in ((empty,), (good, empty)):
        settings = Settings(by="good", budget=ALL, exclude=sets)
        with pytest.raises(DataselectError, match=r"empty\.jsonl: no document in"):
            run_selection(*quoting, tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


def test_the_field_of_a_table_is_named_by_its_own_option(
    quoting: tuple[list[str], str], tmp_path: Path
) -> None:
    pq.write_table(pa.table({"question": [LONG]}), tmp_path / "q.parquet")
    settings = Settings(by="good", budget=ALL, exclude=(tmp_path / "q.parquet",))
    with pytest.raises(DataselectError, match="--exclude-field names it"):
        run_selection(*quoting, tmp_path / "out", settings)
    found = run_selection(*quoting, tmp_path / "out", settings, evaluation_field="question")
    assert found["left_out"] == {"shares words with an evaluation set": 1}


def test_a_set_of_which_nothing_could_be_found_is_refused(
    quoting: tuple[list[str], str], tmp_path: Path
) -> None:
    good, short = questions(tmp_path / "good.jsonl", LONG), questions(tmp_path / "s.jsonl", *SHORT)

    def run(out: str, **asked: Any) -> dict[str, Any]:
        settings = Settings(by="good", budget=ALL, exclude=(good, short), **asked)
        return run_selection(*quoting, tmp_path / out, settings)

    with pytest.raises(DataselectError, match=r"s\.jsonl: no evaluation .* longest has 6") as why:
        run("none")
    assert "--exclude-short 3" in str(why.value)
    with pytest.raises(DataselectError, match="has 7 words"):
        run("none", exclude_short=7)
    assert run("short", exclude_short=6)["left_out"] == {"shares words with an evaluation set": 2}
    assert run("copies", exclude_copies=True)["left_out"].keys() == {
        "shares words with an evaluation set"
    }


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"exclude_short": 13}, "1 to 12"),
        ({"exclude_short": 0}, "1 to 12"),
        ({"ngram": 65}, "runs of 65 words"),
        ({"exclude": (), "exclude_short": 3}, "no evaluation set"),
        ({"exclude": (), "exclude_copies": True}, "no evaluation set"),
    ],
)
def test_settings_that_cannot_be(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(DataselectError, match=said):
        Settings(**({"by": "good", "budget": ALL, "exclude": (Path("e.jsonl"),)} | asked))
