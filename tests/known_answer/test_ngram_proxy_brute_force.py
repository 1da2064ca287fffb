"""The n-gram proxy against counting by hand, formula by formula."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from dataselect.weighting.proxies import NgramProxy, TokenData, documents_of
from dataselect.weighting.proxies.ngram import (
    Smoothing,
    count_events,
    counted,
    cross_losses,
    events_of,
    fit_smoothing,
    losses_under,
    matches_of,
)

VOCABULARY = 6
texts = st.lists(st.lists(st.integers(1, VOCABULARY - 1), max_size=7), min_size=1, max_size=6)


def counts_by_hand(documents: list[list[int]], order: int) -> Counter[tuple[int, ...]]:
    """Of every n-gram that ends at a token, with a 0 before each document."""
    found: Counter[tuple[int, ...]] = Counter()
    for own in documents:
        tokens = [0, *own, 0]
        for at in range(1, len(tokens)):
            for n in range(1, order + 1):
                if at - n + 1 >= 0:
                    found[tuple(tokens[at - n + 1 : at + 1])] += 1
    return found


def probability(
    counts: Counter[tuple[int, ...]], total: int, history: list[int], token: int, s: Smoothing
) -> float:
    p = 1 / VOCABULARY
    for n in range(1, len(s.growth) + 1):
        if n - 1 > len(history):
            break
        context = tuple(history[len(history) - n + 1 :])
        seen = total if n == 1 else counts[context]
        if seen:
            a = math.exp(s.log_strength[n - 1]) * seen ** s.growth[n - 1]
            p = (counts[(*context, token)] + a * p) / (seen + a)
    return p


@settings(max_examples=40)
@given(candidates=texts, held_out=texts, order=st.integers(1, 4), seed=st.integers(0, 99))
def test_the_loss_is_that_of_the_formula(
    candidates: list[list[int]], held_out: list[list[int]], order: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    pool, held = documents_of(candidates, VOCABULARY), documents_of(held_out, VOCABULARY)
    chosen = np.sort(rng.permutation(len(pool))[: rng.integers(1, len(pool) + 1)])
    events = events_of({"held": held}, order)
    counts = count_events(matches_of(pool, events), pool, chosen, events)
    tokens = int(pool.lengths[chosen].sum())
    smoothing = Smoothing(rng.normal(size=order), rng.uniform(0, 1.2, size=order))
    found = counted(counts, tokens, events)
    weights = np.ones(2)
    value, gradient, sums = losses_under(found, VOCABULARY, smoothing, weights)

    by_hand = counts_by_hand([candidates[i] for i in chosen], order)
    expected = 0.0
    for own in held_out:
        line = [0, *own, 0]
        for at in range(1, len(line)):
            expected -= math.log(probability(by_hand, tokens, line[:at], line[at], smoothing))
            every = [probability(by_hand, tokens, line[:at], w, smoothing) for w in range(6)]
            assert sum(every) == pytest.approx(1)
    assert value == pytest.approx(expected)
    assert sums.sum() == pytest.approx(expected)

    def at(both: np.ndarray) -> float:
        return losses_under(found, VOCABULARY, Smoothing(both[:order], both[order:]), weights)[0]

    point = np.concatenate([smoothing.log_strength, smoothing.growth])
    slopes = approx_fprime(point, at, 1e-6)
    np.testing.assert_allclose(gradient.ravel(), slopes, atol=1e-3, rtol=1e-3)


@settings(max_examples=25)
@given(candidates=texts, held_out=texts, seed=st.integers(0, 99))
def test_counts_add_up_over_documents(
    candidates: list[list[int]], held_out: list[list[int]], seed: int
) -> None:
    pool = documents_of(candidates, VOCABULARY)
    events = events_of({"held": documents_of(held_out, VOCABULARY)}, 3)
    matches = matches_of(pool, events)
    each = [count_events(matches, pool, np.array([i]), events) for i in range(len(pool))]
    chosen = np.flatnonzero(np.random.default_rng(seed).random(len(pool)) < 0.5)
    together = count_events(matches, pool, chosen, events)
    np.testing.assert_array_equal(together, sum((each[i] for i in chosen), 0 * each[0]))


def test_no_token_is_measured_with_what_was_fitted_to_it() -> None:
    rng = np.random.default_rng(0)
    pool = documents_of([rng.integers(1, 6, 40).tolist() for _ in range(20)], VOCABULARY)
    held = documents_of([rng.integers(1, 6, 30).tolist() for _ in range(6)], VOCABULARY)
    events = events_of({"held": held}, 2)
    counts = count_events(matches_of(pool, events), pool, np.arange(20), events)
    found = counted(counts, len(pool.tokens), events)
    crossed = cross_losses(found, ["held"], VOCABULARY)["held"] * len(held.tokens)

    by_hand = 0.0
    for half in (0, 1):
        weights = np.zeros(2)
        weights[half] = 1 / found.times[:, half].sum()
        smoothing = fit_smoothing(found, VOCABULARY, weights)
        by_hand += losses_under(found, VOCABULARY, smoothing, weights)[2][1 - half]
    assert crossed == pytest.approx(by_hand)


def test_more_of_the_same_text_is_better_and_the_trainer_says_so() -> None:
    rng = np.random.default_rng(1)

    def text(bias: list[float], n: int) -> list[list[int]]:
        return [(1 + rng.choice(5, size=60, p=bias)).tolist() for _ in range(n)]

    near, far = [0.6, 0.1, 0.1, 0.1, 0.1], [0.05, 0.05, 0.1, 0.2, 0.6]
    pool = documents_of(text(near, 20) + text(far, 20), VOCABULARY)
    data = TokenData(pool, {"near": documents_of(text(near, 8), VOCABULARY)}, VOCABULARY)
    trainer = NgramProxy(order=3).open(data)
    good, bad, less = trainer([np.arange(20), np.arange(20, 40), np.arange(2)], [0, 0, 0])
    assert good["near"] < less["near"] < bad["near"]
