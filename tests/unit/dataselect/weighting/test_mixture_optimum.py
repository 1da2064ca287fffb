"""The optimum on the simplex, by closed forms and brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataselect.errors import DataselectError
from dataselect.weighting.bounds import Bounds
from dataselect.weighting.optimum import direct, published


def square(centre: np.ndarray):  # type: ignore[no-untyped-def]
    return lambda weights: ((weights - centre) ** 2).sum(axis=1)


def projected(centre: np.ndarray) -> np.ndarray:
    """The nearest point of the simplex, by sorting (Held, Wolfe and Crowder 1974)."""
    falling = np.sort(centre)[::-1]
    rest = (np.cumsum(falling) - 1) / np.arange(1, len(centre) + 1)
    return np.maximum(centre - rest[falling > rest][-1], 0)


@settings(max_examples=25)
@given(st.lists(st.floats(-1, 1.5), min_size=2, max_size=7))
def test_direct_search_finds_the_nearest_point(values: list[float]) -> None:
    centre = np.array(values)
    found = direct(square(centre), len(centre), screened=64)
    assert found.weights.sum() == pytest.approx(1)
    assert (found.weights >= 0).all()
    np.testing.assert_allclose(found.weights, projected(centre), atol=2e-3)


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.floats(-1, 2), st.floats(0, 0.3), st.floats(0.35, 1)), min_size=4, max_size=7
    )
)
def test_within_bounds(values: list[tuple[float, float, float]]) -> None:
    centre, low, high = np.array(values).T
    low = low / max(1.0, 1.2 * low.sum())
    bounds = Bounds(low.copy(), high.copy())
    inside = bounds.moved_inside(centre[None])[0]
    assert inside.sum() == pytest.approx(1)
    assert (inside >= low - 1e-12).all()
    assert (inside <= high + 1e-12).all()
    # The nearest point: where weight could move from i to j, it gains nothing.
    slope = inside - centre
    gives, takes = inside > low + 1e-9, inside < high - 1e-9
    assert slope[gives].max(initial=-np.inf) <= slope[takes].min(initial=np.inf) + 1e-9
    found = direct(square(centre), len(centre), bounds=bounds, screened=64)
    np.testing.assert_allclose(found.weights, inside, atol=3e-3)


def test_a_linear_loss_fills_the_cheapest_first() -> None:
    costs = np.array([3.0, 1.0, 2.0, 5.0])
    bounds = Bounds(np.array([0.1, 0, 0, 0.05]), np.array([1.0, 0.5, 1, 1]))
    found = direct(lambda w: w @ costs, 4, bounds=bounds, screened=16)
    np.testing.assert_allclose(found.weights, [0.1, 0.5, 0.35, 0.05], atol=1e-6)
    assert found.predicted == pytest.approx(found.weights @ costs)


def test_steps_without_gradient_are_searched_too() -> None:
    def stairs(weights: np.ndarray) -> np.ndarray:
        return np.floor(20 * np.abs(weights - np.array([0.6, 0.4, 0.0]))).sum(axis=1)

    assert direct(stairs, 3, screened=64).predicted == 0


def test_the_least_of_two_valleys() -> None:
    def two(weights: np.ndarray) -> np.ndarray:
        return np.minimum(2 - 1.9 * weights[:, 0] ** 4, 1 - 1.0 * weights[:, 1] ** 4)

    found = direct(two, 8, screened=256)
    np.testing.assert_allclose(found.weights[1], 1, atol=1e-6)


def test_published_is_the_mean_of_the_best_draws() -> None:
    centre = np.array([0.5, 0.3, 0.2])
    draws = np.random.default_rng(42).dirichlet(np.ones(3), size=50_000)
    best = draws[np.argsort(square(centre)(draws), kind="stable")[:128]]
    for threads in (1, 3):
        found = published(square(centre), 3, draws=50_000, threads=threads)
        np.testing.assert_array_equal(found.weights, best.mean(axis=0))
    assert found.evaluated == 50_000


def test_published_takes_the_first_of_equals() -> None:
    draws = np.random.default_rng(42).dirichlet(np.ones(3), size=40_000)
    found = published(lambda w: np.zeros(len(w)), 3, draws=40_000, best=10)
    np.testing.assert_allclose(found.weights, draws[:10].mean(axis=0))


def test_published_shrinks_towards_uniform() -> None:
    """No draw of 25 weights comes near a corner, and their mean is nearer still to the middle."""
    corner = np.eye(25)[0]
    drawn = published(square(corner), 25, draws=20_000)
    assert drawn.weights[0] < 0.5
    assert direct(square(corner), 25, screened=64).weights[0] == pytest.approx(1)


def test_published_within_bounds() -> None:
    bounds = Bounds(np.array([0.3, 0, 0]), np.array([1, 0.25, 1]))
    found = published(square(np.array([0.0, 1.0, 0.0])), 3, draws=5000, bounds=bounds)
    assert found.weights[0] >= 0.3
    assert found.weights[1] <= 0.25
    tight = Bounds(np.zeros(3), np.array([0.334, 0.334, 0.334]))
    with pytest.raises(DataselectError, match="--optimiser direct"):
        published(square(np.zeros(3)), 3, draws=5000, bounds=tight)


def test_threads_do_not_matter() -> None:
    centre = np.array([0.5, 0.2, 0.2, 0.1])
    one, two = (direct(square(centre), 4, threads=t) for t in (1, 2))
    np.testing.assert_array_equal(one.weights, two.weights)


def test_bounds_by_name() -> None:
    bounds = Bounds.named(["a", "b", "c"], {"b": (0.1, 0.2), "*": (0.0, 0.6)})
    assert bounds.low.tolist() == [0, 0.1, 0]
    assert bounds.high.tolist() == [0.6, 0.2, 0.6]
    assert Bounds.named(["a", "b"], None).high.tolist() == [1, 1]
    for given_, message in (
        ({"d": (0.0, 1.0)}, "not among the weights"),
        ({"a": (0.5, 0.2)}, "least <= greatest"),
        ({"a": (0.7, 1.0), "b": (0.7, 1.0)}, "no weights within them"),
        ({"*": (0.0, 0.2)}, "no weights within them"),
    ):
        with pytest.raises(DataselectError) as error:
            Bounds.named(["a", "b", "c"], given_)
        assert message in str(error.value)
