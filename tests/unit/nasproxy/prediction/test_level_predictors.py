"""Fitting, saving and reading back of the predictors on columns; their refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nasproxy import spaces
from nasproxy.errors import NasproxyError
from nasproxy.prediction import Features, Predictor, get, load
from nasproxy.prediction.best import Best, FittedBest
from nasproxy.prediction.gaussian_process import GaussianProcess
from nasproxy.prediction.levels import class_scores, complete, features_of
from nasproxy.prediction.trees import Trees
from nasproxy.spaces.flexibert import FlexiBERT
from nasproxy.spaces.nasbench201 import Cell
from zerocost.errors import ZerocostError

SPACE = spaces.get("nasbench201")
CELLS = SPACE.architectures()[:120]


@pytest.fixture(scope="module")
def known() -> tuple[Features, np.ndarray]:
    rng = np.random.default_rng(0)
    features = features_of(SPACE, CELLS, {"made_up": rng.normal(size=len(CELLS))})
    column = features.columns(["cell:terms_3"])[:, 0]
    return features, 80 + 3 * column + rng.normal(size=len(CELLS))


SMALL: dict[str, Predictor] = {
    "gp": GaussianProcess(steps=10),
    "trees": Trees(count=20),
    "best": Best(folds=2),
}
PREDICTORS = list(SMALL)


@pytest.mark.parametrize("name", PREDICTORS)
def test_saved_and_read_back(name: str, known: tuple[Features, np.ndarray], tmp_path: Path) -> None:
    features, truth = known
    fitted = SMALL[name].fit(features.take(range(60)), truth[:60], seed=0)
    assert fitted.kind == name
    before = fitted.predict(features)
    fitted.save(tmp_path / "kept")
    after = load(tmp_path / "kept").predict(features)
    np.testing.assert_array_equal(before.mean, after.mean)
    np.testing.assert_array_equal(before.spread, after.spread)
    assert (before.spread >= 0).all()
    assert not {p.suffix for p in (tmp_path / "kept").rglob("*") if p.is_file()} - {
        ".json",
        ".safetensors",
    }
    with pytest.raises(ZerocostError, match="holds a predictor"):
        fitted.save(tmp_path / "kept")
    fitted.save(tmp_path / "kept", overwrite=True)


@pytest.mark.parametrize("name", PREDICTORS)
def test_seed_decides_and_rows_do_not_matter(name: str, known: tuple[Features, np.ndarray]) -> None:
    features, truth = known
    fitted = SMALL[name].fit(features.take(range(60)), truth[:60], seed=1)
    again = SMALL[name].fit(features.take(range(60)), truth[:60], seed=1)
    all_of_them = fitted.predict(features).mean
    np.testing.assert_array_equal(again.predict(features).mean, all_of_them)
    few = fitted.predict(features.take([99, 7])).mean
    np.testing.assert_allclose(few, all_of_them[[99, 7]], atol=1e-10)


@pytest.mark.parametrize("name", PREDICTORS)
def test_only_the_order_of_accuracies_and_scores_counts(
    name: str, known: tuple[Features, np.ndarray]
) -> None:
    features, truth = known
    mean = SMALL[name].fit(features, truth, seed=0).predict(features).mean
    np.testing.assert_allclose(
        SMALL[name].fit(features, np.exp(truth / 10), seed=0).predict(features).mean, mean
    )


@pytest.mark.parametrize("name", PREDICTORS)
def test_refusals(name: str, known: tuple[Features, np.ndarray]) -> None:
    features, truth = known
    predictor = SMALL[name]
    with pytest.raises(NasproxyError, match="training architectures"):
        predictor.fit(features.take([0, 1]), truth[:2], seed=0)
    with pytest.raises(NasproxyError, match="constant"):
        predictor.fit(features, np.full(len(CELLS), 90.0), seed=0)
    fitted = predictor.fit(features, truth, seed=0)
    with pytest.raises(NasproxyError, match=r"made_up|no column"):
        fitted.predict(features_of(SPACE, CELLS))


def test_best_takes_the_better_member(known: tuple[Features, np.ndarray]) -> None:
    features, truth = known
    found = Best(folds=2).fit(features, truth, seed=0)
    assert isinstance(found, FittedBest)
    assert set(found.taus) == {"gp", "trees"}
    assert sum(found.weights) == 1
    assert Best(members=("trees",)).fit(features, truth, seed=0).weights == (1.0,)


def test_constant_columns_are_left_out() -> None:
    features = Features(tuple("abcd"), ("x:a",), np.ones((4, 1)))
    with pytest.raises(NasproxyError, match="none of the 1 columns varies"):
        get("gp").fit(features, np.arange(4.0), seed=0)


def test_scores_by_function() -> None:
    """The mean over the spellings of a function; NaN where it has none."""
    alone = Cell((3, 0, 0, 0, 3, 0))
    dead = Cell((3, 2, 0, 0, 3, 0))  # 0>2 leads nowhere
    other = Cell((1, 1, 1, 1, 1, 1))
    scores = class_scores(
        SPACE, [alone, other], [str(alone), str(dead)], {"p": np.array([1.0, 3.0])}
    )
    np.testing.assert_array_equal(scores["p"], [2.0, np.nan])
    np.testing.assert_array_equal(complete(scores, 2), [True, False])


def test_a_space_without_a_description_is_described_by_its_choices() -> None:
    space = FlexiBERT("as_specified")
    rng = np.random.default_rng(0)
    features = features_of(space, [space.sample(rng) for _ in range(5)])
    hidden = [name for name in features.names if name.startswith("choice:hidden=")]
    np.testing.assert_array_equal(features.columns(hidden).sum(axis=1), 1)


def test_trees_read_numbers_that_32_bits_do_not_hold() -> None:
    sizes = 10.0 ** np.linspace(20, 300, 40)
    features = Features(tuple(map(str, range(40))), ("proxy:dss",), sizes[:, None])
    found = Trees(count=20).fit(features, np.arange(40.0), seed=0).predict(features).mean
    assert (np.diff(found) > 0).mean() > 0.9
    assert (np.diff(found) >= 0).all()
