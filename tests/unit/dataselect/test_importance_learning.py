"""Ascent, approximation, votes, pruning, reweighting and the adapter to classifiers."""

from pathlib import Path

import numpy as np
import pytest

from dataselect.errors import DataselectError
from dataselect.importance import (
    Approximation,
    Groups,
    NeighbourImportance,
    Retrievals,
    accuracy,
    choose_step_size,
    from_lists,
    gains_without,
    gradient,
    importance,
    knn_shapley,
    outcomes,
    prune,
    reweight,
)
from dataselect.importance.sampling import hoeffding_size, sampled_gradient


def sources(queries: int = 400, seed: int = 0, length: int = 30) -> Retrievals:
    """Twenty sources, the first ten right seven times in ten, the others twice."""
    rng = np.random.default_rng(seed)
    items = np.stack([rng.choice(20, size=length, replace=length > 20) for _ in range(queries)])
    right = rng.random(items.shape) < np.where(items < 10, 0.7, 0.2)
    return Retrievals(
        np.arange(queries + 1) * length,
        items.reshape(-1),
        right.astype(np.float64).reshape(-1),
        20,
        np.where(right, 0, 1).reshape(-1),
    )


def test_an_interrupted_ascent_ends_with_the_same_bits(tmp_path: Path) -> None:
    game = sources()
    path = tmp_path / "state.safetensors"
    settings = {"k": 5, "learning_rate": 20.0, "epochs": 8}
    asked = Approximation(0.02, 0.1, "hoeffding")
    for approximation in (None, asked):
        path.unlink(missing_ok=True)
        whole = importance(game, **settings, approximation=approximation)

        def fall(done: int, _objective: float) -> None:
            if done == 4:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            importance(
                game,
                **settings,
                approximation=approximation,
                checkpoint=path,
                checkpoint_seconds=0.0,
                on_epoch=fall,
            )
        continued: list[int] = []
        found = importance(
            game,
            **settings,
            approximation=approximation,
            checkpoint=path,
            on_epoch=lambda done, _, seen=continued: seen.append(done),
        )
        assert continued[0] == 4
        assert found.objective == whole.objective
        assert found.used == whole.used
        np.testing.assert_array_equal(found.values, whole.values)
    with pytest.raises(DataselectError, match=r"k: 5 there, 6 now"):
        importance(game, **settings | {"k": 6}, approximation=asked, checkpoint=path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(DataselectError, match="is not a checkpoint"):
        importance(game, **settings, checkpoint=path)


def test_ascent_rises_and_stops() -> None:
    game = sources()
    found = importance(game, k=5, learning_rate=20.0, epochs=30)
    assert np.all(np.diff(found.objective) > 0)
    assert len(found.objective) == 31
    early = importance(game, k=5, learning_rate=20.0, epochs=500, tolerance=1e-4)
    assert early.stopped == "tolerance"
    gains = np.diff(early.objective)
    assert (gains[-3:] < 1e-4).all()
    assert (gains[:-3] >= 1e-4).any()
    fixed = importance(from_lists([[0, 1]], [[1.0, 0.0]]), k=1, learning_rate=10.0)
    assert fixed.stopped == "fixed point"
    np.testing.assert_array_equal(fixed.values, [1, 0.5])


def test_good_sources_come_first() -> None:
    found = importance(sources(), k=5, learning_rate=10.0, epochs=3)
    assert found.values[:10].min() > found.values[10:].max()


@pytest.mark.parametrize("sampling", ["hoeffding", "bernstein"])
def test_sampled_gradients_are_as_close_as_they_say(sampling: str) -> None:
    game = sources(queries=20_000, length=12)
    v = np.random.default_rng(1).random(20)
    truth = gradient(game, v, k=5).values
    epsilon, delta = 0.025, 0.1
    missed = 0
    for seed in range(20):
        found = sampled_gradient(
            game,
            v,
            k=5,
            epsilon=epsilon,
            delta=delta,
            sampling=sampling,
            half_range=1 / 5,
            items=20,
            repeats=1,
            rng=np.random.default_rng(seed),
        )
        assert found.bound <= epsilon
        assert found.queries < game.n_queries
        missed += np.abs(found.gradient.values - truth).max() > found.bound
    assert missed <= 2
    assert hoeffding_size(half_range=0.2, epsilon=epsilon, delta=delta, items=20) == 767


def test_a_sample_that_is_not_cheaper_is_the_whole() -> None:
    game = sources(queries=200)
    whole = importance(game, k=5, learning_rate=20.0, epochs=3)
    for sampling in ("hoeffding", "bernstein"):
        asked = Approximation(1e-6, 0.05, sampling)
        found = importance(game, k=5, learning_rate=20.0, epochs=3, approximation=asked)
        np.testing.assert_allclose(found.values, whole.values, atol=1e-4)
        assert all(used.queries == 200 and used.sampling_bound == 0 for used in found.used)


def test_lists_are_deepened_as_values_fall() -> None:
    rng = np.random.default_rng(0)
    items = np.stack([rng.permutation(300) for _ in range(200)])
    bad = np.zeros(300, dtype=bool)
    bad[60:] = True
    right = (~bad[items]).astype(np.float64)
    game = Retrievals(np.arange(201) * 300, items.reshape(-1), right.reshape(-1), 300)
    asked = Approximation(1e-4)
    found = importance(game, k=5, learning_rate=300.0, epochs=25, approximation=asked)
    depth = [used.mean_depth for used in found.used]
    assert depth[0] < 60
    assert depth[-1] > depth[0] + 3
    assert all(used.truncation_bound <= 1e-4 for used in found.used)
    whole = importance(game, k=5, learning_rate=300.0, epochs=25)
    assert found.objective[-1] == pytest.approx(whole.objective[-1], abs=2e-3)


def test_the_exact_group_game_is_not_approximated() -> None:
    game = sources(queries=50)
    groups = Groups(np.arange(20) % 4, ("a", "b", "c", "d"))
    with pytest.raises(DataselectError, match="no approximation"):
        importance(game, groups=groups, group_game="exact", approximation=Approximation(0.1))
    exact = importance(game, k=5, groups=groups, group_game="exact", epochs=3, learning_rate=1.0)
    averaged = importance(game, k=5, groups=groups, epochs=3, learning_rate=1.0)
    assert exact.groups is not None
    assert averaged.groups is not None
    assert np.abs(exact.groups - averaged.groups).max() > 1e-3


VOTE = from_lists([[0, 1, 2, 3], [3, 0, 1, 2]], [[0.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0]])
ANSWERED = Retrievals(
    VOTE.indptr, VOTE.items, VOTE.utility, 4, np.array([10, 20, 20, 30, 20, 10, 10, 20])
)


def test_the_majority_of_the_first_k_survivors() -> None:
    everyone = np.ones(4, dtype=bool)
    np.testing.assert_array_equal(outcomes(ANSWERED, everyone, k=3), [1, 0])
    # A tie goes to the best-ranked answer.
    np.testing.assert_array_equal(outcomes(ANSWERED, everyone, k=2), [0, 1])
    np.testing.assert_array_equal(outcomes(ANSWERED, everyone, k=4), [1, 1])
    without_0 = np.array([False, True, True, True])
    np.testing.assert_array_equal(outcomes(ANSWERED, without_0, k=2), [1, 1])
    np.testing.assert_array_equal(outcomes(ANSWERED, np.zeros(4, dtype=bool), k=2), [0, 0])
    # Where answers are not known, the additive utility.
    np.testing.assert_array_equal(outcomes(VOTE, everyone, k=2), [0.5, 0.5])


@pytest.mark.parametrize("game", [sources(60), ANSWERED, VOTE], ids=["sources", "votes", "sums"])
def test_leave_one_out_of_the_vote_is_what_it_says(game: Retrievals) -> None:
    player = np.arange(game.n_items) % 3
    found = gains_without(game, player, 3, k=3)
    whole = outcomes(game, np.ones(game.n_items, dtype=bool), k=3)
    for own in range(3):
        assert found[own] == pytest.approx((whole - outcomes(game, player != own, k=3)).sum())


def test_pruning_removes_the_lowest_until_the_share_is_gone() -> None:
    game = from_lists([[0, 1, 2, 3], [0, 1, 4, 4]], [[0.0, 1, 1, 1], [0.0, 1, 1, 1]], n_items=6)
    scores = np.array([0.1, 0.4, 0.3, 0.2, 0.5, np.nan])
    # Positions: item 0 two, 3 one, 2 one, 1 two, 4 two.
    for share, removed in [
        (0.0, []),
        (0.25, [0]),
        (0.3, [0, 3]),
        (0.5, [0, 2, 3]),
        (1.0, range(5)),
    ]:
        found = prune(game, scores, k=1, shares=[share])
        np.testing.assert_array_equal(np.flatnonzero(~found.keep), list(removed))
    chosen = prune(game, scores, k=1)
    assert (chosen.share, chosen.before, chosen.after) == (0.1, 0, 1)  # the first of the best
    assert not prune(game, scores, k=1, unseen="drop").keep[5]


def test_reweighting_is_the_mean_over_draws() -> None:
    game = from_lists([[0, 1]], [[1.0, 0.0]])
    certain = reweight(game, np.array([1.0, 0.0]), k=1)
    np.testing.assert_array_equal(certain, [1])
    half = reweight(game, np.array([0.5, 1.0]), k=1, draws=2000)
    assert half[0] == pytest.approx(0.5, abs=0.05)
    unseen = np.array([np.nan, 1.0])
    assert reweight(game, unseen, k=1)[0] == 1
    assert reweight(game, unseen, k=1, unseen="drop")[0] == 0


def test_pruning_and_reweighting_help_on_other_queries() -> None:
    validation, test = sources(400, 0), sources(2000, 1)
    step = choose_step_size(validation, k=5, epochs=20, rates=(1.0, 30.0, 300.0))
    found = importance(validation, k=5, epochs=20, learning_rate=step.learning_rate)
    pruning = prune(validation, found.players, k=5)
    assert accuracy(test, pruning.keep, k=5) > accuracy(test, k=5) + 0.1
    assert reweight(test, found.players, k=5).mean() > accuracy(test, k=5) + 0.1
    assert set(step.by_rate) == {1.0, 30.0, 300.0}
    again = choose_step_size(
        validation, k=5, epochs=20, rates=(1.0, 30.0, 300.0), known={1.0: 0.1, 30.0: 0.2}
    )
    assert again.by_rate[300.0] == step.by_rate[300.0]
    assert again.by_rate[1.0] == 0.1


def test_training_samples_with_wrong_labels_are_the_least_valued() -> None:
    from sklearn.base import clone
    from sklearn.datasets import load_digits
    from sklearn.neighbors import KNeighborsClassifier

    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(y))
    train, validation, test = order[:600], order[600:1000], order[1000:]
    wrong = rng.random(600) < 0.3
    labels = np.where(wrong, (y[train] + 1 + rng.integers(9, size=600)) % 10, y[train])
    for value in ("shapley", "banzhaf", "loo", "learned"):
        valuer = clone(
            NeighbourImportance(5, value=value, depth=None if value == "shapley" else 80)
        )
        found = valuer.fit(x[train], labels, x[validation], y[validation]).importances_
        known = ~np.isnan(found)
        assert known.mean() > 0.95
        lowest = np.argsort(np.where(known, found, np.inf))[: wrong.sum()]
        if value != "loo":  # one neighbour of five seldom decides
            assert wrong[lowest].mean() > 0.6
        if value == "shapley":
            left = np.setdiff1d(np.arange(600), lowest)
            before = KNeighborsClassifier(5).fit(x[train], labels)
            after = KNeighborsClassifier(5).fit(x[train][left], labels[left])
            assert after.score(x[test], y[test]) > before.score(x[test], y[test])
            np.testing.assert_array_equal(found, knn_shapley(valuer.retrievals_, k=5))
    with pytest.raises(DataselectError, match="depth is 3 for Shapley"):
        NeighbourImportance(depth=3).fit(x, y, x, y)
    with pytest.raises(DataselectError, match="there is no setting 'metrics'"):
        NeighbourImportance().set_params(metrics="cosine")
