"""Which weight vectors a design visits."""

import numpy as np
import pytest

from dataselect.errors import DataselectError
from dataselect.weighting.designs import (
    Design,
    anchors,
    concatenate,
    dirichlet,
    low_discrepancy,
    sparse,
)

NAMES = [f"score{i}" for i in range(25)]


def test_the_published_design() -> None:
    found = dirichlet(NAMES)
    expected = np.random.default_rng(1048).dirichlet(np.ones(25), size=256)
    np.testing.assert_array_equal(found.weights, expected)
    assert (found.run_ids[0], found.run_ids[-1]) == ("dirichlet-0000", "dirichlet-0255")


def test_a_larger_design_begins_with_a_smaller_one() -> None:
    for make in (
        lambda runs: dirichlet(NAMES, runs, alpha=0.3, seed=1),
        lambda runs: low_discrepancy(NAMES, runs, seed=1),
        lambda runs: sparse(NAMES, runs, active=4, seed=1),
    ):
        small, large = make(13), make(50)
        np.testing.assert_array_equal(small.weights, large.weights[:13])
        assert small.run_ids == large.run_ids[:13]


def test_alpha_prefers_few_scores_or_many() -> None:
    few, many = (dirichlet(NAMES, 300, alpha=a, seed=0).weights for a in (0.1, 10.0))
    assert few.max(axis=1).mean() > 0.3
    assert many.max(axis=1).mean() < 0.1
    own = dirichlet(["a", "b"], 4000, alpha=np.array([3.0, 1.0]), seed=0).weights
    assert own.mean(axis=0) == pytest.approx([0.75, 0.25], abs=0.01)


def test_low_discrepancy_is_uniform_on_the_simplex_and_more_even_than_chance() -> None:
    names, runs = NAMES[:6], 256

    def off(weights: np.ndarray) -> float:
        """The largest distance of a column's distribution from Beta(1, 5), its own."""
        probability = 1 - (1 - np.sort(weights, axis=0)) ** 5
        at = (np.arange(runs) + 0.5) / runs
        return float(np.abs(probability - at[:, None]).max(axis=0).mean())

    even = np.mean([off(low_discrepancy(names, runs, seed=s).weights) for s in range(8)])
    chance = np.mean([off(dirichlet(names, runs, seed=s).weights) for s in range(8)])
    assert even < 0.6 * chance
    assert even < 0.03


@pytest.mark.parametrize("active", [1, 4, 7, 25])
def test_sparse_designs_deal_scores_evenly(active: int) -> None:
    used = sparse(NAMES, 90, active=active, seed=3).weights > 0
    assert (used.sum(axis=1) == active).all()
    times = used.cumsum(axis=0)
    assert (np.ptp(times, axis=1) <= 1).all()


def test_anchors() -> None:
    found = anchors(["a", "b"])
    assert found.run_ids == ("uniform", "only:a", "only:b")
    assert found.weights.tolist() == [[0.5, 0.5], [1, 0], [0, 1]]


def test_designs_are_concatenated_by_id() -> None:
    both = concatenate(anchors(NAMES), dirichlet(NAMES, 3))
    assert len(both.run_ids) == 29
    assert both.weights.shape == (29, 25)
    with pytest.raises(DataselectError, match="'dirichlet-0000' stands twice"):
        concatenate(dirichlet(NAMES, 3), dirichlet(NAMES, 3, seed=0))
    with pytest.raises(DataselectError, match="the same scores"):
        concatenate(anchors(["a", "b"]), anchors(["b", "a"]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dirichlet(["a"]), "two scores or more"),
        (lambda: dirichlet(["a", "a"]), "each once"),
        (lambda: dirichlet(["a", "b"], 0), "1 or more"),
        (lambda: dirichlet(["a", "b"], alpha=0.0), "above 0"),
        (lambda: sparse(["a", "b"], 3, active=3, seed=0), "1 to 2"),
        (lambda: Design(("a", "b"), ("x",), np.array([[0.5, 0.6]])), "simplex"),
        (lambda: Design(("a", "b"), ("x",), np.array([[np.nan, 1.0]])), "simplex"),
        (lambda: Design(("a", "b"), ("x",), np.ones((2, 2)) / 2), "a row a run"),
    ],
)
def test_bad_designs(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(DataselectError) as error:
        make()
    assert message in str(error.value)
