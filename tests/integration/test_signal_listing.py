"""What dataselect says about its signals and recipes, on the command line and in the docs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dataselect.scorers.recipes import builtin_recipes
from dataselect.scorers.signals import ALL

Command = Callable[..., Any]
ROOT = Path(__file__).parents[2]


def test_every_signal_is_listed_with_its_definition(process: Command) -> None:
    found = process("scorers", "--json", command="dataselect")
    assert found.code == 0
    scorers = {scorer["name"]: scorer for scorer in json.loads(found.out)["scorers"]}
    columns = {column["name"]: column for column in scorers["signals"]["columns"]}
    assert list(columns) == [signal.column.name for signal in ALL]
    assert columns["rps_doc_unigram_entropy"] == {
        "name": "rps_doc_unigram_entropy",
        "kind": "float64",
        "unit": "nats",
        "low": 0.0,
        "high": None,
        "direction": 1,
        "definition": "entropy of the distribution of the words",
        "source": "RedPajama-V2",
    }
    table = process("scorers", "signals", command="dataselect")
    assert table.code == 0
    assert all(name in table.out for name in columns)


def test_a_scorer_that_does_not_exist(process: Command) -> None:
    found = process("scorers", "signal", command="dataselect")
    assert found.code == 2
    assert "did you mean signals" in found.err


def test_recipes_are_listed_with_their_rules(process: Command) -> None:
    found = process("recipes", "--json", command="dataselect")
    assert found.code == 0
    recipes = {recipe["name"]: recipe for recipe in json.loads(found.out)["recipes"]}
    assert tuple(recipes) == builtin_recipes()
    assert {"signal": "c4_sentence_count", "min": 5.0, "max": None, "missing": "pass"} in recipes[
        "c4"
    ]["rules"]
    table = process("recipes", command="dataselect")
    assert table.code == 0
    assert "gopher_word_count" in table.out


def test_the_table_in_the_docs_is_that_of_the_code() -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / "docs" / "signal_table.py"],
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
    ).stdout
    assert printed.strip() in (ROOT / "docs" / "signals.md").read_text("utf-8"), (
        "python docs/signal_table.py prints what docs/signals.md should hold"
    )
