"""dataselect fit-mixture, as a user runs it."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from zerocost_cli.dataselect.main import main

from dataselect.errors import DataselectError
from dataselect.selection.weights import read_weights
from zerocost.errors import ZerocostError


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(4), 40)
    left = pl.DataFrame(
        {"run": [f"r{i}" for i in range(40)]}
        | {name: weights[:, i] for i, name in enumerate(("web", "books", "code", "wiki"))}
    )
    right = pl.DataFrame(
        {
            "run": [f"r{i}" for i in range(40)],
            "loss": 3 - np.sqrt(weights[:, 1]) + rng.normal(0, 0.01, 40),
            "other": 2 + weights[:, 0] + rng.normal(0, 0.01, 40),
        }
    )
    left.write_csv(tmp_path / "mixtures.csv")
    right.reverse().write_csv(tmp_path / "losses.csv")
    return tmp_path / "mixtures.csv", tmp_path / "losses.csv"


def run(*arguments: object) -> str:
    found = CliRunner().invoke(
        main, ["fit-mixture", *map(str, arguments)], catch_exceptions=False, standalone_mode=False
    )
    return found.stdout


QUICK = ("--regressor", "ridge", "--resamples", 4, "--repeats", 1)


def test_from_two_tables_to_weights(tables: tuple[Path, Path], tmp_path: Path) -> None:
    out, page = tmp_path / "weights.json", tmp_path / "weights.html"
    asked = ("--mixtures", tables[0], "--losses", tables[1], "--out", out)
    found = json.loads(run(*asked, "--target", "loss", "--report", page, *QUICK, "--json"))
    assert found["weights"]["books"]["weight"] > 0.8
    assert found["runs"] == 40
    assert set(found["spearman"]) == {"loss"}
    assert found["in_words"]
    read = read_weights(out)
    assert read.columns["books"].weight == found["weights"]["books"]["weight"]
    assert read.made_by["configuration"]["regressor"] == "ridge"
    assert [len(own["sha256"]) for own in read.made_by["inputs"]] == [64, 64]
    manifest = json.loads((tmp_path / "weights.json.manifest.json").read_text())
    assert manifest["counts"]["given"] == 40
    assert len(manifest["outputs"]) == 2
    assert "</html>" in page.read_text()
    before = out.read_bytes()
    with pytest.raises(DataselectError, match="--overwrite"):
        run(*asked, *QUICK)
    run(*asked, "--target", "loss", *QUICK, "--overwrite")
    assert out.read_bytes() == before


def test_what_is_printed(tables: tuple[Path, Path], tmp_path: Path) -> None:
    text = run(
        "--mixtures", tables[0], "--losses", tables[1], "--out", tmp_path / "w.json", *QUICK,
        "--target", "loss=3", "--target", "other=1", "--bound", "books=0:0.5",
    )  # fmt: skip
    assert "40 runs, regressor ridge" in text
    assert "objective" in text
    assert "Against uniform weights the loss is predicted to fall by" in text
    assert read_weights(tmp_path / "w.json").columns["books"].weight <= 0.5 + 1e-12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--target", "los"), "did you mean loss"),
        (("--bound", "books=0.9"), "NAME=LOW:HIGH"),
        (("--bound", "book=0:1"), "did you mean books"),
        (("--regressor", "trees"), "lightgbm"),
        (("--key", "nr"), "--key NAME"),
        (("--losses", "missing.csv"), "is no file"),
        (("--out", "no/where.json"), "mkdir -p no"),
        (("--folds", "1"), "2 folds or more"),
        (("--report", "{out}"), "a name for each"),
    ],
)
def test_wrong_input(
    tables: tuple[Path, Path], tmp_path: Path, options: tuple[str, str], message: str
) -> None:
    given: dict[str, object] = {
        "--mixtures": tables[0],
        "--losses": tables[1],
        "--out": tmp_path / "w.json",
        "--regressor": "ridge",
    }
    given |= {options[0]: options[1].format(out=tmp_path / "w.json")}
    with pytest.raises(ZerocostError) as error:
        run(*(part for pair in given.items() for part in pair))
    assert message in str(error.value)
    assert error.value.bad_input
    assert not (tmp_path / "w.json").exists()
