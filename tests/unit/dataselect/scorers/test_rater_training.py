"""Losses, fitting, folds, calibration and metrics of trained raters."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score, roc_auc_score

from dataselect.errors import DataselectError
from dataselect.scorers.raters import Features, label, label_pairs, train
from dataselect.scorers.raters.calibration import calibrate
from dataselect.scorers.raters.evaluation import evaluate, metrics_for
from dataselect.scorers.raters.features import extract
from dataselect.scorers.raters.fitting import fit, prepare, scores_of
from dataselect.scorers.raters.labelled import folds_of, loss_for
from dataselect.scorers.raters.losses import LOSSES, expected_class
from dataselect.scorers.raters.metrics import auc, f1, measured, spearman
from dataselect.scorers.raters.scaling import Design, Scaling, design_of, learn_scaling

WORDS = ("alpha", "beta", "gamma", "delta", "omega", "theta", "kappa", "sigma")
SMALL = Features(bits=14, signals="none")


def planted(rows: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Texts of random words, and how much more of the first half of the words each has."""
    rng = np.random.default_rng(seed)
    texts, truth = [], []
    for k in range(rows):
        share = rng.uniform(0.1, 0.9)
        first = rng.random(30) < share
        words = [WORDS[rng.integers(0, 4) + (0 if each else 4)] for each in first]
        texts.append(" ".join([*words, f"n{k}"]))
        truth.append(first.mean())
    return texts, np.array(truth)


@pytest.mark.parametrize("name", ["ridge", "logistic", "ordinal", "pairwise"])
def test_gradients_are_those_of_the_loss(name: str) -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=7)
    targets = np.array([0, 1, 2, 3, 1, 0, 3.0]) if name == "ordinal" else rng.random(7)
    loss = LOSSES[name]
    extra = loss.start(targets) + 0.1
    _, by_score, by_extra = loss.value(scores, targets, extra)
    numeric = approx_fprime(scores, lambda s: loss.value(s, targets, extra)[0], 1e-7)
    assert by_score == pytest.approx(numeric, abs=1e-5)
    if len(extra):
        numeric = approx_fprime(extra, lambda e: loss.value(scores, targets, e)[0], 1e-7)
        assert by_extra == pytest.approx(numeric, abs=1e-5)


def test_the_ordinal_loss_is_the_log_of_class_probabilities() -> None:
    steps, scores = np.array([-1.0, 0.5, 0.0]), np.array([0.3])
    values = [LOSSES["ordinal"].value(scores, np.array([k]), steps)[0] for k in (0.0, 1, 2, 3)]
    chances = np.exp(-np.array(values))
    assert chances.sum() == pytest.approx(1)
    assert expected_class(scores, steps)[0] == pytest.approx(chances @ np.arange(4))


def tfidf_design(texts: list[str]) -> Design:
    raw = extract(pa.array(texts, pa.large_string()), Features(True, 0, 0, 18, "none"))
    scaling = learn_scaling(raw, np.arange(len(texts)))
    return design_of(raw, scaling)


def test_tokens_and_pairs_are_weighed_as_scikit_learn_does() -> None:
    texts, _ = planted(40)
    ours = tfidf_design(texts).grams.toarray()
    theirs = (
        TfidfVectorizer(
            ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=r"\w+|[^\w\s]"
        )
        .fit_transform(texts)
        .toarray()
    )
    assert ours.shape == theirs.shape
    assert ours @ ours.T == pytest.approx(theirs @ theirs.T, abs=1e-6)


