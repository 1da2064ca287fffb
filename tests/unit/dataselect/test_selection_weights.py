"""weights.json, transforms and the weighted sum."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dataselect.errors import DataselectError
from dataselect.selection.aggregate import aggregate, scores_of_column
from dataselect.selection.candidates import column_summaries
from dataselect.selection.summary import summarise
from dataselect.selection.transforms import Stats, normalise
from dataselect.selection.weights import read_weights, weights_from_json, write_weights

VALUES = np.array([1.0, 2.0, 2.0, 4.0, 11.0])


def of(values: np.ndarray, **options: Any) -> list[float]:
    return normalise(values, Stats.of(summarise(VALUES)), **options).tolist()


def test_minmax() -> None:
    assert of(VALUES, transform="minmax") == [0.0, 0.1, 0.1, 0.3, 1.0]
    assert of(VALUES, transform="minmax", orientation=-1) == [1.0, 0.9, 0.9, 0.7, 0.0]


def test_zscore_is_over_n_and_clipped() -> None:
    deviation = math.sqrt(np.mean((VALUES - 4) ** 2))
    assert of(VALUES, transform="zscore", clip=1.0) == pytest.approx(
        [-3 / deviation, -2 / deviation, -2 / deviation, 0.0, 1.0]
    )


def test_rank_counts_equal_scores_half() -> None:
    values = np.repeat([3.0, 5.0, 8.0], [200, 600, 200])
    stats = Stats.of(summarise(values))
    ranks = normalise(np.array([3.0, 5.0, 8.0]), stats, transform="rank")
    assert ranks == pytest.approx([0.1, 0.5, 0.9], abs=1.5e-3)


def test_rank_of_distinct_scores_is_their_place() -> None:
    values = np.random.default_rng(1).lognormal(sigma=3, size=20_001)
    ranks = normalise(values, Stats.of(summarise(values)), transform="rank")
    exact = np.argsort(np.argsort(values)) / 20_000
    assert abs(ranks - exact).max() < 1.5e-3


@pytest.mark.parametrize(
    ("transform", "orientation", "worst", "mean"),
    [
        ("minmax", 1, 0.0, 0.3),
        ("minmax", -1, 0.0, 0.7),
        ("rank", 1, 0.0, 0.5),
        ("rank", -1, 0.0, 0.5),
        ("zscore", 1, -2.0, 0.0),
        ("zscore", -1, -2.0, 0.0),
    ],
)
def test_a_missing_score_gets_what_its_rule_says(
    transform: str, orientation: int, worst: float, mean: float
) -> None:
    gone = np.array([math.nan])
    options: Any = {"transform": transform, "orientation": orientation, "clip": 2.0}
    assert math.isnan(of(gone, **options, missing="drop")[0])
    assert of(gone, **options, missing="worst") == [worst]
    assert of(gone, **options, missing="mean") == pytest.approx([mean])


def test_scores_beyond_the_stats_count_as_the_nearer_end() -> None:
    beyond = np.array([-math.inf, -5.0, 99.0, math.inf])
    for transform, low, high in (("minmax", 0.0, 1.0), ("rank", 0.1, 0.9)):  # mid-rank of 1 in 5
        found = of(beyond, transform=transform)
        assert found == pytest.approx([low, low, high, high], abs=1e-3)


def test_a_constant_column_says_nothing() -> None:
    stats = Stats.of(summarise(np.full(4, 7.0)))
    for transform in ("minmax", "rank", "zscore"):
        found = normalise(np.array([7.0, 8.0]), stats, transform=transform, orientation=-1)
        assert found.tolist() == [0.0, 0.0]


def test_the_sum_is_the_formula_and_drops_what_is_missing() -> None:
    weights = weights_from_json(
        {
            "columns": {
                "a": {"weight": 0.75, "transform": "minmax"},
                "b": {"weight": 0.25, "transform": "minmax", "missing": "worst"},
            }
        }
    )
    table = pa.table({"a": [0.0, 10.0, None, 5.0], "b": [1, 3, 3, None]})
    summaries = column_summaries([lambda: table[:1], lambda: table[1:]], ["a", "b"])
    resolved = weights.resolved(
        {"a": 1, "b": -1}, {name: Stats.of(own) for name, own in summaries.items()}
    )
    columns = {name: scores_of_column(table, name) for name in ("a", "b")}
    found = aggregate(columns, resolved)
    assert found[[0, 1, 3]].tolist() == [0.25, 0.75, 0.375]
    assert math.isnan(found[2])


@pytest.mark.parametrize("transform", ["minmax", "rank", "zscore"])
@pytest.mark.parametrize("orientation", [1, -1])
@pytest.mark.parametrize("weight", [2.0, -2.0])
def test_the_worst_is_never_the_best_whatever_the_sign(
    transform: str, orientation: int, weight: float
) -> None:
    column = {"weight": weight, "transform": transform, "orientation": orientation}
    scores = np.append(VALUES, np.nan)
    sums = {}
    for missing in ("mean", "worst"):
        weights = weights_from_json({"columns": {"a": {**column, "missing": missing}}})
        resolved = weights.resolved({}, {"a": Stats.of(summarise(VALUES))})
        sums[missing] = aggregate({"a": scores}, resolved)
    assert sums["worst"][-1] == sums["worst"].min() < sums["mean"][-1]
    np.testing.assert_allclose(sums["worst"][:-1], sums["mean"][:-1], atol=1e-15)


@pytest.mark.parametrize("wrong", [{"low": 9.0}, {"deviation": -1.0}])
def test_stats_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    stats = {"low": 0.0, "high": 8.0, "mean": 4.0, "deviation": 1.0} | wrong
    with pytest.raises(DataselectError, match="low at most high"):
        Stats.from_json(stats)


@pytest.mark.parametrize(
    "text",
    [
        '{"columns": {"a": 1' + "0" * 400 + "}}",
        '{"columns": {"a": {"weight": 1, "stats": {"low": 0, "high": 1' + "0" * 400 + "}}}}",
        "[" * 100_000,
    ],
)
def test_a_file_beyond_numbers_and_depth_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "w.json").write_text(text)
    with pytest.raises(DataselectError):
        read_weights(tmp_path / "w.json")


def test_a_file_by_hand_needs_weights_only(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    path.write_text('{"columns": {"a": 2, "b": {"weight": 1, "orientation": -1}}}')
    found = read_weights(path)
    assert found.columns["a"].weight == 2
    assert found.columns["a"].orientation is None
    assert (found.columns["b"].orientation, found.columns["b"].missing) == (-1, "drop")


def test_weights_survive_writing(tmp_path: Path) -> None:
    stats = Stats.of(summarise(np.random.default_rng(0).normal(size=50)))
    weights = weights_from_json(
        {"columns": {"a": {"weight": 0.1, "clip": 2.5, "transform": "zscore"}}, "made_by": {"x": 1}}
    ).resolved({"a": -1}, {"a": stats})
    write_weights(weights, tmp_path / "w.json")
    assert read_weights(tmp_path / "w.json") == weights


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "there are no columns"),
        ('{"columns": {}}', "there are no columns"),
        ('{"columns": {"a": 0}}', "every weight is 0"),
        ('{"columns": {"a": true}}', "'a' has the weight True"),
        ('{"columns": {"a": NaN}}', "'a' has the weight nan"),
        ('{"columns": {"a": {"weight": 1, "transfrom": "rank"}}}', "did you mean transform?"),
        ('{"columns": {"a": {"weight": 1, "transform": "log"}}}', "the transform 'log'"),
        ('{"columns": {"a": {"weight": 1, "missing": 0}}}', "the missing 0"),
        ('{"columns": {"a": {"weight": 1, "orientation": 2}}}', "the orientation 2"),
        ('{"columns": {"a": {"weight": 1, "stats": {"low": 1}}}}', "'a': stats 'high' is None"),
        ('{"columns": {"a": {"weight": 1, "clip": 0}}}', "the clip 0.0"),
        ('{"columns": {"a": 1, "b": 2, "a": 3}}', "the key 'a' stands there twice"),
        ('{"columns": {"a": {"weight": 1, "weight": 2}}}', "the key 'weight' stands there twice"),
        ('{"columns": {"a": 1e308, "b": -1e308}}', "beyond the range of numbers"),
        ('{"columns": {"a": {"weight": 1, "transform": "zscore", "clip": 1e200}}}', "beyond the"),
        (
            '{"columns": {"a": {"weight": 1, "stats": '
            '{"low": 0, "high": 1, "mean": 0, "deviation": 1, "quantiles": [0]}}}}',
            "'a': the transform rank has 1 quantiles",
        ),
        (
            '{"columns": {"a": {"weight": 1, "stats": {"low": 0, "high": 1, "mean": 0, '
            '"deviation": 1, "quantiles": [0, 1' + "0" * 400 + "]}}}}",
            "not finite, or quantiles",
        ),
    ],
)
def test_wrong_weights_say_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "weights.json"
    path.write_text(text)
    with pytest.raises(DataselectError) as caught:
        read_weights(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_stats_are_json(tmp_path: Path) -> None:
    stats = Stats.of(summarise(VALUES))
    assert Stats.from_json(json.loads(json.dumps(stats.to_json()))) == stats
    with pytest.raises(DataselectError, match="no finite score"):
        Stats.of(summarise(np.array([math.nan, math.inf])))
