"""Kendall's tau_b and Spearman's rho against definitions, SciPy and their symmetries."""

from itertools import combinations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from nasproxy.ranking.kernel import sorted_pairs, tau_and_rho

SIZES = st.integers(3, 60)
FEW = st.integers(-3, 3).map(float)
ANY = st.floats(allow_nan=False, width=64)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(SIZES)
    x, y = (draw(arrays(np.float64, n, elements=draw(st.sampled_from([FEW, ANY])))) for _ in "xy")
    assume(x.min() != x.max() and y.min() != y.max())
    return x, y


def both(x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    known = sorted_pairs(x, y)
    counts = np.ones(len(x), np.int64) if weights is None else weights[known.order]
    return tau_and_rho(known.x, known.y, counts)


# The first call compiles.
@settings(deadline=None)
@given(pairs())
def test_both_are_scipys(sides: tuple[np.ndarray, np.ndarray]) -> None:
    tau, rho = both(*sides)
    x, y = (stats.rankdata(side) for side in sides)
    assert abs(tau - stats.kendalltau(x, y).statistic) < 1e-12
    assert abs(rho - np.corrcoef(x, y)[0, 1]) < 1e-12


@settings(deadline=None)
@given(pairs())
def test_tau_is_its_definition_over_all_pairs(sides: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = (stats.rankdata(side) for side in sides)
    signs = np.array(
        [(np.sign(x[i] - x[j]), np.sign(y[i] - y[j])) for i, j in combinations(range(len(x)), 2)]
    )
    a, b = signs.T
    assert abs(both(*sides)[0] - (a @ b) / np.sqrt((a @ a) * (b @ b))) < 1e-12


@settings(deadline=None)
@given(pairs(), st.data())
def test_a_weight_is_a_repetition(
    sides: tuple[np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    n = len(sides[0])
    weights = data.draw(arrays(np.int64, n, elements=st.integers(0, 4)))
    x, y = (np.repeat(side, weights) for side in sides)
    if len(x) == 0 or x.min() == x.max() or y.min() == y.max():
        assert np.isnan(both(*sides, weights)).all()
    else:
        np.testing.assert_allclose(both(*sides, weights), both(x, y), rtol=0, atol=1e-12)


@settings(deadline=None)
@given(pairs(), st.data())
def test_order_and_sides_do_not_matter_and_negation_turns_the_sign(
    sides: tuple[np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    x, y = sides
    shuffled = np.array(data.draw(st.permutations(range(len(x)))))
    found = both(x, y)
    np.testing.assert_allclose(both(x[shuffled], y[shuffled]), found, rtol=0, atol=1e-12)
    np.testing.assert_allclose(both(y, x), found, rtol=0, atol=1e-12)
    np.testing.assert_allclose(both(-x, y), -found, rtol=0, atol=1e-12)
    np.testing.assert_allclose(both(x, x), [1, 1], rtol=0, atol=1e-12)
    assert np.all(np.abs(found) <= 1 + 1e-12)
