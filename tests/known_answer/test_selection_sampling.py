"""Samples drawn by Gumbel noise, against the probabilities that they should have."""

import itertools

import numpy as np
import pytest
from scipy import stats

from dataselect.selection.choosing import choose
from dataselect.selection.noise import gumbel


def test_noise_is_standard_gumbel() -> None:
    noise = gumbel(7, 3, np.arange(200_000))
    assert stats.kstest(noise, "gumbel_r").pvalue > 0.01
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 0.01
    assert np.isfinite(noise).all()


def test_noise_belongs_to_the_document() -> None:
    rows = np.random.default_rng(0).permutation(1000)
    assert (gumbel(1, 2, rows) == gumbel(1, 2, np.arange(1000))[rows]).all()
    assert len(np.unique(np.concatenate([gumbel(s, f, rows) for s in (0, 1) for f in (0, 1)]))) == (
        4000
    )
    apart = [gumbel(*of, np.arange(5000)) for of in ((0, 0), (0, 1), (1, 0), (-1, 0), (2**70, 0))]
    for first, second in itertools.combinations(apart[:4], 2):
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.05
    assert (apart[4] == apart[0]).all()  # the lowest 64 bits count


def test_draws_without_replacement_have_the_probabilities_of_successive_sampling() -> None:
    """P(first a, then b) = p_a p_b / (1 − p_a) with p = softmax(s / T)."""
    scores, temperature, draws = np.array([0.0, 1.0, 2.0, -1.0]), 1.5, 40_000
    p = np.exp(scores / temperature)
    p /= p.sum()
    noise = gumbel(11, 0, np.arange(4 * draws)).reshape(draws, 4)
    order = np.argsort(-(scores / temperature + noise), axis=1)[:, :2]
    expected = {(a, b): p[a] * p[b] / (1 - p[a]) for a, b in itertools.permutations(range(4), 2)}
    counts = [int(((order == pair).all(axis=1)).sum()) for pair in expected]
    found = stats.chisquare(counts, [draws * value for value in expected.values()])
    assert found.pvalue > 0.01


def test_choosing_in_memory() -> None:
    scores = np.array([1.0, 3.0, np.nan, 3.0, 2.0])
    assert choose(scores, 2).tolist() == [False, True, False, True, False]
    cost = np.array([1, 5, 1, 4, 2])
    assert choose(scores, 10, cost=cost).tolist() == [False, True, False, True, False]
    assert choose(scores, 11, cost=cost).sum() == 3
    assert choose(scores, 99).sum() == 4
    group = np.array([0, 0, 0, 1, 1])
    found = choose(scores, np.array([1, 1]), group=group)
    assert found.tolist() == [False, True, False, True, False]


def test_the_temperature_goes_from_the_best_to_chance() -> None:
    scores = np.random.default_rng(0).normal(size=4_000)
    means = [
        scores[choose(scores, 400, temperature=t, seed=1)].mean() for t in (0.0, 0.1, 1.0, 5.0)
    ]
    assert means == sorted(means, reverse=True)
    assert means[0] == np.sort(scores)[-400:].mean()
    by_chance = scores[choose(scores, 400, temperature=float("inf"), seed=1)].mean()
    assert abs(by_chance) < 0.2


@pytest.mark.parametrize("log_weights", [False, True])
def test_a_tiny_temperature_is_the_best_and_a_huge_one_chance(log_weights: bool) -> None:
    scores = np.random.default_rng(2).normal(size=500)
    best = choose(scores, 50)
    for tiny in (5e-324, 1e-310, 1e-290):
        found = choose(scores, 50, temperature=tiny, log_weights=log_weights)
        assert (found == best).all()
    chance = choose(scores, 50, temperature=np.inf, seed=4, log_weights=log_weights)
    assert (choose(scores, 50, temperature=1e300, seed=4, log_weights=log_weights) == chance).all()
    noise = gumbel(4, 0, np.arange(500))
    assert (chance == (noise >= np.sort(noise)[-50])).all()


def test_scores_without_end_have_a_place_in_a_sample() -> None:
    scores = np.array([np.inf, 0.0, 1.0, -np.inf, np.nan])
    assert choose(scores, 1, temperature=1.0).tolist() == [True, False, False, False, False]
    assert choose(scores, 3, temperature=1.0).tolist() == [True, True, True, False, False]
    taken = [choose(scores, 2, temperature=np.inf, seed=s) for s in range(200)]
    assert np.sum(taken, axis=0)[:4].min() > 70
    assert not np.sum(taken, axis=0)[4]
