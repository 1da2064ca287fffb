"""Correlations with intervals, and the aggregate of several proxies by rank."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from nasproxy.errors import NasproxyError
from nasproxy.ranking import agreement, average_ranks, correlate, rank_aggregate

RNG = np.random.default_rng(0)
TRUTH = RNG.normal(size=200)
NOISY = TRUTH + RNG.normal(size=200)


def test_a_textbook_example() -> None:
    # Kendall and Gibbons, Rank Correlation Methods: 2 discordant of 10 pairs; d² sums to 8.
    found = agreement(np.array([1, 2, 3, 4, 5]), np.array([2, 1, 3, 5, 4]))
    assert found.kendall.value == pytest.approx((8 - 2) / 10)
    assert found.spearman.value == pytest.approx(1 - 6 * 4 / (5 * 24))


def test_the_interval_is_the_percentiles_of_resampled_values() -> None:
    found = agreement(NOISY, TRUTH, resamples=1000, seed=3)
    rng = np.random.default_rng(3)
    taus, rhos = [], []
    for _ in range(1000):
        rows = rng.integers(0, 200, size=200)
        taus.append(stats.kendalltau(NOISY[rows], TRUTH[rows]).statistic)
        rhos.append(stats.spearmanr(NOISY[rows], TRUTH[rows]).statistic)
    assert [found.kendall.low, found.kendall.high] == pytest.approx(
        np.quantile(taus, [0.025, 0.975]), abs=1e-12
    )
    assert [found.spearman.low, found.spearman.high] == pytest.approx(
        np.quantile(rhos, [0.025, 0.975]), abs=1e-12
    )


def test_the_interval_covers_the_truth_about_95_times_in_100() -> None:
    # A normal pair with correlation r has tau = 2/π arcsin r.
    r, trials = 0.6, 400
    tau = 2 / np.pi * np.arcsin(r)
    rng = np.random.default_rng(1)
    covered = 0
    for trial in range(trials):
        x, noise = rng.normal(size=(2, 100))
        found = agreement(x, r * x + np.sqrt(1 - r * r) * noise, resamples=300, seed=trial)
        covered += found.kendall.low <= tau <= found.kendall.high
    # Binomial(400, .95): standard deviation .011; percentile intervals cover a little less.
    assert 0.90 <= covered / trials <= 0.985


def test_the_same_seed_gives_the_same_interval_whatever_else_is_asked() -> None:
    alone = correlate({"a": NOISY}, TRUTH, seed=5).proxies["a"]
    beside = correlate({"b": TRUTH**3, "a": NOISY}, TRUTH, seed=5).proxies["a"]
    assert alone == beside
    assert alone != correlate({"a": NOISY}, TRUTH, seed=6).proxies["a"]


def test_pairs_with_nan_on_either_side_are_dropped_and_counted() -> None:
    holed, truth = NOISY.copy(), TRUTH.copy()
    holed[:7] = np.nan
    truth[5:10] = np.nan
    found = agreement(holed, truth)
    whole = agreement(NOISY[10:], TRUTH[10:])
    assert (found.n, found.dropped) == (190, 10)
    assert (found.kendall, found.spearman) == (whole.kendall, whole.spearman)


def test_infinities_are_ordered() -> None:
    found = agreement(np.array([-np.inf, 0, 1, np.inf]), np.array([1, 2, 3, 4]))
    assert found.kendall.value == 1


@pytest.mark.parametrize(
    ("scores", "truth", "message"),
    [
        ([1.0, 1, 1, np.nan], [1.0, 2, 3, 4], "mine is 1 for all 3 pairs"),
        ([1.0, 2, 3, 4], [7.0, 7, 7, 7], "the truth is 7 for all 4 pairs"),
        ([1.0, 2], [1.0, 2], "mine and the truth share 2 pairs"),
        ([1.0, 2, np.nan, np.nan], [1.0, np.nan, 3, 4], "share 1 pairs without NaN, of 4"),
        ([], [], "share 0 pairs"),
        ([1.0, 2, 3], [1.0, 2, 3, 4], r"shape \[3\], the truth \[4\]"),
        ([[1.0, 2, 3]], [[1.0, 2, 3]], r"shape \[1, 3\]"),
    ],
)
def test_what_has_no_correlation_is_named(scores: list, truth: list, message: str) -> None:
    with pytest.raises(NasproxyError, match=message):
        correlate({"mine": np.array(scores)}, np.array(truth))


def test_no_resamples_make_no_interval() -> None:
    with pytest.raises(NasproxyError, match="0 bootstrap resamples"):
        agreement(NOISY, TRUTH, resamples=0)


def test_less_is_better_is_turned() -> None:
    given = correlate({"loss": -NOISY}, TRUTH).proxies["loss"]
    turned = correlate({"loss": -NOISY}, TRUTH, higher_is_better={"loss": False}).proxies["loss"]
    assert turned == agreement(NOISY, TRUTH)
    assert given.kendall.value == -turned.kendall.value


def test_within_strata_a_proxy_of_the_stratum_alone_has_nothing_to_say() -> None:
    strata = np.repeat([0, 1, 2, 3], 50)
    truth = TRUTH + 10 * strata
    found = correlate({"stratum": strata + 0.0, "noisy": NOISY + 10 * strata}, truth, strata=strata)
    assert found.proxies["stratum"].spearman.value > 0.9
    assert list(found.strata) == ["0", "1", "2", "3"]
    for label, stratum in enumerate(found.strata.values()):
        here = strata == label
        assert stratum.n == 50
        assert stratum.undefined == {
            "stratum": f"stratum is {label} for all 50 pairs: a constant orders nothing"
        }
        expected = stats.kendalltau(NOISY[here], TRUTH[here]).statistic
        assert stratum.proxies["noisy"].kendall.value == pytest.approx(expected, abs=1e-12)


def test_a_constant_proxy_is_reported_beside_the_others() -> None:
    found = correlate({"flat": np.ones(len(TRUTH)), "noisy": NOISY}, TRUTH)
    assert list(found.proxies) == ["noisy"]
    assert "constant" in found.undefined["flat"]
    with pytest.raises(NasproxyError, match="constant"):
        correlate({"flat": np.ones(len(TRUTH))}, TRUTH)


def test_strata_of_another_length_are_named() -> None:
    with pytest.raises(NasproxyError, match=r"strata have the shape \[3\]"):
        correlate({"a": NOISY}, TRUTH, strata=np.array(["x", "y", "z"]))


def test_the_printed_form_is_plain_json_with_the_agreed_names() -> None:
    found = correlate(
        {"a": NOISY}, TRUTH, baselines={"params": TRUTH**3}, strata=np.repeat(["x", "y"], 100)
    )
    printed = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert set(printed) == {"n", "proxies", "baselines", "strata", "undefined", "bootstrap"}
    assert set(printed["proxies"]["a"]) == {"kendall", "spearman", "n", "dropped"}
    assert set(printed["proxies"]["a"]["kendall"]) == {"value", "low", "high"}
    assert printed["baselines"]["params"]["kendall"]["value"] == 1
    assert set(printed["strata"]["x"]["proxies"]["a"]) == set(printed["proxies"]["a"])


def test_average_ranks_are_scipys_and_nan_is_below_everything() -> None:
    values = RNG.integers(0, 9, size=50).astype(float)
    np.testing.assert_array_equal(average_ranks(values), stats.rankdata(values))
    ranks = average_ranks(np.array([np.nan, 3, -np.inf, np.nan, 3]))
    np.testing.assert_array_equal(ranks, [1.5, 4.5, 3, 1.5, 4.5])


def test_the_aggregate_is_its_formula() -> None:
    scores = np.array([[1.0, 9.0], [2.0, 9.0], [3.0, 5.0]])
    np.testing.assert_allclose(
        rank_aggregate(scores, [1, 1]),
        [np.log(1 / 3) + np.log(2.5 / 3), np.log(2 / 3) + np.log(2.5 / 3), np.log(1 / 3)],
    )
    np.testing.assert_allclose(rank_aggregate(scores, [1, -1], "mean"), np.array([2.5, 3.5, 6]) / 6)


def test_the_logarithm_prefers_the_balanced_to_the_lopsided() -> None:
    scores = np.array([[1.0, 5.0], [3.0, 3.0], [5.0, 1.0], [2.0, 2.0], [4.0, 4.0]])
    mean, log = rank_aggregate(scores, [1, 1], "mean"), rank_aggregate(scores, [1, 1])
    assert mean[0] == mean[1]
    assert log[0] < log[1]


def test_a_missing_score_ranks_worst_in_either_direction() -> None:
    scores = np.array([[np.nan], [1.0], [2.0]])
    for sign in (1, -1):
        assert np.argmin(rank_aggregate(scores, [sign])) == 0


@pytest.mark.parametrize(("signs", "message"), [([1], "for 2 proxies"), ([1, 0], r"\[1, 0\]")])
def test_signs_that_do_not_fit_are_named(signs: list, message: str) -> None:
    with pytest.raises(NasproxyError, match=message):
        rank_aggregate(np.zeros((4, 2)), signs)


def test_published_proxies_have_their_published_correlation() -> None:
    folder = Path(os.environ.get("ZEROCOST_DATA_DIR", "nowhere")) / "nasbench201"
    if not (folder / "nats_bench.csv").exists():
        pytest.skip("ZEROCOST_DATA_DIR has no nasbench201/nats_bench.csv")
    with (folder / "nats_bench.csv").open() as lines:
        accuracy = {
            row["ArchitectureString"]: float(row["CIFAR10TestAccuracy200Epochs"])
            for row in csv.DictReader(lines)
        }
    with (folder / "nb201_zc_proxies.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    names = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")

    def spelled(net: str) -> str:
        a, b, c, d, e, f = (names[int(code)] for code in net.strip("()").split(","))
        return f"|{a}~0|+|{b}~0|{d}~1|+|{c}~0|{e}~1|{f}~2|"

    truth = np.array([accuracy[spelled(row["net"])] for row in rows])
    scores = {name: np.array([float(row[name]) for row in rows]) for name in ("synflow", "nwot")}
    found = correlate(scores, truth, resamples=200)
    # Abdelfattah et al. report .737 (synflow) for all 15,625 cells and validation accuracy.
    assert found.n == 9445
    assert found.proxies["synflow"].spearman.value == pytest.approx(0.75, abs=0.05)
    assert found.proxies["nwot"].spearman.value == pytest.approx(0.78, abs=0.05)
    width = found.proxies["synflow"].kendall.high - found.proxies["synflow"].kendall.low
    assert 0.005 < width < 0.04
