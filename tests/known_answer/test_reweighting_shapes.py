"""The weights of the published strategies, against values worked out independently."""

import math

import numpy as np
import pytest
import torch

from dataselect.reweighting import (
    Extremes,
    Linear,
    LinUpper,
    LossReweighter,
    Quadratic,
    Strategy,
    Uniform,
)

RANDOM = np.random.default_rng(0).random(128)
SPACED = np.linspace(1, 3, 128)

# Losses, strategy, r; smallest and largest n*w, effective sample size / n, mass of the lower half.
Shape = tuple[np.ndarray, Strategy, float, float, float, float | None, float | None]
SHAPES: list[Shape] = [
    (RANDOM, LinUpper(), 0.4, 0.115, 1.401, 0.795, 0.300),
    (RANDOM, LinUpper(), 1.0, 0.443, 1.203, 0.931, 0.399),
    (RANDOM, LinUpper(), 100.0, 0.992, 1.002, None, None),
    (RANDOM, Quadratic(), 0.4, 0.162, 1.970, 0.710, None),
    (RANDOM, Extremes(), 0.4, 0.199, 2.425, 0.683, None),
    (SPACED, LinUpper(), 0.4, 0.120, 1.465, 0.778, 0.267),
    (SPACED, LinUpper(), 1.0, 0.451, 1.227, 0.929, None),
    (SPACED, Quadratic(), 0.4, 0.151, 1.842, 0.750, 0.500),
    (SPACED, Extremes(), 0.4, 0.225, 2.687, 0.676, 0.500),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_shape_of_the_weights(shape: Shape, dtype: torch.dtype) -> None:
    losses, strategy, r, low, high, size, mass = shape
    found = LossReweighter(strategy, r=r)(torch.tensor(losses, dtype=dtype))
    assert found.stats.weight_range == pytest.approx((low, high), abs=6e-4)
    if size is not None:
        assert found.stats.effective_sample_size / 128 == pytest.approx(size, abs=6e-4)
    if mass is not None:
        assert found.stats.lower_half_mass == pytest.approx(mass, abs=6e-4)


@pytest.mark.parametrize(
    ("strategy", "worth"),
    [
        (LinUpper(), [0.0, 0.5, 1.0, 1.0, 1.0]),
        (Quadratic(), [0.0, 0.75, 1.0, 0.75, 0.0]),
        (Extremes(), [1.0, 0.5, 0.0, 0.5, 1.0]),
        (Linear(), [0.0, 0.25, 0.5, 0.75, 1.0]),
        (Uniform(), [1.0, 1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_five_losses_by_hand(strategy: Strategy, worth: list[float]) -> None:
    # Losses 1 .. 5 are h = -1, -1/2, 0, 1/2, 1.
    found = LossReweighter(strategy, r=0.7)(torch.arange(1.0, 6.0, dtype=torch.float64))
    expected = np.exp(np.array(worth) / 0.7)
    expected /= expected.sum()
    np.testing.assert_allclose(found.weights, expected, rtol=1e-14)
    assert float(found.loss) == pytest.approx(float(expected @ np.arange(1, 6)), rel=1e-14)


@pytest.mark.parametrize("strategy", [LinUpper(), Quadratic(), Extremes(), Linear()])
def test_weights_solve_the_regularised_problem(strategy: Strategy) -> None:
    """w maximises Σ w f - r KL(w | uniform): no other point of the simplex does better."""
    rng = np.random.default_rng(1)
    losses = rng.random(12)
    r = 0.4
    w = LossReweighter(strategy, r=r)(torch.tensor(losses)).weights.numpy()
    h = 2 * (losses - losses.min()) / np.ptp(losses) - 1
    f = strategy(torch.tensor(h)).numpy()

    def value(weights: np.ndarray) -> float:
        return float(weights @ f - r * np.sum(weights * np.log(12 * weights)))

    best = value(w)
    # The maximum is r log of the mean of exp(f / r).
    assert best == pytest.approx(r * math.log(np.mean(np.exp(f / r))), rel=1e-12)
    for _ in range(200):
        other = rng.dirichlet(np.ones(12))
        assert value(0.99 * w + 0.01 * other) < best
