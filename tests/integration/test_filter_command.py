"""dataselect filter, as a user runs it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
RECIPE = """
name = "mine"
missing = "pass"
[[rule]]
signal = "rps_doc_word_count"
min = 5
max = 30
"""


@pytest.fixture
def corpus(here: Path) -> Path:
    (here / "mine.toml").write_text(RECIPE)
    lines = [json.dumps({"text": "word " * i + ".", "n": i}) for i in range(40)]
    (here / "a.jsonl").write_text("\n".join([*lines, "{"]))
    return here


def test_a_recipe_of_ones_own_from_the_command_line(corpus: Path, dataselect: Command) -> None:
    asked = ("filter", "a.jsonl", "--recipe", "mine.toml", "--out", "kept", "--rejected", "others")
    done = dataselect(*asked)
    assert done.code == 0, done.err
    assert "26 of 40 documents kept (65.0%)" in done.out
    assert "malformed_json" in done.out
    kept = [json.loads(line)["n"] for line in Path("kept/a.jsonl").read_text().splitlines()]
    assert kept == list(range(5, 31))
    others = [json.loads(line) for line in Path("others/a.jsonl").read_text().splitlines()]
    assert others[0]["rejected_by"] == [
        {"signal": "rps_doc_word_count", "value": 0.0, "bound": "min", "limit": 5.0}
    ]
    assert others[-1]["rejected_by"][0]["bound"] == "max"
    again = dataselect(*asked)
    assert again.code == 2
    assert "--overwrite" in again.err
    machine = dataselect(*asked, "--overwrite", "--json")
    assert json.loads(machine.out)["rules"] == {
        "rps_doc_word_count min": 5,
        "rps_doc_word_count max": 9,
    }


def test_a_recipe_that_does_not_exist_or_reads_other_columns(
    corpus: Path, dataselect: Command
) -> None:
    unknown = dataselect("filter", "a.jsonl", "--recipe", "gophr", "--out", "kept")
    assert unknown.code == 2
    assert "did you mean gopher?" in unknown.err
    Path("other.toml").write_text(RECIPE.replace("rps_doc_word_count", "rating"))
    other = dataselect("filter", "a.jsonl", "--recipe", "other.toml", "--out", "kept")
    assert other.code == 2
    assert "--scores DIR" in other.err
