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
from dataselect.weighting.estimate import Estimate
from dataselect.weighting.validation import Curve
from dataselect.weighting.words import tried_in_words

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
    off = t.ppf(0.975, 1) * np.std([3.1 - 2.5, 3.0 - 2.3], ddof=1) / np.sqrt(2)
    assert found.over_uniform.high - found.over_uniform.value == pytest.approx(off)
    assert found.drawn
    assert found.tried == 7


@pytest.mark.parametrize("noise", ["even", "uniform weights vary more", "finalists vary alike"])
def test_of_noise_alone_no_gain_is_promised(noise: str) -> None:
    """The best of 80 equal vectors: its measured loss promises 2.4 deviations, which are luck."""
    rng = np.random.default_rng(0)
    ids = ("uniform", *(f"v{i}" for i in range(79)))
    weights = rng.dirichlet(np.ones(2), size=80)

    def drawn() -> np.ndarray:
        found = rng.standard_normal(80)
        if noise == "uniform weights vary more":
            found[0] *= 3
        elif noise == "finalists vary alike":
            found[1:] = np.sqrt(0.95) * rng.standard_normal() + np.sqrt(0.05) * found[1:]
        return found

    gains, held, told, promised = [], 0, 0, []
    for _ in range(400):
        first = drawn()
        again = [dict(zip(ids, drawn().tolist(), strict=True)) for _ in range(3)]
        found = choose(ids, weights, first, again)
        gains.append(found.over_uniform.value)
        held += found.over_uniform.low <= 0 <= found.over_uniform.high
        told += found.over_uniform.low > 0
        promised.append(first[0] - first.min())
    if noise == "even":
        assert np.mean(promised) > 2
    assert abs(np.mean(gains)) < 3 * np.std(gains) / 20
    assert held > 365
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
            dict(zip(ids, truth + 0.03 * rng.standard_normal(62), strict=True)) for _ in range(3)
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


def said_of(choice: Choice) -> str:
    return " ".join(
        tried_in_words(
            choice,
            names=["a", "b"],
            spearman=Estimate(0.6, 0.3, 0.8),
            expected=Estimate(2.0, 1.9, 2.1),
            curve=Curve({}, {}),
        )
    )


def test_what_is_said_is_of_losses_that_did_not_choose() -> None:
    one = {"uniform": 3.1, "only:a": 2.8, "p": 2.6, "q": 2.1, "r": 2.5}
    two = {"uniform": 3.0, "only:a": 2.9, "p": 2.5, "q": 2.3, "r": 2.1}
    said = said_of(choose(IDS, WEIGHTS, FIRST, [one, two, one]))
    assert "with further seeds it was measured at 2.167, uniform weights at 3.067" in said
    assert "the loss is below that of uniform weights by" in said
    assert "diverged" not in said


def test_a_loss_of_quality_is_called_one() -> None:
    first = np.r_[2.0, 2.9, 3.5, 1.0, 2.1, 2.2, 2.3]
    again = [
        {"uniform": 2.0 + d, "only:a": 2.9, "p": 2.31 + d, "q": 2.4, "r": 2.5}
        for d in (0.0, 0.01, 0.02)
    ]
    found = choose(IDS, WEIGHTS, first, again)
    assert found.run_id == "p"
    said = said_of(found)
    assert "The loss is above that of uniform weights by 0.31 " in said
    assert "uniform weights are the better choice" in said


def test_what_is_chosen_is_not_compared_with_itself() -> None:
    alone = np.r_[3.0, 1.0, 3.5, 2.0, 2.1, 2.2, 2.3]
    again = dict(zip(IDS, alone.tolist(), strict=True))
    said = said_of(choose(IDS, WEIGHTS, alone, [again | {"p": 2.01}, again | {"p": 1.99}]))
    assert "run only:a" in said
    assert "a alone" not in said
    even = np.r_[1.0, 2.9, 3.5, 2.0, 2.1, 2.2, 2.3]
    same = dict(zip(IDS, even.tolist(), strict=True))
    kept = said_of(choose(IDS, WEIGHTS, even, [same | {"p": 2.01}, same | {"p": 1.99}]))
    assert kept.startswith("Uniform weights are kept (1)")
    assert "uniform weights are as good" not in kept


def test_runs_that_diverged_are_counted_in_words() -> None:
    again = {"uniform": 3.0, "only:a": 2.9, "p": float("nan"), "q": 2.1, "r": 2.2}
    said = said_of(choose(IDS, WEIGHTS, FIRST, [again, again | {"q": 2.0}]))
    assert "1 of the 5 runs that were trained again diverged" in said
    lost = again | {"uniform": float("nan")}
    said = said_of(choose(IDS, WEIGHTS, FIRST, [lost, lost | {"q": 2.0}]))
    assert "uniform weights at nan" not in said


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
