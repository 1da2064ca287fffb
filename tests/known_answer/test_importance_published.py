"""Importance against the published toy example, tensors and closed forms."""

import os
from pathlib import Path

import numpy as np
import pytest

from dataselect.importance import (
    Groups,
    Retrievals,
    accuracy,
    from_lists,
    gradient,
    importance,
    knn_shapley,
    prune,
    read_groups,
    read_retrievals,
    reweight,
    shapley,
)
from dataselect.importance.kernel import LANES, _walk_down, _walk_up
from dataselect.importance.truncation import depths
from dataselect.importance.values import nodes_needed

TOY = from_lists([[0, 1, 2, 3, 4, 5]], [[1, 1, 0, 1, 1, 0]])
DATA = Path(os.environ.get("ZEROCOST_DATA_DIR", "")) / "retrieval"
needs_data = pytest.mark.skipif(
    not (DATA / "wikifact_currency.jsonl").is_file(), reason="ZEROCOST_DATA_DIR has no retrieval/"
)


def test_the_first_gradient_of_the_toy_example() -> None:
    found = gradient(TOY, np.full(6, 0.5), k=3).values
    np.testing.assert_allclose(
        found, [0.229167, 0.229167, -0.104167, 0.229167, 0.229167, 0], atol=5e-7
    )


def test_the_toy_example_after_three_steps() -> None:
    found = importance(TOY, k=3, learning_rate=0.1, epochs=3)
    np.testing.assert_allclose(
        found.values, [0.56657, 0.56657, 0.46523, 0.56657, 0.56657, 0.5], atol=5e-6
    )
    assert np.all(np.diff(found.objective) > 0)
    assert found.stopped == "epochs"


def test_the_grouped_toy_example_after_three_steps() -> None:
    groups = Groups(np.array([0, 1, 2, 1, 0, 2]), ("a", "b", "c"))
    found = importance(TOY, k=3, learning_rate=0.1, epochs=3, groups=groups)
    np.testing.assert_allclose(
        found.values, [0.56636, 0.56636, 0.48262, 0.56636, 0.56636, 0.48262], atol=5e-6
    )


