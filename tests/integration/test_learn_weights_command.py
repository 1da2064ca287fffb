"""dataselect learn-weights and dataselect run, as a user runs them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dataselect.errors import DataselectError
from dataselect.pipeline import read_recipe
from dataselect.scores import open_scores
from dataselect.selection.weights import read_weights
from dataselect.weighting.design_run import POOL
from dataselect.weighting.learn_run import LearnSettings
from dataselect.weighting.pool import open_pool
from dataselect.weighting.proxies import NgramProxy

Command = Callable[..., Any]
CLEAN = [
    "the",
    "study",
    "of",
    "old",
    "rivers",
    "shows",
    "how",
    "water",
    "and",
    "stone",
    "have",
    "made",
    "this",
    "valley",
    "over",
    "time",
]
NOISE = [
    "BUY",
    "cheap",
    "NOW",
    "click",
    "here",
    "$$$",
    "login",
    "win",
    "FREE",
    "777",
    "deal",
    "!!!",
    "cart",
]
COLUMNS = (
    "rps_doc_frac_all_caps_words,rps_doc_unigram_entropy,rps_doc_mean_word_length,"
    "heuristic_cleanliness"
)
LEARN = (
    "--scores", "scores", "--columns", COLUMNS, "--validation", "clean=clean.jsonl",
    "--tokens", 900, "--runs", 32, "--rounds", 1, "--vocabulary", 300, "--order", 2,
    "--regressor", "ridge",
)  # fmt: skip


def text(rng: np.random.Generator, words: list[str]) -> str:
    return " ".join(rng.choice(words, size=int(rng.integers(12, 30)))) + "."


@pytest.fixture(name="corpus")
def _corpus(here: Path) -> Path:
    """Clean and noisy documents; some are copies of the validation set, or of each other."""
    rng = np.random.default_rng(0)
    held = [text(rng, CLEAN) for _ in range(12)]
    rows = [text(rng, CLEAN if rng.random() < 0.4 else NOISE) for _ in range(150)]
    rows[3] = rows[140] = held[0]
    rows[70] = held[1] + " Read more"
    rows[80] = rows[81]
    (here / "clean.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in held))
    (here / "corpus.jsonl").write_text(
        "".join(json.dumps({"text": t, "id": f"d{i}"}) + "\n" for i, t in enumerate(rows))
    )
    return here


@pytest.fixture(name="scored")
def _scored(corpus: Path, dataselect: Command) -> Path:
    found = dataselect(
        "score", "corpus.jsonl", "--out", "scores", "--scorers", "signals_light,heuristics"
    )
    assert found.code == 0, found.err
    return corpus


def test_weights_are_learned_and_select_takes_them(scored: Path, dataselect: Command) -> None:
    found = dataselect("learn-weights", "corpus.jsonl", *LEARN, "--out", "weights.json")
    assert found.code == 0, found.err
    for said in (
        "146 candidates of 150 documents",
        "left out: 3 shares words with a validation document",
        "left out: 1 exact duplicate",
        "no direction is declared for rps_doc_mean_word_length",
        "rps_doc_frac_all_caps_words",
        "weights.runs/report.html",
        "32 runs of 900, 1 round of 8 more",
        "The weights are those of the run",
        "Other seeds change nothing in this proxy",
        "has not been tried and is not used",
    ):
        assert said in found.out
    runs = pl.read_parquet("weights.runs/runs.parquet")
    assert len(runs) == 40
    assert runs["round"].to_list() == [0] * 32 + [1] * 8
    page = Path("weights.runs/report.html").read_text()
    for section in ("weights", "fit", "curve", "again", "runs", "candidates"):
        assert f'id="{section}"' in page

    weights = read_weights(Path("weights.json"))
    manifest = json.loads(Path("weights.runs/manifest.json").read_text())
    assert weights.made_by["settings"] == manifest["configuration"]
    assert set(weights.columns) == set(COLUMNS.split(","))
    assert all(own.stats is not None for own in weights.columns.values())

    choice = weights.made_by["learned"]["choice"]
    assert choice["rule"] == "tried"
    best = runs.row(by_predicate=pl.col("run_id") == choice["run_id"], named=True)
    assert best["loss:clean"] == runs["loss:clean"].min() == choice["measured"][choice["run_id"]][0]
    assert all(own.weight == best[f"weight:{name}"] for name, own in weights.columns.items())
    assert choice["run_id"] in page

    pool = open_pool(Path("weights.runs") / POOL)
    assert not {3, 70, 140, 81} & set(pool.documents.tolist())
    # The same documents in the same order as `dataselect select` ranks them.
    learned = np.array([weights.columns[name].weight for name in pool.columns.names])
    chosen = pool.select(learned, 900)
    picked = dataselect(
        "select", "corpus.jsonl", "--scores", "scores", "--weights", "weights.json",
        "--docs", len(chosen), "--exclude", "clean.jsonl", "--exclude-copies",
        "--drop-duplicates", "exact", "--out", "selection",
    )  # fmt: skip
    assert picked.code == 0, picked.err
    rows = set(pl.read_parquet("selection/selection.parquet")["row"].to_list())
    by_score = np.argsort(-pool.weighed(learned), kind="stable")[: len(chosen)]
    assert rows == set(pool.documents[by_score].tolist())

    again = dataselect("learn-weights", "corpus.jsonl", *LEARN, "--out", "weights.json")
    assert again.code == 2
    assert "--overwrite" in again.err
    first = Path("weights.json").read_bytes()
    Path("weights.json").unlink()  # the runs are there: nothing is trained again
    repeated = dataselect(
        "learn-weights", "corpus.jsonl", *LEARN, "--out", "weights.json", "--json"
    )
    assert repeated.code == 0, repeated.err
    assert json.loads(repeated.out)["learned"]["in_words"]
    assert Path("weights.json").read_bytes() == first
    own = [path.stat().st_mtime_ns for path in sorted(Path("weights.runs/records").glob("*"))]
    other = dataselect(
        "learn-weights", "corpus.jsonl", *LEARN, "--target", "clean", "--out", "weights.json",
        "--overwrite",
    )  # fmt: skip
    assert other.code == 0, other.err
    assert Path("weights.json").read_bytes() != first
    now = [path.stat().st_mtime_ns for path in sorted(Path("weights.runs/records").glob("*"))]
    assert now == own
    smaller = (*LEARN, "--tokens", 700, "--out", "w.json")
    Path("weights.runs").rename("w.runs")
    refused = dataselect("learn-weights", "corpus.jsonl", *smaller)
    assert refused.code == 2
    assert "runs of another design; tokens differ" in refused.err
    replaced = dataselect("learn-weights", "corpus.jsonl", *smaller, "--overwrite")
    assert replaced.code == 0, replaced.err
    assert "32 runs of 700" in replaced.out
    joined = dataselect("learn-weights", "--join", "w.runs")
    assert "All 40 runs" in joined.out
    own = [path.stat().st_mtime_ns for path in sorted(Path("w.runs").glob("**/records/*"))]
    untried = dataselect(
        "learn-weights", "corpus.jsonl", *smaller, "--rounds", 0, "--overwrite",
        "--optimiser", "direct",
    )  # fmt: skip
    assert untried.code == 0, untried.err
    assert "These weights are a prediction: --rounds 3" in untried.out
    made_by = json.loads(Path("w.json").read_text())["made_by"]
    assert made_by["learned"]["choice"]["rule"] == "predicted"
    assert len(pl.read_parquet("w.runs/runs.parquet")) == 32
    now = [path.stat().st_mtime_ns for path in sorted(Path("w.runs").glob("**/records/*"))]
    assert now == own


def test_what_nothing_tries_is_the_mean_of_the_best_draws() -> None:
    for rounds, optimiser in ((0, "published"), (1, "direct")):
        settings = LearnSettings({}, 900, NgramProxy(2), rounds=rounds)
        assert settings.found_by == settings.as_dict()["optimiser"] == optimiser
    with pytest.raises(DataselectError, match="optimiser is 'drect'"):
        LearnSettings({}, 900, NgramProxy(2), optimiser="drect")


def test_the_cost_is_said_before_it_is_paid(here: Path, dataselect: Command) -> None:
    Path("clean.jsonl").write_text('{"text": "some words"}\n')
    asked = ("--validation", "clean=clean.jsonl", "--tokens", 4_096, "--validation-tokens", 500)
    for proxy, more in (("ngram", ()), ("gpt", ("--size", "0.3M", "--context", 32))):
        found = dataselect(
            "learn-weights", "--estimate", "--proxy", proxy, *more, *asked, "--runs", 16,
            "--rounds", 2, "--jobs", 2, "--json",
        )  # fmt: skip
        assert found.code == 0, found.err
        cost = json.loads(found.out)
        assert (cost["runs"], cost["rounds"], cost["again"], cost["tokens"]) == (16, 16, 15, 4096)
        assert cost["seconds"] == pytest.approx((8 + 8 + 9) * cost["seconds_each"])
        assert 0 < cost["seconds_each"] < 60
    shown = dataselect("learn-weights", "--estimate", *asked, "--rounds", 0)
    assert "256" in shown.out
    assert "in rounds" not in shown.out
    assert not list(here.glob("*.runs"))


def test_what_is_wrong_is_said(scored: Path, dataselect: Command) -> None:
    def refused(*changes: Any) -> str:
        found = dataselect("learn-weights", "corpus.jsonl", *LEARN, *changes, "--out", "w.json")
        assert found.code == 2, found.out
        assert not Path("w.json").exists()
        return str(found.err)

    assert "has no column 'heuristic_clean'" in refused(
        "--columns", "heuristic_clean,rps_doc_word_count"
    )
    assert "two columns or more" in refused("--columns", "rps_doc_word_count")
    assert "two validation sets are called 'clean'" in refused("--validation", "clean.jsonl")
    assert "no setting 'size'" in refused("--size", "1M")
    assert "'=clean.jsonl' is not NAME=FILE" in refused("--validation", "=clean.jsonl")
    assert "holds all" in refused("--tokens", "1M")
    found = dataselect("learn-weights", "corpus.jsonl", "--scores", "scores", "--out", "w.json")
    assert found.code == 2
    assert "--validation is missing" in found.err
    for others, said in (("corpus.jsonl",), "CORPUS"), (("--runs", 64), "the option --runs"):
        helper = dataselect("learn-weights", "--join", "w.runs", *others)
        assert helper.code == 2
        assert f"{said} has no effect with --join" in helper.err
    nowhere = dataselect("learn-weights", "--join", "nowhere")
    assert nowhere.code == 2
    assert "is no design" in nowhere.err


def test_what_is_wrong_is_said_before_anything_is_read(scored: Path, dataselect: Command) -> None:
    for changes, said in (
        (("--target", "clena"), "did you mean clean"),
        (("--regressor", "os:getcwd"), "no regressor"),
        (("--seed", -1), "-1 is not in the range"),
        (("--vocabulary", 200), "a vocabulary of 200"),
        (("--tokenizer", "none.json"), "none.json does not exist"),
        (("--validation", "more=none.jsonl"), "none.jsonl does not exist"),
        (("--tokens", 0), "a budget of 0 tokens"),
        (("--rounds", -1), "-1 rounds"),
        (("--out", "w.runs"), "folder of runs"),
        (("--out", "corpus.jsonl/w.json"), "cannot be made"),
    ):
        found = dataselect("learn-weights", "corpus.jsonl", *LEARN, "--out", "w.json", *changes)
        assert found.code == 2, found.err
        assert said in found.err
    assert not Path("w.runs/pool").exists()


def test_a_folder_of_validation_documents_is_known_by_its_contents(
    scored: Path, dataselect: Command
) -> None:
    Path("held").mkdir()
    Path("clean.jsonl").rename("held/clean.jsonl")
    asked = ("learn-weights", "corpus.jsonl", *LEARN, "--runs", 16, "--out", "w.json")
    asked = tuple("clean=held" if own == "clean=clean.jsonl" else own for own in asked)
    found = dataselect(*asked)
    assert found.code == 0, found.err
    made_by = read_weights(Path("w.json")).made_by
    assert len(made_by["settings"]["validation"]["clean"][0]) == 64
    assert made_by["tool"] == "dataselect learn-weights"
    assert {"numpy", "tokenizers"} <= set(made_by["libraries"])
    Path("w.json").unlink()
    with Path("held/clean.jsonl").open("a") as stream:
        stream.write(json.dumps({"text": "one more document"}) + "\n")
    changed = dataselect(*asked)
    assert changed.code == 2
    assert "read with other settings: validation" in changed.err


RECIPE = f"""
corpus = "corpus.jsonl"
out = "chosen"
[score]
scorers = "signals_light,heuristics"
[learn]
validation = {{ clean = "clean.jsonl" }}
columns = {json.dumps(COLUMNS.split(","))}
tokens = 900
runs = 16
rounds = 1
vocabulary = 300
order = 2
regressor = "ridge"
[select]
tokens = 700
"""


def test_a_recipe_goes_on_where_it_stopped(
    corpus: Path, dataselect: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("recipe.toml").write_text(RECIPE)

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("dataselect.pipeline.run.run_selection", stop)
        found = dataselect("run", "recipe.toml")
        assert found.code == 130
    weights = Path("chosen/weights.json").stat().st_mtime_ns
    found = dataselect("run", "recipe.toml", "--json")
    assert found.code == 0, found.err
    said = json.loads(found.out)
    assert Path("chosen/weights.json").stat().st_mtime_ns == weights
    assert said["score"]["documents"] == 150
    assert 0 < said["select"]["documents"] < 100
    for name in ("report.html", "weights.runs/report.html", "selection/selection.parquet"):
        assert (Path("chosen") / name).is_file()
    selected = pl.read_ndjson("chosen/selection/documents/corpus.jsonl")["id"].to_list()
    assert not {"d3", "d70", "d140"} & set(selected)
    assert open_scores("chosen/scores").documents == 150
    done = dataselect("run", "recipe.toml", "--json")
    assert json.loads(done.out) == said

    Path("recipe.toml").write_text(RECIPE.replace("tokens = 700", "tokens = 800"))
    other = dataselect("run", "recipe.toml")
    assert other.code == 2
    assert "another recipe; select differ" in other.err
    # Only what the difference touches is done again, a run that was stopped in it included.
    scores = Path("chosen/scores/index.json").stat().st_mtime_ns
    with monkeypatch.context() as broken:
        broken.setattr("dataselect.pipeline.run.run_selection", stop)
        assert dataselect("run", "recipe.toml", "--overwrite").code == 130
    replaced = dataselect("run", "recipe.toml")
    assert replaced.code == 0, replaced.err
    assert "Selected" in replaced.out
    assert Path("chosen/weights.json").stat().st_mtime_ns == weights
    assert Path("chosen/scores/index.json").stat().st_mtime_ns == scores


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("[learn]", "[lern]", "'lern'"),
        ("runs = 16", "run = 16", "[learn] has 'run'"),
        ("tokens = 700", "", "[select] has no budget"),
        ("order = 2", "size = '1M'", "ngram has no setting 'size'"),
        ("runs = 16", "runs = ", "cannot be read as TOML"),
        ("runs = 16", "runs = 'many'", "of the wrong kind"),
        ("runs = 16", "runs = 3", "a design of 3 runs"),
        ("rounds = 1", "rounds = -2", "-2 rounds"),
        ("rounds = 1", "rounds = 1.5", "[learn] has rounds = 1.5"),
        ("order = 2", "transform = 'rnak'", "transform is 'rnak'"),
        ("order = 2", "missing = 'zero'", "missing is 'zero'"),
        ("tokens = 700", "tokens = 700\ndrop_duplicates = 'all'", "drop_duplicates is 'all'"),
        ("tokens = 700", "tokens = 'lots'", "--tokens is 'lots'"),
        ("runs = 16", "runs = 16.5", "[learn] has runs = 16.5"),
        ("runs = 16", "runs = true", "[learn] has runs = True"),
        ("runs = 16", "target = 'clena'", "did you mean clean"),
        ("{ clean", "{ more = 'none.jsonl', clean", "none.jsonl does not exist"),
        ("tokens = 700", "tokens = 700\nexclude = ['none.jsonl']", "none.jsonl does not exist"),
        ("tokens = 700", "tokens = 700\nexclude = 5", "[select] has exclude = 5"),
        ("tokens = 700", "tokens = 700\nquotas = { a = [1] }", "a table of numbers"),
        ("[score]", "workers = 0\n[score]", "0 workers"),
        ("[score]", "seed = -1\n[score]", "the seed is -1"),
        ("[score]", "[report]\ntexts = 'no'\n[score]", "[report] has texts = 'no'"),
        ("[score]", "score = 'signals'\n[read]", "the recipe has score = 'signals'"),
    ],
)
def test_a_recipe_with_a_fault_is_refused(
    corpus: Path, dataselect: Command, before: str, after: str, said: str
) -> None:
    assert before in RECIPE
    Path("recipe.toml").write_text(RECIPE.replace(before, after, 1))
    found = dataselect("run", "recipe.toml")
    assert found.code == 2
    assert said in found.err
    assert not Path("chosen/scores").exists()


def test_texts_stand_in_lists_or_with_commas(corpus: Path) -> None:
    found = []
    for columns, exclude in ((json.dumps(COLUMNS), "'clean.jsonl'"), (None, "['clean.jsonl']")):
        text = RECIPE.replace("tokens = 700", f"tokens = 700\nexclude = {exclude}")
        if columns is not None:
            text = text.replace(json.dumps(COLUMNS.split(",")), columns)
        Path("recipe.toml").write_text(text)
        found.append(read_recipe(Path("recipe.toml")))
    assert found[0] == found[1]
    assert found[0].learn.columns == tuple(COLUMNS.split(","))
    assert found[0].select["exclude"] == ["clean.jsonl"]
