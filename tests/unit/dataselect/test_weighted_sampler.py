"""Drawing by weights: frequencies, resuming, several processes."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from dataselect import DataselectError
from dataselect.reweighting import WeightedSampler, weights_of_scores

WEIGHTS = np.array([1.0, 0.0, 3.0, 0.5, 0.0, 5.5])


def test_frequencies_follow_the_weights() -> None:
    drawn = np.array(list(WeightedSampler(WEIGHTS, num_samples=40_000)))
    counts = np.bincount(drawn, minlength=6)
    expected = 40_000 * WEIGHTS / WEIGHTS.sum()
    assert (counts[[1, 4]] == 0).all()
    kept = WEIGHTS > 0
    chi2 = ((counts - expected)[kept] ** 2 / expected[kept]).sum()
    assert chi2 < 16.3  # 0.1 % of the chi-squared distribution with 3 degrees of freedom


def test_without_replacement_the_first_draw_follows_the_weights() -> None:
    first = [
        next(iter(WeightedSampler(WEIGHTS, num_samples=4, replacement=False, seed=seed)))
        for seed in range(4000)
    ]
    counts = np.bincount(first, minlength=6)
    expected = 4000 * WEIGHTS / WEIGHTS.sum()
    kept = WEIGHTS > 0
    assert ((counts - expected)[kept] ** 2 / expected[kept]).sum() < 16.3


def test_without_replacement_each_comes_once() -> None:
    drawn = list(WeightedSampler(WEIGHTS, num_samples=4, replacement=False))
    assert sorted(drawn) == [0, 2, 3, 5]


def test_epochs_differ_and_repeat_by_seed() -> None:
    sampler, same = WeightedSampler(WEIGHTS, seed=3), WeightedSampler(WEIGHTS, seed=3)
    epochs = [list(sampler) for _ in range(3)]
    assert epochs[0] != epochs[1]
    same.set_epoch(2)
    assert list(same) == epochs[2]
    assert list(WeightedSampler(WEIGHTS, seed=4)) != epochs[0]


@pytest.mark.parametrize("replacement", [True, False])
def test_an_interrupted_epoch_goes_on(replacement: bool) -> None:
    weights = np.linspace(0.1, 2, 50)

    def made() -> WeightedSampler:
        return WeightedSampler(weights, replacement=replacement, seed=1)

    whole = made()
    expected = list(whole) + list(whole)
    first = made()
    seen = [*first]
    running = iter(first)
    seen += [next(running) for _ in range(17)]
    second = made()
    second.load_state_dict(first.state_dict())
    assert seen + list(second) == expected
    assert second.epoch == 2


def test_a_loader_that_fetched_ahead_says_what_was_consumed() -> None:
    sampler = WeightedSampler(WEIGHTS, num_samples=12)
    loader = DataLoader(list(range(6)), batch_size=2, sampler=sampler)
    batches = iter(loader)
    seen = torch.cat([next(batches) for _ in range(2)]).tolist()
    state = sampler.state_dict(consumed=4)
    next(batches)  # fetched, never trained on
    fresh = WeightedSampler(WEIGHTS, num_samples=12)
    fresh.load_state_dict(state)
    assert seen + list(fresh) == list(WeightedSampler(WEIGHTS, num_samples=12))


class TestTheEndOfAnEpoch:
    """A loader has fetched the last indices, and so begun the next epoch, before they are used."""

    def saved(self, consumed: int | None, batch: int = 5) -> dict[str, int]:
        sampler = WeightedSampler(WEIGHTS, num_samples=12)
        batches = iter(DataLoader(list(range(6)), batch_size=batch, sampler=sampler))
        for _ in range(-(-12 // batch)):
            next(batches)
        return sampler.state_dict(consumed=consumed)

    def epochs(self) -> list[list[int]]:
        whole = WeightedSampler(WEIGHTS, num_samples=12)
        return [list(whole) for _ in range(2)]

    @pytest.mark.parametrize("said", [False, True])
    def test_what_was_fetched_and_not_consumed_comes_again(self, said: bool) -> None:
        second = WeightedSampler(WEIGHTS, num_samples=12)
        second.load_state_dict(self.saved(consumed=7))
        if said:
            second.set_epoch(0)
        assert [list(second) for _ in range(2)] == [self.epochs()[0][7:], self.epochs()[1]]

    @pytest.mark.parametrize("consumed", [None, 12])
    @pytest.mark.parametrize("batch", [4, 5])
    def test_a_finished_epoch_does_not_come_again(self, consumed: int | None, batch: int) -> None:
        state = self.saved(consumed, batch)
        plain, in_it, after_it = (WeightedSampler(WEIGHTS, num_samples=12) for _ in range(3))
        for sampler in (plain, in_it, after_it):
            sampler.load_state_dict(state)
        assert plain.epoch == 1
        assert list(plain) == self.epochs()[1]
        in_it.set_epoch(0)  # a loop that was interrupted in epoch 0 goes on in it
        assert [list(in_it), list(in_it)] == [[], self.epochs()[1]]
        after_it.set_epoch(1)
        assert list(after_it) == self.epochs()[1]

    def test_an_epoch_may_be_repeated(self) -> None:
        sampler = WeightedSampler(WEIGHTS, num_samples=12)
        first = list(sampler)
        sampler.set_epoch(0)
        assert list(sampler) == first


@pytest.mark.parametrize("replicas", [2, 3])
def test_processes_share_one_order(replicas: int) -> None:
    whole = list(WeightedSampler(WEIGHTS, num_samples=13))
    parts = [
        WeightedSampler(WEIGHTS, num_samples=13, rank=rank, replicas=replicas)
        for rank in range(replicas)
    ]
    assert {len(part) for part in parts} == {13 // replicas}
    together = np.stack([list(part) for part in parts], axis=1).reshape(-1)
    assert together.tolist() == whole[: len(together)]


def test_scores_become_weights() -> None:
    scores = np.array([1.0, 2.0, 4.0])
    z = (scores - scores.mean()) / scores.std()
    found = weights_of_scores(scores, temperature=2.0)
    np.testing.assert_allclose(found / found.sum(), np.exp(z / 2) / np.exp(z / 2).sum())
    assert found.max() == 1.0
    np.testing.assert_array_equal(weights_of_scores(np.array([3.0, 3.0])), [1, 1])


def test_huge_scores_do_not_overflow() -> None:
    assert np.isfinite(weights_of_scores(np.array([1e300, -1e300]), temperature=1e-3)).all()


@pytest.mark.parametrize(
    ("weights", "more", "message"),
    [
        ([1.0, -1.0], {}, "weight 1 is -1"),
        ([np.nan, 1.0], {}, "weight 0 is nan"),
        ([0.0, 0.0], {}, "2 sampling weights that are all 0"),
        ([], {}, "0 sampling weights"),
        ([1.0, 0.0], {"replacement": False}, "without replacement of 1"),
        ([1.0], {"num_samples": 0}, "0 samples an epoch"),
        ([1.0], {"rank": 2, "replicas": 2}, "rank 2 of 2"),
        ([1.0], {"rank": 0, "replicas": 2}, "1 samples an epoch for 2 processes"),
    ],
)
def test_bad_input(weights: list[float], more: dict[str, int], message: str) -> None:
    with pytest.raises(DataselectError, match=message):
        WeightedSampler(np.array(weights, dtype=np.float64), **more)  # type: ignore[arg-type]


def test_scores_that_are_missing_and_states_of_others() -> None:
    with pytest.raises(DataselectError, match="score 1 of 2 is nan"):
        weights_of_scores(np.array([1.0, np.nan]))
    with pytest.raises(DataselectError, match="13 indices consumed of an epoch of 6"):
        WeightedSampler(WEIGHTS).state_dict(consumed=13)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"seed": 2}, "a state of seed 1"),
        ({"replacement": False, "num_samples": 4}, "samples 6, replacement 1"),
        ({"rank": 0, "replicas": 2}, "a state of replicas 1"),
        ({"weights": WEIGHTS[::-1]}, "a state of weights"),
    ],
)
def test_a_state_of_another_sampler_is_refused(more: dict[str, Any], message: str) -> None:
    state = WeightedSampler(WEIGHTS, seed=1).state_dict()
    other = WeightedSampler(**({"weights": WEIGHTS, "seed": 1} | more))
    with pytest.raises(DataselectError, match=message):
        other.load_state_dict(state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"position": 7}, "index 7 of epoch 0"),
        ({"position": -1}, "index -1"),
        ({"epoch": -1}, "-1"),
    ],
)
def test_a_state_that_cannot_be_is_refused(change: dict[str, int], message: str) -> None:
    sampler = WeightedSampler(WEIGHTS)
    with pytest.raises(DataselectError, match=message):
        sampler.load_state_dict(sampler.state_dict() | change)
    with pytest.raises(DataselectError, match="a state without seed, samples"):
        sampler.load_state_dict({})


def test_huge_weights_do_not_overflow() -> None:
    assert list(WeightedSampler(np.full(6, 1e308))) == list(WeightedSampler(np.ones(6)))
