"""Recipes: what is a recipe, and what it decides."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa
import pytest

from dataselect.errors import DataselectError
from dataselect.scorers.recipes import (
    Recipe,
    Rule,
    builtin_recipes,
    decide,
    load_recipe,
    parse_recipe,
)
from dataselect.scorers.signals import ALL, signals

SMALL = """
missing = "pass"
[[rule]]
signal = "a"
min = 1
[[rule]]
signal = "b"
max = 0.5
missing = "reject"
"""


def test_every_rule_broken_is_listed_with_value_and_limit() -> None:
    scores = pa.table(
        {"a": [1, 0, None, 0], "b": [0.5, 0.6, None, float("nan")], "other": ["", "", "", ""]}
    )
    found = decide(scores, parse_recipe(SMALL)).to_pylist()
    assert [row["kept"] for row in found] == [True, False, False, False]
    assert found[0]["broken"] == []
    assert found[1]["broken"] == [
        {"signal": "a", "value": 0.0, "bound": "min", "limit": 1.0},
        {"signal": "b", "value": 0.6, "bound": "max", "limit": 0.5},
    ]
    assert found[2]["broken"] == [{"signal": "b", "value": None, "bound": "missing", "limit": None}]
    assert [rule["bound"] for rule in found[3]["broken"]] == ["min", "missing"]


def test_limits_belong_to_what_is_kept() -> None:
    recipe = Recipe("r", (Rule("a", 1.0, 2.0),))
    scores = pa.table({"a": [1.0, 2.0, math.nextafter(1, 0), math.nextafter(2, 3)]})
    assert decide(scores, recipe).column("kept").to_pylist() == [True, True, False, False]


def test_no_document_and_chunked_columns() -> None:
    recipe = parse_recipe(SMALL)
    empty = pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.float64())})
    assert decide(empty, recipe).num_rows == 0
    chunked = pa.table({"a": pa.chunked_array([[1], [0]]), "b": pa.chunked_array([[0.0, 0.0]])})
    assert decide(chunked, recipe).column("kept").to_pylist() == [True, False]


def test_the_built_in_recipes_are_on_signals_that_exist() -> None:
    assert builtin_recipes() == ("c4", "fineweb", "gopher")
    for name in builtin_recipes():
        recipe = load_recipe(name)
        assert recipe.name == name
        recipe.check([signal.column.name for signal in ALL])
        assert recipe.summary
        assert recipe.reference


def test_gophers_limits() -> None:
    rules = {rule.signal: (rule.low, rule.high) for rule in load_recipe("gopher").rules}
    assert rules["gopher_word_count"] == (50, 100_000)
    assert rules["gopher_mean_word_length"] == (3, 10)
    assert rules["gopher_alphabetic_word_fraction"] == (0.8, math.inf)
    tops = [rules[f"gopher_top_{n}gram_character_fraction"][1] for n in (2, 3, 4)]
    assert tops == [0.2, 0.18, 0.16]
    duplicates = [rules[f"gopher_duplicate_{n}gram_character_fraction"][1] for n in range(5, 11)]
    assert duplicates == [0.15, 0.14, 0.13, 0.12, 0.11, 0.1]


def test_recipes_on_real_words() -> None:
    good = (
        "The people of the town have to be with their friends, and that is what they like to do. "
        "In summer nobody stays at home when the sun shines over these green hills; children run "
        "down to a river while old men play cards under trees.\nWinter brings snow, long evenings "
        "by the fire and stories which grandmothers tell again every year without growing tired."
    )
    texts = pa.array([good, "Too short.", "word " * 200, good + "\n{", "日本語の文。" * 100])
    batch = pa.RecordBatch.from_arrays([texts], names=["text"])
    recipe = load_recipe("gopher")
    found = decide(signals(recipe.signals).score(batch), recipe).to_pylist()
    broken = [{rule["signal"] for rule in row["broken"]} for row in found]
    assert broken[0] == set()
    assert "gopher_word_count" in broken[1]
    assert {"gopher_stop_word_count", "gopher_top_2gram_character_fraction"} <= broken[2]
    assert broken[4] == set(), "words mean nothing there, and the rules pass"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rule = [", "not TOML"),
        ('missing = "pass"', "has no rule"),
        ("rule = 3", "rule is 3"),
        ("rule = [3]", "rule 1 is 3"),
        ('mising = "pass"\n[[rule]]\nsignal = "a"\nmin = 1', "did you mean missing"),
        ('[[rule]]\nsignal = "a"\nmin = 1', "what a missing score means is not said"),
        ('missing = "drop"\n[[rule]]\nsignal = "a"\nmin = 1', "missing is 'drop'"),
        ('missing = "pass"\n[[rule]]\nmin = 1', "names no signal"),
        ('missing = "pass"\n[[rule]]\nsignal = 3\nmin = 1', "signal is 3"),
        ('missing = "pass"\n[[rule]]\nsignal = "a"', "has no limit"),
        ('missing = "pass"\n[[rule]]\nsignal = "a"\nmin = "1"', "min is '1'"),
        ('missing = "pass"\n[[rule]]\nsignal = "a"\nmin = true', "min is True"),
        ('missing = "pass"\n[[rule]]\nsignal = "a"\nmin = nan', "min is nan"),
        ('missing = "pass"\n[[rule]]\nsignal = "a"\nmin = inf', "min is inf"),
        ('missing = "pass"\n[[rule]]\nsignal = "a"\nmin = -inf', "min is -inf"),
        ('missing = "pass"\n[[rule]]\nsignal = "a"\nmax = [1]', "max is [1]"),
        ('missing = "pass"\n[[rule]]\nsignal = "a"\nmin = 1' + "0" * 400, "min is 1000"),
        ("a = " + "[" * 9_000, "is not TOML"),
        ("a = " + "1" * 9_000, "is not TOML"),
        ('missing = "pass"\n[[rule]]\nsignal = "a"\nmin = 2\nmax = 1', "above max 1"),
        ('missing = "pass"\n[[rule]]\nsignal = "a"\nmaximum = 2', "no key 'maximum'"),
        ('name = 3\nmissing = "pass"\n[[rule]]\nsignal = "a"\nmin = 1', "name is 3"),
    ],
)
def test_what_is_no_recipe_is_refused(text: str, said: str) -> None:
    with pytest.raises(DataselectError) as error:
        parse_recipe(text, "mine.toml")
    assert said in str(error.value)


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(DataselectError, match="gopher"):
        load_recipe("gofer")
    with pytest.raises(DataselectError, match="cannot be read"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xe9")
    with pytest.raises(DataselectError, match="not UTF-8"):
        load_recipe(tmp_path / "latin.toml")
    with pytest.raises(DataselectError, match="did you mean gopher_word_count"):
        Recipe("r", (Rule("gopher_word_cout", 1.0),)).check(["gopher_word_count", "lines"])
    with pytest.raises(DataselectError, match="did you mean sentences"):
        signals(("sentence",))


def test_a_recipe_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(SMALL)
    assert load_recipe(tmp_path / "mine.toml").name == "mine"