@pytest.mark.parametrize("few_rows", [True, False])
def test_ridge_and_logistic_agree_with_scikit_learn(
    few_rows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not few_rows:
        monkeypatch.setattr("dataselect.scorers.raters.fitting._FEW_ROWS", 0)
    texts, truth = planted(60)
    design = tfidf_design(texts)
    design = Design(design.grams, design.columns, np.zeros((60, 0)))
    dense = design.grams.toarray().astype(np.float64)
    problem = prepare(design, 1.0, bits=18)
    model = fit(problem, truth, LOSSES["ridge"], 0.5)
    theirs = Ridge(alpha=0.5).fit(dense, truth)
    assert scores_of(design, model) + model.extra[0] == pytest.approx(
        theirs.predict(dense), abs=1e-3
    )
    good = (truth > 0.5).astype(float)
    model = fit(problem, good, LOSSES["logistic"], 0.5)
    other = LogisticRegression(C=2.0, tol=1e-8, max_iter=1000).fit(dense, good)
    assert scores_of(design, model) + model.extra[0] == pytest.approx(
        other.decision_function(dense), abs=2e-2
    )


def test_measures_become_normal_scores_and_missing_ones_the_middle() -> None:
    texts, _ = planted(50)
    raw = extract(pa.array([*texts, ""], pa.large_string()), SMALL)
    scaling = learn_scaling(raw, np.arange(51))
    measures = design_of(raw, scaling).measures * np.sqrt(raw.measures.shape[1])
    assert measures[50] == pytest.approx(0)
    assert np.abs(measures).max() <= 2.5
    ranks = spearmanr(raw.measures[:50, 0], measures[:50, 0]).statistic
    assert ranks > 0.99


@pytest.mark.parametrize("loss", ["ridge", "logistic", "ordinal", "pairwise"])
def test_what_was_planted_is_found_and_calibrated(loss: str) -> None:
    texts, truth = planted(160)
    if loss == "pairwise":
        a, b = truth[:80], truth[80:]
        labelled = label_pairs(texts[:80], texts[80:], 1 / (1 + np.exp(8 * (a - b))))
    else:
        target = {
            "ridge": 10 * truth - 3,
            "logistic": (truth > 0.5).astype(float),
            "ordinal": np.floor(truth * 4).clip(0, 3),
        }[loss]
        labelled = label(texts, target)
    trained = train(labelled, features=SMALL, loss=loss)
    assert trained.held_out is not None
    found = trained.held_out.scores
    assert spearman(labelled.target, found) > 0.85
    fresh, unseen = planted(200, seed=1)
    scores = trained.rater.score(
        pa.RecordBatch.from_arrays([pa.array(fresh)], names=["text"])
    ).column(0)
    values = scores.to_numpy(zero_copy_only=False)
    assert spearman(unseen, values) > 0.9
    if loss == "ridge":
        assert np.abs(values - (10 * unseen - 3)).mean() < 0.6
    if loss == "logistic":
        assert abs(values.mean() - (unseen > 0.5).mean()) < 0.1


def test_the_same_seed_gives_the_same_rater() -> None:
    texts, truth = planted(60)
    first, second = (train(label(texts, truth), features=SMALL, seed=3) for _ in range(2))
    assert first.rater.fingerprint == second.rater.fingerprint
    assert first.held_out is not None
    assert second.held_out is not None
    assert np.array_equal(first.held_out.scores, second.held_out.scores)


def test_labels_without_meaning_are_not_predicted() -> None:
    """Scaling, strength and calibration learn inside the folds: nothing leaks."""
    texts, _ = planted(200)
    noise = np.random.default_rng(5).normal(size=200)
    held_out = train(label(texts, noise), features=SMALL).held_out
    assert held_out is not None
    assert abs(spearman(noise, held_out.scores)) < 0.2


def test_a_document_is_in_one_fold_whatever_its_rows() -> None:
    texts = ["a", "b", "c", "d", "a", "e", "f", "a"]
    labelled = label(texts, np.arange(8.0))
    fold = folds_of(labelled, 3, np.random.default_rng(0))
    assert fold[0] == fold[4] == fold[7]
    pairs = label_pairs(texts[:4], texts[4:], np.full(4, 0.5))
    fold = folds_of(pairs, 2, np.random.default_rng(0))
    assert fold[0] == fold[3] or -1 in (fold[0], fold[3])


def test_folds_share_the_labels_evenly() -> None:
    labelled = label([str(k) for k in range(100)], np.repeat([0.0, 1.0], [80, 20]))
    fold = folds_of(labelled, 5, np.random.default_rng(0))
    assert np.bincount(fold).tolist() == [20] * 5
    assert np.bincount(fold[80:]).tolist() == [4] * 5


def test_calibration_recovers_the_slope_and_never_turns_the_order() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=5000)
    labels = (rng.random(5000) < 1 / (1 + np.exp(-(3 * scores - 1)))).astype(float)
    found, _ = calibrate(scores, labels, "logistic")
    assert found.slope == pytest.approx(3, abs=0.25)
    assert found.extra[0] == pytest.approx(-1, abs=0.15)
    against, _ = calibrate(-scores, labels, "logistic")
    assert against.slope > 0
    moved = found.shifted(0.7)
    assert moved(scores) == pytest.approx(found(scores + 0.7))


