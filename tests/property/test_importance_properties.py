"""Gradients, values and bounds against enumeration of every subset."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataselect.importance import (
    Groups,
    Retrievals,
    banzhaf,
    first_of_repeats,
    from_lists,
    gradient,
    group_gradient,
    importance,
    knn_shapley,
    leave_one_out,
    shapley,
)
from dataselect.importance.truncation import depths

PROBABILITIES = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1, width=32))
UTILITIES = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(-2, 2, width=32))


@st.composite
def games(draw: st.DrawFn, most: int = 12, repeats: bool = False) -> tuple[Retrievals, int]:
    """One to three lists over a small corpus, and K."""
    n_items = draw(st.integers(1, most))
    k = draw(st.integers(1, 5))
    lists, gains = [], []
    for _ in range(draw(st.integers(1, 3))):
        if repeats:
            items = draw(st.lists(st.integers(0, n_items - 1), max_size=most))
        else:
            order = draw(st.permutations(range(n_items)))
            items = list(order[: draw(st.integers(0, n_items))])
        lists.append(items)
        gains.append(draw(st.lists(UTILITIES, min_size=len(items), max_size=len(items))))
    flat = np.array([i for items in lists for i in items], dtype=np.int64)
    utilities = np.array([u for own in gains for u in own], dtype=np.float64)
    indptr = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    return Retrievals(indptr, flat, utilities, n_items), k


def utility(game: Retrievals, query: int, present: np.ndarray, k: int) -> float:
    """The definition: the mean over K of the first K positions whose player is present."""
    rows = slice(game.indptr[query], game.indptr[query + 1])
    taken = [u for i, u in zip(game.items[rows], game.utility[rows], strict=True) if present[i]]
    return sum(taken[:k]) / k


def subsets(n: int) -> np.ndarray:
    """Every subset of n players, bool ``[2^n, n]``."""
    return np.array(list(product([False, True], repeat=n)))


def utilities(game: Retrievals, present: np.ndarray, k: int) -> np.ndarray:
    """The mean over queries of each subset's utility, by the definition."""
    total = np.zeros(len(present))
    for q in range(game.n_queries):
        rows = slice(game.indptr[q], game.indptr[q + 1])
        there = present[:, game.items[rows]]
        counts = there & (np.cumsum(there, axis=1) <= k)
        total += counts @ game.utility[rows] / k
    return total / game.n_queries


def extension(game: Retrievals, values: np.ndarray, k: int) -> float:
    """F by enumeration of all subsets of the items."""
    present = subsets(game.n_items)
    chance = np.prod(np.where(present, values, 1 - values), axis=1)
    return float(chance @ utilities(game, present, k))


def enumerated_gradient(game: Retrievals, values: np.ndarray, k: int) -> np.ndarray:
    """F is linear in each value: its derivative is F with the player less F without."""
    present = subsets(game.n_items)
    worth = utilities(game, present, k)
    chances = np.where(present, values, 1 - values)
    found = np.zeros(game.n_items)
    for i in range(game.n_items):
        of_others = np.prod(np.delete(chances, i, axis=1), axis=1)
        found[i] = of_others @ np.where(present[:, i], worth, -worth)
    return found


def values_of(data: st.DataObject, n: int) -> np.ndarray:
    return np.array(data.draw(st.lists(PROBABILITIES, min_size=n, max_size=n)))


