"""What holds for all losses."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dataselect.reweighting import (
    Extremes,
    Linear,
    LinUpper,
    LossReweighter,
    MinMax,
    Quadratic,
    QuantileRange,
    RunningRange,
    WeightedSampler,
    weigh,
)

FINITE = st.floats(-1e30, 1e30, width=64)
ANY = st.one_of(FINITE, st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e-300]))
STRATEGIES = st.sampled_from([LinUpper(), Quadratic(), Extremes(), Linear()])
NORMALISATIONS = st.sampled_from([MinMax(), QuantileRange(), RunningRange(3)])
TEMPERATURES = st.one_of(st.floats(0, 1e6, exclude_min=True), st.just(math.inf))


def doubles(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@settings(deadline=None)
@given(
    st.lists(st.tuples(ANY, ANY), min_size=1, max_size=20),
    STRATEGIES,
    NORMALISATIONS,
    TEMPERATURES,
)
def test_weights_are_a_distribution_over_the_valid_samples(
    rows: list[tuple[float, float]], strategy: LinUpper, normalisation: MinMax, r: float
) -> None:
    losses, prior = (doubles(list(column)) for column in zip(*rows, strict=True))
    found = LossReweighter(strategy, r=r, normalisation=normalisation)(losses, prior)
    weights = found.weights.numpy()
    valid = np.isfinite(losses.numpy()) & np.isfinite(prior.numpy()) & (prior.numpy() > 0)
    assert np.isfinite(weights).all()
    assert math.isfinite(float(found.loss))
    assert (weights >= 0).all()
    assert (weights[~valid] == 0).all()
    assert weights.sum() == pytest.approx(1.0 if valid.any() else 0.0, abs=1e-9)


@settings(deadline=None)
@given(st.lists(FINITE, min_size=2, max_size=20), STRATEGIES, st.floats(0.05, 10))
def test_no_weight_is_more_than_exp_one_over_r_times_another(
    values: list[float], strategy: LinUpper, r: float
) -> None:
    weights = weigh(doubles(values), strategy, 1 / r).weights
    assert float(weights.max() / weights.min()) <= math.exp(1 / r) * (1 + 1e-9)


@settings(deadline=None)
@given(
    st.lists(st.integers(-1000, 1000), min_size=2, max_size=20),
    st.integers(1, 1000),
    st.integers(-1000, 1000),
    STRATEGIES,
    st.randoms(use_true_random=False),
)
def test_unit_offset_and_order_of_losses_do_not_matter(
    values: list[int], scale: int, offset: int, strategy: LinUpper, random: object
) -> None:
    weights = weigh(doubles(values), strategy, 2.0).weights
    moved = weigh(doubles([scale * v + offset for v in values]), strategy, 2.0).weights
    torch.testing.assert_close(moved, weights, rtol=1e-9, atol=1e-12)
    order = list(range(len(values)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = weigh(doubles([values[i] for i in order]), strategy, 2.0).weights
    torch.testing.assert_close(shuffled, weights[order], rtol=1e-12, atol=0)


@settings(deadline=None)
@given(st.lists(st.integers(0, 100), min_size=2, max_size=20), st.floats(0.1, 5))
def test_linupper_never_lowers_a_weight_as_the_loss_rises(values: list[int], r: float) -> None:
    ordered = doubles(sorted(values))
    weights = weigh(ordered, LinUpper(), 1 / r).weights
    assert (weights.diff() >= -1e-15).all()
    upper = ordered >= (ordered[0] + ordered[-1]) / 2
    np.testing.assert_allclose(weights[upper], weights[upper][0], rtol=1e-12)


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=30).filter(any),
    st.integers(0, 5),
    st.integers(0, 60),
)
def test_a_sampler_resumes_anywhere(weights: list[float], seed: int, position: int) -> None:
    def made() -> WeightedSampler:
        return WeightedSampler(np.array(weights), num_samples=40, seed=seed)

    whole, first, second = made(), made(), made()
    expected = [*whole, *whole]
    running = iter(first)
    seen = []
    for _ in range(position):
        try:
            seen.append(next(running))
        except StopIteration:
            running = iter(first)
            seen.append(next(running))
    second.load_state_dict(first.state_dict())
    while len(seen) < len(expected):
        seen += list(second)
    assert seen == expected
    assert all(weights[i] > 0 for i in seen)