def test_metrics_are_those_of_scipy_and_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 4, 200).astype(float), rng.normal(size=200).round(1)
    assert spearman(labels, scores) == pytest.approx(spearmanr(labels, scores).statistic)
    good = labels > 1
    assert auc(good, scores) == pytest.approx(roc_auc_score(good, scores))
    assert f1(good, scores > 0) == pytest.approx(f1_score(good, scores > 0))
    found = measured(labels, scores + labels, {"rho": spearman})["rho"]
    assert found.low < found.value < found.high


def test_intervals_cover_as_often_as_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of normal samples with a correlation of .5, whose Spearman is 6/π asin(.25)."""
    monkeypatch.setattr("dataselect.scorers.raters.metrics.DRAWS", 150)
    truth = 6 / np.pi * np.arcsin(0.25)
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(60):
        x = rng.normal(size=80)
        y = 0.5 * x + np.sqrt(0.75) * rng.normal(size=80)
        found = measured(x, y, {"rho": spearman})["rho"]
        inside += found.low <= truth <= found.high
    assert inside >= 51


def test_the_loss_that_labels_ask_for() -> None:
    def of(values: list[float]) -> str:
        return loss_for(label([str(k) for k in range(len(values))], np.array(values, float)))

    assert of([0, 1, 1]) == "logistic"
    assert of([0, 5, 3]) == "ordinal"
    assert of([-0.3, 1.2, 0.1]) == "ridge"
    assert loss_for(label_pairs(["a"], ["b"], np.array([0.7]))) == "pairwise"


@pytest.mark.parametrize(
    ("values", "loss", "wrong"),
    [
        ([1.0] * 30, "auto", "all 30 labels are 1"),
        ([0.0, 2.5] * 15, "ordinal", "does not fit"),
        ([0.0, 3.0] * 15, "logistic", "does not fit"),
        ([0.0, 1.0] * 15, "pairwise", "does not fit"),
        ([0.0, 1.0] * 15, "hinge", "no loss named"),
        ([0.0, 1.0] * 3, "auto", "too few"),
        ([0.0] * 29 + [1.0], "auto", "cannot be dealt"),
    ],
)
def test_labels_that_cannot_train_are_named(values: list[float], loss: str, wrong: str) -> None:
    texts, _ = planted(len(values))
    with pytest.raises(DataselectError, match=wrong):
        train(label(texts, np.array(values)), features=SMALL, loss=loss)


def test_evaluation_names_the_documents_that_are_most_wrong() -> None:
    texts, truth = planted(100)
    rater = train(label(texts, truth), features=SMALL, estimate=False).rater
    fresh, labels = planted(40, seed=2)
    labels[7] = 1.0 if labels[7] < 0.5 else 0.0
    found = evaluate(rater, label(fresh, labels), worst=3)
    assert found.rows == 40
    assert set(found.metrics) == {"spearman", "auc", "f1"}
    assert fresh[7].startswith(found.worst[0].text[:50])
    pairs = label_pairs(fresh[:20], fresh[20:], (labels[20:] > labels[:20]).astype(float))
    assert evaluate(rater, pairs).metrics["accuracy"].value > 0.7
    assert "f1" not in metrics_for(pairs, None)


def test_scaling_of_constant_and_missing_measures() -> None:
    raw = extract(pa.array(["a b", "a b"], pa.large_string()), SMALL)
    raw.measures[:, 0] = np.nan
    scaling = learn_scaling(raw, np.arange(2))
    assert isinstance(scaling, Scaling)
    assert np.isfinite(design_of(raw, scaling).measures).all()
