"""Weights and losses joined by run id, never by position."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dataselect.errors import DataselectError
from dataselect.weighting.designs import dirichlet
from dataselect.weighting.runs import Runs, join
from dataselect.weighting.tables import read_tables

NAMES = ["a", "b", "c"]


def test_join_by_id_whatever_the_order() -> None:
    design = dirichlet(NAMES, 9)
    rng = np.random.default_rng(0)
    losses = {
        run_id: {"x": row[0], "y": 2.0}
        for run_id, row in zip(design.run_ids, design.weights, strict=True)
    }
    shuffled = {run_id: losses[run_id] for run_id in rng.permutation(design.run_ids).tolist()}
    runs = join(design, shuffled)
    np.testing.assert_array_equal(runs.losses[:, 0], runs.weights[:, 0])
    assert runs.run_ids == design.run_ids
    assert runs.targets == ("x", "y")


def test_runs_without_losses_are_left_out_and_said() -> None:
    design = dirichlet(NAMES, 4)
    first, second, third, fourth = design.run_ids
    runs = join(design, {fourth: {"x": 1.0}, first: {"x": 2.0}, third: {"x": float("nan")}})
    assert runs.run_ids == (first, fourth)
    assert runs.losses[:, 0].tolist() == [2.0, 1.0]
    assert runs.left_out == {second: "no losses", third: "a loss that is not finite"}
    np.testing.assert_array_equal(runs.weights, design.weights[[0, 3]])
    assert runs.take(np.array([1])).run_ids == (fourth,)


def test_join_refuses_what_does_not_belong_together() -> None:
    design = dirichlet(NAMES, 2)
    with pytest.raises(DataselectError, match="no such run"):
        join(design, {"other": {"x": 1.0}})
    with pytest.raises(DataselectError, match="has the targets y"):
        join(design, {design.run_ids[0]: {"x": 1.0}, design.run_ids[1]: {"y": 1.0}})
    with pytest.raises(DataselectError, match="no run with losses"):
        join(design, {})


def written(tmp_path: Path, **tables: pl.DataFrame) -> dict[str, Path]:
    found = {}
    for name, table in tables.items():
        found[name] = tmp_path / f"{name}.csv"
        table.write_csv(found[name])
    return found


def tables() -> tuple[pl.DataFrame, pl.DataFrame]:
    weights = np.random.default_rng(0).dirichlet(np.ones(3), 20)
    left = pl.DataFrame({"index": range(1, 21)} | {n: weights[:, i] for i, n in enumerate(NAMES)})
    right = pl.DataFrame({"index": range(1, 21), "loss": 1 + weights[:, 0], "z": weights[:, 1]})
    return left, right


def test_tables_are_joined_by_their_key(tmp_path: Path) -> None:
    left, right = tables()
    paths = written(tmp_path, left=left, right=right.sample(fraction=1.0, shuffle=True, seed=3))
    runs = read_tables(paths["left"], paths["right"])
    assert (runs.names, runs.targets) == (("a", "b", "c"), ("loss", "z"))
    np.testing.assert_allclose(runs.losses[:, 0], 1 + runs.weights[:, 0])
    assert runs.run_ids == tuple(str(i) for i in range(1, 21))
    right.write_parquet(tmp_path / "right.parquet")
    same = read_tables(paths["left"], tmp_path / "right.parquet", targets=["z"])
    np.testing.assert_allclose(same.losses[:, 0], same.weights[:, 1])


def test_one_table_with_both(tmp_path: Path) -> None:
    left, right = tables()
    path = written(tmp_path, both=left.join(right, on="index").rename({"index": "run"}))["both"]
    runs = read_tables(path, path, targets=["loss", "z"])
    assert (runs.names, runs.targets) == (("a", "b", "c"), ("loss", "z"))
    with pytest.raises(DataselectError, match="both in"):
        read_tables(path, path)


def test_what_is_missing_is_left_out(tmp_path: Path) -> None:
    left, right = tables()
    left = left.with_columns(
        pl.when(pl.col("index") == 3).then(None).otherwise(pl.col("a")).alias("a")
    )
    right = right.with_columns(
        pl.when(pl.col("index") == 5).then(float("nan")).otherwise(pl.col("loss")).alias("loss")
    ).filter(pl.col("index") != 7)
    right = pl.concat([right, pl.DataFrame({"index": [99], "loss": [1.0], "z": [1.0]})])
    paths = written(tmp_path, left=left, right=right)
    runs = read_tables(paths["left"], paths["right"])
    assert len(runs.run_ids) == 17
    assert runs.left_out == {
        "3": "a weight that is missing",
        "5": "a loss that is missing or not finite",
        "7": "no losses",
        "99": "no weights",
    }
    # A loss that is not asked for does not matter.
    assert "5" in read_tables(paths["left"], paths["right"], targets=["z"]).run_ids


def test_percentages_are_told_from_shares(tmp_path: Path) -> None:
    left, right = tables()
    paths = written(tmp_path, left=left.with_columns(pl.col("a", "b", "c") * 100), right=right)
    with pytest.raises(DataselectError) as error:
        read_tables(paths["left"], paths["right"])
    assert "add up to 100" in str(error.value)
    assert "--normalise" in str(error.value)
    runs = read_tables(paths["left"], paths["right"], normalise=True)
    np.testing.assert_allclose(runs.weights.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda left, right: (left, right.rename({"index": "nr"})), "--key NAME"),
        (lambda left, right: (left, pl.concat([right, right[:1]])), "'1' stands twice"),
        (
            lambda left, right: (
                left,
                right.with_columns(index=pl.lit("x") + pl.col("index").cast(str)),
            ),
            "the same ids",
        ),
        (lambda left, right: (left.with_columns(c=pl.lit("web")), right), "holds no numbers"),
    ],
)
def test_tables_that_do_not_fit(tmp_path: Path, change: object, message: str) -> None:
    assert callable(change)
    left, right = change(*tables())
    paths = written(tmp_path, left=left, right=right)
    with pytest.raises(DataselectError) as error:
        read_tables(paths["left"], paths["right"])
    assert message in str(error.value)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    left, right = tables()
    paths = written(tmp_path, left=left, right=right)
    text = paths["left"].read_text()
    paths["left"].write_text(text.replace("b", "a", 1))
    with pytest.raises(DataselectError, match="has two columns 'a'"):
        read_tables(paths["left"], paths["right"])


def test_a_wrong_target_gets_the_nearest(tmp_path: Path) -> None:
    left, right = tables()
    paths = written(tmp_path, left=left, right=right)
    with pytest.raises(DataselectError, match="did you mean loss"):
        read_tables(paths["left"], paths["right"], targets=["los"])
    (tmp_path / "junk.parquet").write_text("no")
    with pytest.raises(DataselectError, match="cannot be read as a table"):
        read_tables(tmp_path / "junk.parquet", paths["right"])


def test_rows_that_are_rounded_are_taken_as_they_are() -> None:
    weights = np.array([[0.334, 0.333, 0.335]])
    assert Runs(("a", "b", "c"), ("x",), ("1",), weights, np.array([[1.0]])).weights is weights
    with pytest.raises(DataselectError, match=r"least of them is -0\.1"):
        Runs(("a", "b"), ("x",), ("1",), np.array([[-0.1, 1.1]]), np.array([[1.0]]))
    with pytest.raises(DataselectError, match="not finite"):
        Runs(("a", "b"), ("x",), ("1",), np.array([[0.5, 0.5]]), np.array([[np.inf]]))
