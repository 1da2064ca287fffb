"""nasproxy parzc, from tables that rank wrote to predictions, as a user runs it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from nasproxy.spaces.nasbench201 import NASBench201

Command = Callable[..., Any]
SPACE = NASBench201(channels=4, cells=1)


@pytest.fixture
def tables(here: Path, nasproxy: Command) -> Path:
    """Scores, nodes, and accuracies that grow with the parameters, of 24 small networks."""
    found = nasproxy(
        *("rank", "--space", "own:SPACE", "--sample", "24", "--images", "noise"),
        *("--batch-size", "4", "--jobs", "1", "--proxies", "params,grad_norm,snip,synflow"),
        *("--out", "scores.parquet", "--nodes", "nodes.parquet"),
    )
    assert found.code == 0, found.err
    texts = pl.read_parquet("scores.parquet")["architecture"].to_list()
    size = [SPACE.counts(SPACE.parse(text))["parameters"] for text in texts]
    pl.DataFrame({"architecture": texts, "mine": np.log(size)}).write_csv("accuracies.csv")
    return here


FILES = ("--scores", "scores.parquet", "--nodes", "nodes.parquet")
TRUTH = ("--accuracies", "accuracies.csv")


def _json(found: Any) -> dict[str, Any]:
    assert found.code == 0, found.err
    value = json.loads(found.out)
    assert isinstance(value, dict)
    return value


def test_fit_predict_and_evaluate(tables: Path, nasproxy: Command) -> None:
    fit = ("parzc", "fit", "--space", "own:SPACE", *FILES, *TRUTH, "--out", "fitted")
    made = _json(nasproxy(*fit, "--predictor", "mabn+topology", "--train", "14", "--json"))
    assert made["trained"] == 14
    assert made["target"] == "mine"
    assert {path.name for path in Path("fitted").iterdir()} == {
        "predictor.json", "tensors.safetensors", "training.json", "manifest.json",
    }  # fmt: skip
    manifest = json.loads(Path("fitted/manifest.json").read_text())
    assert {Path(file["path"]).name for file in manifest["inputs"]} == {
        "scores.parquet", "nodes.parquet", "accuracies.csv",
    }  # fmt: skip

    predict = ("parzc", "predict", "fitted", "--space", "own:SPACE", *FILES)
    told = _json(nasproxy(*predict, "--out", "predictions.parquet", "--json"))
    table = pq.read_table("predictions.parquet")
    assert table.column_names == ["rank", "architecture", "mean", "spread", "trained"]
    means = table.column("mean").to_pylist()
    assert means == sorted(means, reverse=True)
    assert sum(table.column("trained").to_pylist()) == 14
    assert told["best"][0]["architecture"] == table.column("architecture")[0].as_py()
    assert told["best"][0]["mean"] == means[0]
    assert "correlate" not in nasproxy(*predict).out

    # Trained on two thirds of these: to test on all is refused, on the rest it is not.
    test = ("parzc", "evaluate", "fitted", "--space", "own:SPACE", *FILES, *TRUTH)
    leak = nasproxy(*test)
    assert leak.code == 2
    assert "14 of the 24 test architectures are isomorphic to training ones" in leak.err
    assert "--drop-seen" in leak.err
    rest = _json(nasproxy(*test, "--drop-seen", "--json"))
    assert (rest["tested"], rest["left_out"]) == (10, 14)
    assert rest["kendall"] > 0.4
    assert rest["target"] == "mine"
    stray = nasproxy(*test, "--drop-seen", "--apart", "class")
    assert stray.code == 2
    assert "--apart does not go with a FOLDER" in stray.err

    again = nasproxy(*fit, "--predictor", "mabn")
    assert again.code == 2
    assert "holds a predictor" in again.err


def test_evaluate_draws_and_says_both_columns(tables: Path, nasproxy: Command) -> None:
    frame = pl.read_csv("accuracies.csv")
    frame.with_columns(
        valid=pl.Series(np.random.default_rng(0).permutation(len(frame)).astype(float))
    ).write_csv("accuracies.csv")
    run = ("parzc", "evaluate", "--space", "own:SPACE", *FILES, *TRUTH, "--draws", "2")
    found = _json(
        nasproxy(*run, "--predictor", "gp,dagger", "--train", "8,12", "--target", "mine", "--json")
    )
    assert [(row["predictor"], row["train"]) for row in found["results"]] == [
        ("gp", 8), ("gp", 12), ("dagger", 8), ("dagger", 12),
    ]  # fmt: skip
    assert len(found["results"][0]["draws"]) == 2
    told = found["results"][1]["kendall"]["mean"]
    lost = _json(
        nasproxy(*run, "--predictor", "gp", "--train", "12", "--fit-on", "valid",
                 "--target", "mine", "--json")
    )  # fmt: skip
    assert lost["fit_on"] == "valid"
    assert lost["results"][0]["kendall"]["mean"] < told - 0.2
    printed = nasproxy(*run, "--predictor", "gp", "--train", "12", "--target", "mine")
    assert f"{told:.3f}" in printed.out
    assert "fitted on mine, tested on mine of accuracies.csv: 24 classes, 2 draws" in printed.out


def test_less_is_better_of_a_loss(tables: Path, nasproxy: Command) -> None:
    frame = pl.read_csv("accuracies.csv")
    frame.select("architecture", loss=-pl.col("mine")).write_csv("losses.csv")
    fit = ("parzc", "fit", "--space", "own:SPACE", *FILES, "--predictor", "gp")
    _json(nasproxy(*fit, *TRUTH, "--out", "by_accuracy", "--json"))
    losses = ("--accuracies", "losses.csv", "--lower")
    _json(nasproxy(*fit, *losses, "--out", "by_loss", "--json"))
    of = ("--space", "own:SPACE", *FILES, "--json")
    told = [
        _json(nasproxy("parzc", "predict", name, *of))["best"]
        for name in ("by_accuracy", "by_loss")
    ]
    assert told[0] == told[1]
    run = ("parzc", "evaluate", *of, "--predictor", "gp", "--train", "12", "--draws", "2")
    up, down = (_json(nasproxy(*run, *truth))["results"][0] for truth in (TRUTH, losses))
    assert up["kendall"] == down["kendall"]
    assert [d["pick"] for d in up["draws"]] == [-d["pick"] for d in down["draws"]]
    assert [d["best"] for d in up["draws"]] == [-d["best"] for d in down["draws"]]
    rest = _json(nasproxy(*fit, *losses, "--train", "12", "--out", "part", "--json"))
    assert rest["trained"] == 12
    tested = ("parzc", "evaluate", "part", *of, "--drop-seen")
    found = _json(nasproxy(*tested, *losses))
    assert found["kendall"] > 0.4
    assert not found["higher_is_better"]
    other = nasproxy(*tested, *losses[:2])
    assert other.code == 2
    assert "fitted where less loss is better" in other.err
    printed = nasproxy(*(word for word in run if word != "--json"), *losses)
    assert "tested on loss of losses.csv (less is better)" in printed.out


def test_a_fit_cut_off_while_it_saves_is_made_by_the_same_command(
    tables: Path, nasproxy: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nasproxy.prediction import storage

    real, calls = storage.write_json, 0

    def ended(path: Path, *arguments: Any, **named: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:  # one member of two is there
            raise KeyboardInterrupt
        real(path, *arguments, **named)

    fit = ("parzc", "fit", "--space", "own:SPACE", *FILES, *TRUTH, "--predictor", "best")
    with monkeypatch.context() as patched:
        patched.setattr(storage, "write_json", ended)
        assert nasproxy(*fit, "--out", "f").code != 0
    assert Path("f/training.json").exists()
    assert not Path("f/predictor.json").exists()
    assert nasproxy(*fit, "--out", "f").code == 0


def test_no_predictor_is_overwritten_unasked(
    tables: Path, nasproxy: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nasproxy.prediction.gaussian_process import GaussianProcess

    fit = ("parzc", "fit", "--space", "own:SPACE", *FILES, *TRUTH)
    assert nasproxy(*fit, "--predictor", "gp", "--out", "runs/gp").code == 0
    before = Path("runs/gp/tensors.safetensors").read_bytes()
    inside = nasproxy(*fit, "--predictor", "best", "--out", "runs")
    assert inside.code == 2
    assert "holds a predictor of its own" in inside.err
    assert Path("runs/gp/tensors.safetensors").read_bytes() == before
    real = GaussianProcess.fit

    def slower(*arguments: Any, **named: Any) -> Any:
        Path("raced").mkdir()
        Path("raced/predictor.json").write_text("another's")
        return real(*arguments, **named)

    monkeypatch.setattr(GaussianProcess, "fit", slower)
    assert nasproxy(*fit, "--predictor", "gp", "--out", "raced").code == 2
    assert Path("raced/predictor.json").read_text() == "another's"


MISTAKES = [
    (("evaluate", *FILES, *TRUTH), "--space, or the FOLDER of a fitted predictor"),
    (("evaluate", "--space", "own:SPACE", *FILES), "either --benchmark, or --accuracies"),
    (("evaluate", "--space", "own:SPACE", *FILES, *TRUTH, "--train", "x"), "no whole numbers"),
    (("evaluate", "--space", "own:SPACE", *FILES, *TRUTH, "--train", "23"), "accepted: 2 .. 21"),
    (("evaluate", "--space", "own:SPACE", *TRUTH, "--predictor", "mabm"), "did you mean mabn"),
    (("evaluate", "--space", "own:SPACE", *TRUTH, "--predictor", "mabn", "--train", "8"),
     "no node-wise values"),
    (("fit", "--space", "own:SPACE", "--nodes", "no.parquet", *TRUTH, "--out", "f"),
     "no.parquet does not exist"),
    (("fit", "--space", "own:SPACE", "--nodes", "accuracies.csv", *TRUTH, "--out", "f"),
     "cannot be read as Parquet"),
    (("fit", "--space", "own:SPACE", "--nodes", "scores.parquet", *TRUTH, "--out", "f"),
     "has no column 'seed'"),
    (("fit", "--space", "own:SPACE", *FILES, *TRUTH, "--out", "f", "--target", "yours"),
     "no target 'yours'"),
    (("fit", "--space", "own:SPACE", *FILES, *TRUTH, "--out", "f", "--proxies", "naswot"),
     "no proxy 'naswot'"),
    (("evaluate", "--space", "own:SPACE", "--benchmark", "nasbench101"), "nasbench101"),
    (("fit", "--space", "own:SPACE", "--benchmark", "nasbench201", "--lower", "--out", "f"),
     "--lower belongs to --accuracies"),
    (("predict", "."), "training.json cannot be read"),
]  # fmt: skip


def test_bad_input_is_explained(tables: Path, nasproxy: Command) -> None:
    for arguments, says in MISTAKES:
        found = nasproxy("parzc", *arguments)
        assert found.code == 2, found.out
        assert says in found.err
        assert "Traceback" not in found.err
        assert not Path("f").exists()


def test_help_fits_80_columns(nasproxy: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("fit", "predict", "evaluate"):
        found = nasproxy("parzc", name, "--help")
        assert found.out.startswith(f"Usage: nasproxy parzc {name}")
        for line in found.out.splitlines():
            assert len(line) <= 80 or line.startswith("  nasproxy "), line


def test_accuracies_of_ones_own(here: Path, nasproxy: Command) -> None:
    Path("bad.csv").write_text("net,score\na,1\n")
    Path("text.csv").write_text("architecture,score\na,b\n")
    run = ("parzc", "evaluate", "--space", "own:SPACE", "--accuracies")
    assert "no column 'architecture'" in nasproxy(*run, "bad.csv").err
    assert "no column of numbers" in nasproxy(*run, "text.csv").err
    assert "does not exist" in nasproxy(*run, "absent.csv").err


def test_accuracies_that_begin_empty(tmp_path: Path) -> None:
    from nasproxy.prediction.accuracies import read_accuracies

    lines = ["architecture,mine", *(f"a{k}," for k in range(150)), "b,93", "c,93.5"]
    (tmp_path / "mine.csv").write_text("\n".join(lines) + "\n")
    found = read_accuracies(tmp_path / "mine.csv", "a space")
    assert found.lookup(["b", "c"], "mine").tolist() == [93.0, 93.5]