def walked(p: np.ndarray, u: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The kernel's probabilities before each position, and utilities from each position on."""
    m = len(p)
    lanes = np.repeat(p[:, None], LANES, axis=1)
    before = np.zeros((m + 1, k, LANES))
    before[0, 0] = 1
    _walk_down(lanes, before)
    from_on = np.zeros((m + 1, k))
    after = np.zeros((k, LANES))
    for i in range(m - 1, -1, -1):
        gains = np.repeat(u[i : i + 1, None], LANES, axis=1)
        _walk_up(lanes[i : i + 1], gains, before[i : i + 2], after, np.zeros((1, LANES)))
        from_on[i] = after[:, 0]
    return before[:, :, 0], from_on


@needs_data
@pytest.mark.parametrize("which", ["p05", "p025075"])
def test_the_published_tensors(which: str) -> None:
    m, k = 10, 3
    p = np.full(m, 0.5) if which == "p05" else np.tile([0.25, 0.75], 5)
    # [k + 1][m + 2]: of exactly j present among the items up to i, and from i on.
    included = np.load(DATA / f"expected/IP_M10_K3_{which}.npy").reshape(k + 1, m + 2)
    ranked = np.load(DATA / f"expected/RP_M10_K3_{which}.npy").reshape(k + 1, m + 2)
    before, _ = walked(p, np.zeros(m), k + 1)
    np.testing.assert_allclose(before.T, included[:, : m + 1], atol=1e-15)
    behind, _ = walked(p[::-1], np.zeros(m), k + 1)
    np.testing.assert_allclose(behind[::-1].T, ranked[:, 1:], atol=1e-15)
    utility = np.load(DATA / f"expected/B_M10_K3_{which}_E5.npy").reshape(k + 1, m + 2, -1)
    # The published tensor tells utilities apart; ours is its mean, linear in the utility, so that
    # an indicator of each utility gives each of its layers.
    for e in range(utility.shape[2]):
        indicator = published_utilities(utility, p) == e
        _, from_on = walked(p, indicator.astype(float), k)
        np.testing.assert_allclose(from_on.T, utility[1:, 1:, e], atol=1e-15)


def published_utilities(tensor: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Which utility each item has there, from P(it is the first present one) > 0."""
    m = len(p)
    first = tensor[1, 1 : m + 1]
    rest = np.vstack([tensor[1, 2 : m + 1], np.zeros((1, tensor.shape[2]))])
    return np.argmax(first - (1 - p)[:, None] * rest, axis=1)


@pytest.mark.parametrize("k", [1, 3, 5, 12, 20])
def test_shapley_by_quadrature_is_the_closed_form(k: int) -> None:
    rng = np.random.default_rng(k)
    lists = [rng.permutation(25).tolist() for _ in range(4)]
    gains = [(rng.random(25) < 0.5).astype(float).tolist() for _ in range(4)]
    game = from_lists(lists, gains)
    assert nodes_needed(game) == 13
    np.testing.assert_allclose(shapley(game, k=k), knn_shapley(game, k=k), atol=1e-12)
    worse = np.abs(shapley(game, k=1, nodes=6) - knn_shapley(game, k=1)).max()
    assert worse > 1e-9  # fewer nodes are not exact


def test_the_closed_form_of_knn_shapley_as_published() -> None:
    # Jia et al. 2019, theorem 1, written out for one test point.
    right = np.array([1, 0, 0, 1, 1, 0, 1.0])
    k, n = 3, 7
    s = np.zeros(n)
    s[n - 1] = right[n - 1] / n
    for i in range(n - 1, 0, -1):  # ranks from 1
        s[i - 1] = s[i] + (right[i - 1] - right[i]) / k * min(k, i) / i
    np.testing.assert_allclose(
        knn_shapley(from_lists([list(range(n))], [right.tolist()]), k=k), s, atol=1e-15
    )


@pytest.mark.parametrize(
    ("m", "probability"), [(20, 0.41), (30, 2.1e-2), (40, 3.4e-4), (50, 2.8e-6), (60, 1.5e-8)]
)
def test_the_depth_that_a_bound_needs(m: int, probability: float) -> None:
    # P(Bin(m, 1/2) < 10): m positions suffice for a little more, m - 1 others are not enough.
    utility = (np.random.default_rng(0).random(400) < 0.25).astype(float)
    game = from_lists([list(range(400))], [utility.tolist()])
    half = np.full(400, 0.5)
    depth, bound = depths(game, half, k=10, epsilon=probability * 1.05 / 10)
    assert depth[0] == m + 1  # one of the m + 1 is left out
    assert bound[0] == pytest.approx(probability / 10, rel=0.03)
    error = np.abs(
        gradient(game, half, k=10).values - gradient(game, half, k=10, depth=depth).values
    )
    assert error.max() <= bound[0]


@needs_data
@pytest.mark.parametrize(("match", "raw"), [("exact", 0.308), ("casefold", 0.365)])
def test_accuracy_of_wikifact_currency(match: str, raw: float) -> None:
    table = read_retrievals([DATA / "wikifact_currency.jsonl"], match=match)
    assert accuracy(table.retrievals, k=10) == pytest.approx(raw, abs=5e-4)
    assert (table.retrievals.n_queries, table.empty) == (1696, 0)


@needs_data
def test_pruning_wikifact_currency_gains_four_points_on_test_queries() -> None:
    table = read_retrievals([DATA / "wikifact_currency.jsonl"])
    groups = read_groups(DATA / "wikifact_currency_websites_by_domain.jsonl", table.names)
    whole = table.retrievals
    gains, weighed = [], []
    for split in range(16):
        order = np.random.default_rng(split).permutation(whole.n_queries)
        validation, test = whole.take(order[:848]), whole.take(order[848:])
        found = importance(validation, groups=groups)
        pruned = prune(validation, found.players, k=10, player=groups.of_item, unseen="drop")
        raw = accuracy(test, k=10)
        gains.append(accuracy(test, pruned.keep, k=10) - raw)
        weighed.append(
            reweight(
                test, found.players, k=10, player=groups.of_item, seed=split, unseen="drop"
            ).mean()
            - raw
        )
    assert np.mean(gains) > 0.04
    assert np.mean(weighed) > 0.025


def test_float32_lists_are_valued_as_float64_ones() -> None:
    utility = np.array([0.25, 0.5, 1.0])
    narrow = Retrievals(
        np.array([0, 3]), np.arange(3, dtype=np.int32), utility.astype(np.float32), 3
    )
    wide = Retrievals(np.array([0, 3]), np.arange(3), utility, 3)
    v = np.array([0.1, 0.7, 0.3])
    np.testing.assert_array_equal(gradient(narrow, v, k=2).values, gradient(wide, v, k=2).values)
