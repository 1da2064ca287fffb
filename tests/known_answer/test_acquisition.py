"""Expected improvement against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from nasproxy.errors import NasproxyError
from nasproxy.prediction import Prediction
from nasproxy.search.acquisition import acquisition_of, expected_improvement

RNG = np.random.default_rng(0)


def test_expected_improvement_is_the_mean_of_what_is_gained() -> None:
    mean, spread = np.array([0.0, 1.0, -2.0, 0.5]), np.array([1.0, 0.3, 2.0, 1.5])
    draws = mean + spread * RNG.normal(size=(400_000, 4))
    sampled = np.maximum(draws - 0.7, 0).mean(axis=0)
    found = expected_improvement(Prediction(mean, spread), 0.7, RNG)
    np.testing.assert_allclose(found, sampled, atol=5e-3)


def test_without_spread_it_is_the_gain() -> None:
    certain = Prediction(np.array([1.0, 3.0]), np.zeros(2))
    np.testing.assert_array_equal(expected_improvement(certain, 2.0, RNG), [0.0, 1.0])


def test_what_nobody_can_be_sure_of_is_wanted_more() -> None:
    same = Prediction(np.zeros(3), np.array([0.1, 0.5, 1.0]))
    for name in ("ei", "ucb"):
        assert (np.diff(acquisition_of(name)(same, 0.0, RNG)) > 0).all()
    draws = np.stack([acquisition_of("thompson")(same, 0.0, RNG) for _ in range(2000)])
    np.testing.assert_allclose(draws.std(axis=0), same.spread, rtol=0.1)


def test_an_unknown_acquisition() -> None:
    with pytest.raises(NasproxyError, match="uct"):
        acquisition_of("uct")
