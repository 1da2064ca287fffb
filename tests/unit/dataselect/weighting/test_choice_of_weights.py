"""The best of many noisy runs: which is kept, and what is said of its gain."""

import json

import numpy as np
import pytest
from scipy.stats import t

from dataselect.weighting.choice import (
    Choice,
    choice_to_json,
    choose,
    finalists,
    predicted,
    with_choice,
)

IDS = ("uniform", "only:a", "only:b", "p", "q", "r", "s")
WEIGHTS = np.array(
    [[0.5, 0.5], [1, 0], [0, 1], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]], dtype=np.float64
)
FIRST = np.array([3.0, 2.9, 3.5, 2.0, 2.1, 2.2, 2.3])


def test_finalists_are_uniform_the_best_single_and_the_best_three() -> None:
    assert finalists(IDS, FIRST) == ("uniform", "only:a", "p", "q", "r")
    assert finalists(IDS[3:], FIRST[3:]) == ("p", "q", "r")
    best = np.array([1.0, 1.1, 3.5, 2.0, 2.1, 2.2, 2.3])
    assert finalists(IDS, best) == ("uniform", "only:a", "p")


def test_each_seed_judges_what_the_others_choose() -> None:
    one = {"uniform": 3.1, "only:a": 2.8, "p": 2.6, "q": 2.1, "r": 2.5}
    two = {"uniform": 3.0, "only:a": 2.9, "p": 2.5, "q": 2.3, "r": 2.1}
    found = choose(IDS, WEIGHTS, FIRST, [one, two])
    assert found.run_id == "q"  # 2.167 over the three seeds; p was best with the first
    np.testing.assert_array_equal(found.weights, WEIGHTS[4])
    # Seed one judges r, 2.15 over the others (q 2.2, p 2.25); seed two judges q (2.1, p 2.3).
    assert found.over_uniform.value == pytest.approx(((3.1 - 2.5) + (3.0 - 2.3)) / 2)
    assert found.over_single.value == pytest.approx(((2.8 - 2.5) + (2.9 - 2.3)) / 2)
    table = np.array([list(one.values()), list(two.values())]).T
    rest = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    off = t.ppf(0.975, 4) * np.sqrt((rest**2).sum() / 4)  # √(2 / 2 seeds)
    assert found.over_uniform.high - found.over_uniform.value == pytest.approx(off)
    assert found.drawn
    assert found.tried == 7


def test_of_noise_alone_no_gain_is_promised() -> None:
    """The best of 80 equal vectors: its measured loss promises 2.4 deviations, which are luck."""
    rng = np.random.default_rng(0)
    ids = ("uniform", *(f"v{i}" for i in range(79)))
    weights = rng.dirichlet(np.ones(2), size=80)
    gains, held, told, promised = [], 0, 0, []
    for _ in range(400):
        first = rng.standard_normal(80)
        again = [dict(zip(ids, rng.standard_normal(80), strict=True)) for _ in range(2)]
        found = choose(ids, weights, first, again)
        gains.append(found.over_uniform.value)
        held += found.over_uniform.low <= 0 <= found.over_uniform.high
        told += found.over_uniform.low > 0
        promised.append(first[0] - first.min())
    assert np.mean(promised) > 2
    assert abs(np.mean(gains)) < 3 * np.std(gains) / 20
    assert held > 370
    assert told < 20


def test_a_gain_that_is_there_is_told() -> None:
    rng = np.random.default_rng(0)
    truth = np.r_[3.0, 2.5, rng.normal(3.0, 0.1, 60)]
    ids = ("uniform", *(f"v{i}" for i in range(61)))
    weights = rng.dirichlet(np.ones(2), size=62)
    told = 0
    for _ in range(50):
        first = truth + 0.03 * rng.standard_normal(62)
        again = [
            dict(zip(ids, truth + 0.03 * rng.standard_normal(62), strict=True)) for _ in range(2)
        ]
        found = choose(ids, weights, first, again)
        assert found.run_id == "v0"
        told += found.over_uniform.low > 0
        assert found.over_uniform.value == pytest.approx(0.5, abs=0.15)
    assert told > 45


def test_where_seeds_change_nothing_there_is_no_interval() -> None:
    again = dict(zip(IDS, FIRST.tolist(), strict=True))
    found = choose(IDS, WEIGHTS, FIRST, [again, again])
    assert not found.drawn
    assert found.over_uniform.value == pytest.approx(1.0)
    assert np.isnan(found.over_uniform.low)


def test_uniform_weights_that_nothing_beats_are_kept() -> None:
    first = np.array([2.1, 2.9, 3.5, 2.0, 2.2, 2.3, 2.4])
    again = {"uniform": 2.1, "only:a": 2.9, "p": 2.3, "q": 2.2, "r": 2.3}
    found = choose(IDS, WEIGHTS, first, [again, again | {"p": 2.4}])
    assert found.run_id == "uniform"
    assert found.over_uniform.value <= 0


def test_finalists_that_diverged_are_passed_over() -> None:
    again = {"uniform": 3.0, "only:a": 2.9, "p": float("nan"), "q": 2.1, "r": 2.2}
    found = choose(IDS, WEIGHTS, FIRST, [again, again | {"p": 1.0}])
    assert found.run_id == "q"
    lost = choose(IDS, WEIGHTS, FIRST, [again | {"uniform": float("nan")}] * 2)
    assert np.isnan(lost.over_uniform.value)
    assert lost.run_id == "q"
    said = json.loads(json.dumps(choice_to_json(lost), allow_nan=False))
    assert said["measured"]["p"] == [2.0, None, None]
    assert said["gain_over_uniform"] == {"value": None, "low": None, "high": None}


def test_the_form_says_which_rule_chose() -> None:
    learned = {"weights": {"a": {"weight": 0.7, "low": 0.5, "high": 0.9}} | {"b": {
        "weight": 0.3, "low": 0.1, "high": 0.5}}, "regressor": "gp"}  # fmt: skip
    tried = with_choice(learned, Choice("tried", np.array([0.2, 0.8]), "q", {"q": (2.0,)}, 7))
    assert tried["choice"]["rule"] == "tried"
    assert tried["choice"]["run_id"] == "q"
    assert tried["weights"]["a"] == {"weight": 0.2, "predicted": 0.7, "low": 0.5, "high": 0.9}
    assert tried["choice"]["distance_to_uniform"] == pytest.approx(0.3)
    untried = with_choice(learned, predicted(np.array([0.7, 0.3])))
    assert untried["choice"]["rule"] == "predicted"
    assert untried["choice"]["run_id"] is None
    assert untried["weights"]["a"]["weight"] == 0.7
