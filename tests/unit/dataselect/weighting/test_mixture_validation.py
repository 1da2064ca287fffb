"""Validation never looks at what it reports; intervals and curves by closed forms."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy.stats import spearmanr

from dataselect.errors import DataselectError
from dataselect.weighting.estimate import Estimate
from dataselect.weighting.regressors import regressor_named
from dataselect.weighting.validation import (
    _extrapolated,
    learning_curve,
    nested,
    spearman,
    spearman_interval,
)


@dataclass(frozen=True)
class Memory:
    """Knows the loss of every run that it was fitted to, and nothing of others."""

    name: str = "memory"
    seen: list[int] = field(default_factory=list)

    def fit(self, weights: np.ndarray, losses: np.ndarray, *, seed: int = 0) -> "Memory":
        self.seen.append(len(losses))
        known = dict(zip(map(tuple, weights.tolist()), losses.tolist(), strict=True))
        return Known(known)  # type: ignore[return-value]


@dataclass(frozen=True)
class Known:
    known: dict[tuple[float, ...], float]

    def predict(self, weights: np.ndarray) -> np.ndarray:
        return np.array([self.known.get(tuple(row), 0.0) for row in weights.tolist()])


def runs(n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(4), n)
    return weights, 3 - weights[:, 0] + rng.normal(0, 0.02, n)


def test_no_reported_run_has_been_seen() -> None:
    weights, losses = runs()
    memory = Memory()
    found = nested(memory, weights, losses)
    assert (found.predicted == 0).all()
    assert np.isnan(found.spearman.value)
    assert memory.seen == [48] * 5


def test_a_stack_chooses_within_the_other_folds() -> None:
    """Whatever of the losses of a fold is changed, predictions of that fold stay."""
    from dataselect.weighting.regressors.stack import Stack, folds_of

    weights, losses = runs(30)
    stack = Stack((regressor_named("ridge"), regressor_named("gp")))
    before = nested(stack, weights, losses, seed=3).predicted
    held = folds_of(30, 5, 3 + 1_000_003)[2]
    changed = losses.copy()
    changed[held] += np.random.default_rng(1).normal(0, 5, len(held))
    after = nested(stack, weights, changed, seed=3).predicted
    np.testing.assert_array_equal(before[held], after[held])
    assert not np.allclose(np.delete(before, held), np.delete(after, held))


def test_spearman_is_scipys_ties_included() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, 6, 80).astype(float), rng.integers(0, 6, 80).astype(float)
    assert spearman(left, right) == pytest.approx(spearmanr(left, right).statistic)
    assert np.isnan(spearman(np.ones(5), np.arange(5.0)))


def test_the_interval_of_spearman_holds_the_truth_as_often_as_it_says() -> None:
    """Bivariate normal with r = .8: ρ = 6/π asin(r/2)."""
    truth = 6 / np.pi * np.arcsin(0.4)
    rng = np.random.default_rng(1)
    held = 0
    for trial in range(60):
        x = rng.normal(size=60)
        y = 0.8 * x + 0.6 * rng.normal(size=60)
        found = spearman_interval(x, y, bootstraps=300, seed=trial)
        held += found.low <= truth <= found.high
    assert held >= 50


def test_r2_of_a_perfect_and_of_a_useless_fit() -> None:
    weights, losses = runs()
    assert nested(regressor_named("ridge"), weights, losses).r2 > 0.9
    noise = np.random.default_rng(5).normal(3, 1, 60)
    assert nested(regressor_named("ridge"), weights, noise).r2 < 0.2


def test_too_few_runs() -> None:
    weights, losses = runs(9)
    with pytest.raises(DataselectError, match="9 runs in 5 folds"):
        nested(regressor_named("ridge"), weights, losses)


def test_a_power_law_is_extrapolated() -> None:
    sizes, more = np.array([16, 32, 64]), np.array([128.0, 256.0])
    found = _extrapolated(sizes, 1 - 2 * sizes**-0.8, more)
    np.testing.assert_allclose(found, 1 - 2 * more**-0.8)
    # A curve that falls says nothing for more runs.
    flat = _extrapolated(sizes, np.array([0.9, 0.8, 0.7]), more)
    assert flat[0] == flat[1]
    assert _extrapolated(sizes, np.array([np.nan, 0.8, 0.7]), more) is None


def test_learning_curve_rises_and_tests_on_other_runs() -> None:
    weights, losses = runs(100)
    curve = learning_curve(regressor_named("ridge"), weights, losses, repeats=2)
    assert list(curve.by_runs) == [25, 50, 80]
    assert list(curve.expected) == [100, 200, 400]
    values = [own.value for own in curve.by_runs.values()]
    assert values[0] < values[-1]
    assert curve.expected[400].value >= curve.expected[100].value
    for own in (*curve.by_runs.values(), *curve.expected.values()):
        assert own.low <= own.value <= own.high
    memory = learning_curve(Memory(), weights, losses, repeats=1)
    assert np.isnan(memory.by_runs[50].value)
    assert memory.expected == {}
    assert learning_curve(regressor_named("ridge"), *runs(14)).by_runs == {}


def test_sizes_of_the_curve_are_compared_on_the_same_runs() -> None:
    """Predictions of a size are pooled, as those of the validation are."""
    weights, losses = runs(60)
    curve = learning_curve(regressor_named("ridge"), weights, losses, repeats=3)
    validated = nested(regressor_named("ridge"), weights, losses)
    assert curve.by_runs[48].value == pytest.approx(validated.spearman.value, abs=0.02)


def test_estimates() -> None:
    draws = np.arange(101.0)
    found = Estimate.between(50.0, draws)
    assert (found.value, found.low, found.high) == pytest.approx((50.0, 2.5, 97.5))
    # A gain of 10 that is 2 too large on average, by 0 to 4.
    found = Estimate.corrected(10.0, np.linspace(0, 4, 401))
    assert (found.value, found.low, found.high) == pytest.approx((8.0, 6.1, 9.9))
    # Where it is too small on average nothing is added; the scatter stays.
    found = Estimate.corrected(10.0, np.linspace(-4, 0, 401))
    assert (found.value, found.low, found.high) == pytest.approx((10.0, 8.1, 11.9))
    # A loss is good when it is small.
    found = Estimate.corrected(10.0, np.linspace(-4, 0, 401), sign=-1)
    assert (found.value, found.low, found.high) == pytest.approx((12.0, 10.1, 13.9))
    assert Estimate(1.0, float("nan"), float("nan")).to_json() == {
        "value": 1.0,
        "low": None,
        "high": None,
    }