@settings(deadline=None, max_examples=80)
@given(games(), st.data())
def test_gradient_and_objective_are_the_enumerated_ones(
    drawn: tuple[Retrievals, int], data: st.DataObject
) -> None:
    game, k = drawn
    v = values_of(data, game.n_items)
    found = gradient(game, v, k=k)
    np.testing.assert_allclose(found.values, enumerated_gradient(game, v, k), atol=1e-12)
    assert found.objective == pytest.approx(extension(game, v, k), abs=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_twelve_items(k: int) -> None:
    rng = np.random.default_rng(k)
    game = from_lists([rng.permutation(12).tolist()], [rng.normal(size=12).tolist()])
    v = rng.random(12)
    found = gradient(game, v, k=k)
    np.testing.assert_allclose(found.values, enumerated_gradient(game, v, k), atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(games(repeats=True), st.data())
def test_players_that_stand_at_several_positions_are_enumerated(
    drawn: tuple[Retrievals, int], data: st.DataObject
) -> None:
    game, k = drawn
    v = values_of(data, game.n_items)
    found = group_gradient(game, v, k=k)
    np.testing.assert_allclose(found.values, enumerated_gradient(game, v, k), atol=1e-12)
    assert found.objective == pytest.approx(extension(game, v, k), abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(games(), st.data())
def test_the_group_game_of_single_items_is_the_game_of_items(
    drawn: tuple[Retrievals, int], data: st.DataObject
) -> None:
    game, k = drawn
    v = values_of(data, game.n_items)
    np.testing.assert_allclose(
        group_gradient(game, v, k=k).values, gradient(game, v, k=k).values, atol=1e-12
    )


@settings(deadline=None, max_examples=40)
@given(games(most=7, repeats=True), st.data())
def test_repeats_as_independent_draws_are_a_game_of_positions(
    drawn: tuple[Retrievals, int], data: st.DataObject
) -> None:
    game, k = drawn
    v = values_of(data, game.n_items)
    one_player_a_position = Retrievals(
        game.indptr, np.arange(len(game.items)), game.utility, len(game.items)
    )
    apart = gradient(one_player_a_position, v[game.items], k=k).values
    summed = np.bincount(game.items, weights=apart, minlength=game.n_items)
    np.testing.assert_allclose(gradient(game, v, k=k).values, summed, atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(games(most=10, repeats=True), st.data())
def test_the_first_of_repeats_makes_the_game_exact(
    drawn: tuple[Retrievals, int], data: st.DataObject
) -> None:
    game, k = drawn
    v = values_of(data, game.n_items)
    once = first_of_repeats(game)
    for q in range(game.n_queries):
        whole = game.items[game.indptr[q] : game.indptr[q + 1]].tolist()
        own = once.items[once.indptr[q] : once.indptr[q + 1]].tolist()
        assert own == list(dict.fromkeys(whole))
    np.testing.assert_allclose(
        gradient(once, v, k=k).values, enumerated_gradient(once, v, k), atol=1e-12
    )


def enumerated_shapley(game: Retrievals, k: int) -> np.ndarray:
    """The mean over all orders of arrival, by weights of subsets."""
    from math import factorial

    n = game.n_items
    found = np.zeros(n)
    for bits in product([False, True], repeat=n):
        present = np.array(bits)
        size = int(present.sum())
        for i in np.flatnonzero(~present):
            more = present.copy()
            more[i] = True
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            for q in range(game.n_queries):
                found[i] += weight * (utility(game, q, more, k) - utility(game, q, present, k))
    return found / game.n_queries


@settings(deadline=None, max_examples=25)
@given(games(most=6))
def test_values_are_special_points_of_the_gradient(drawn: tuple[Retrievals, int]) -> None:
    game, k = drawn
    n = game.n_items
    wanted = enumerated_shapley(game, k)
    np.testing.assert_allclose(shapley(game, k=k), wanted, atol=1e-12)
    np.testing.assert_allclose(knn_shapley(game, k=k), wanted, atol=1e-12)
    everyone = np.ones(n, dtype=bool)
    for i in range(n):
        rest = everyone.copy()
        rest[i] = False
        gain = sum(
            utility(game, q, everyone, k) - utility(game, q, rest, k) for q in range(game.n_queries)
        )
        assert leave_one_out(game, k=k)[i] == pytest.approx(gain / game.n_queries, abs=1e-12)
    half = np.full(n, 0.5)
    np.testing.assert_allclose(banzhaf(game, k=k), enumerated_gradient(game, half, k), atol=1e-12)


@settings(deadline=None, max_examples=25)
@given(games(most=6, repeats=True))
def test_shapley_values_of_groups(drawn: tuple[Retrievals, int]) -> None:
    game, k = drawn
    np.testing.assert_allclose(
        shapley(game, k=k, rule=group_gradient), enumerated_shapley(game, k), atol=1e-12
    )


@settings(deadline=None, max_examples=60)
@given(games(most=10, repeats=True), st.data(), st.floats(1e-4, 0.5))
def test_truncation_errs_by_less_than_it_says(
    drawn: tuple[Retrievals, int], data: st.DataObject, epsilon: float
) -> None:
    game, k = drawn
    v = values_of(data, game.n_items)
    depth, bound = depths(game, v, k=k, epsilon=epsilon)
    assert (bound <= epsilon).all()
    assert (depth <= game.lengths).all()
    assert (bound[depth == game.lengths] == 0).all()
    for q in range(game.n_queries):
        one = game.take(np.array([q]))
        short = gradient(one, v, k=k, depth=depth[q : q + 1])
        whole = gradient(one, v, k=k)
        assert np.abs(short.values - whole.values).max(initial=0) <= bound[q] + 1e-12


@settings(deadline=None, max_examples=6)
@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(1, 400), st.booleans())
def test_threads_lengths_and_types_do_not_change_the_result(
    seed: int, k_less_1: int, longest: int, narrow: bool
) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, longest + 1, size=140)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    game = Retrievals(
        indptr,
        rng.integers(0, 50, size=indptr[-1]).astype(np.int32 if narrow else np.int64),
        rng.random(indptr[-1]).astype(np.float32 if narrow else np.float64),
        50,
    )
    v = rng.random(50)
    one = gradient(game, v, k=k_less_1 + 1, threads=1)
    many = gradient(game, v, k=k_less_1 + 1, threads=5)
    assert one.objective == many.objective
    np.testing.assert_array_equal(one.values, many.values)
    wide = Retrievals(indptr, game.items.astype(np.int64), game.utility.astype(np.float64), 50)
    np.testing.assert_array_equal(one.values, gradient(wide, v, k=k_less_1 + 1).values)
    # Query by query: other neighbours in the registers, other blocks, other parts.
    alone = sum(
        gradient(game.take(np.array([q])), v, k=k_less_1 + 1).values for q in range(game.n_queries)
    )
    np.testing.assert_allclose(one.values, np.asarray(alone) / game.n_queries, atol=1e-13)


@settings(deadline=None, max_examples=15)
@given(games(most=8, repeats=True), st.data())
def test_what_is_learned_of_groups_is_one_value_a_group(
    drawn: tuple[Retrievals, int], data: st.DataObject
) -> None:
    game, k = drawn
    if not game.utility.any():
        return
    of_item = np.array(
        data.draw(st.lists(st.integers(0, 2), min_size=game.n_items, max_size=game.n_items))
    )
    groups = Groups(of_item.astype(np.int64), ("a", "b", "c"))
    found = importance(game, k=k, learning_rate=0.3, epochs=5, groups=groups)
    assert found.groups is not None
    seen = game.times_retrieved() > 0
    np.testing.assert_array_equal(np.isnan(found.values), ~seen)
    np.testing.assert_array_equal(found.values[seen], found.groups[of_item][seen])
    assert set(of_item[seen]) == set(np.flatnonzero(~np.isnan(found.groups)))
