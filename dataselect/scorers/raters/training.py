"""Training a rater: strength chosen inside folds, calibration out of them, an honest estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.errors import DataselectError
from dataselect.scorers.raters.calibration import Calibration, calibrate
from dataselect.scorers.raters.features import Features, RawFeatures, extract
from dataselect.scorers.raters.fitting import Fit, Strength, fit, prepare, products_of, scores_of
from dataselect.scorers.raters.labelled import Labelled, folds_of, loss_for
from dataselect.scorers.raters.losses import LOSSES, LossName, offset_of
from dataselect.scorers.raters.rater import Rater
from dataselect.scorers.raters.scaling import Design, Scaling, design_of, learn_scaling

__all__ = ["LEAST_ROWS", "HeldOut", "Trained", "cross_validate", "train"]

ALPHAS = (30.0, 10.0, 3.0, 1.0, 0.3, 0.1)
MEASURES = (0.1, 0.5)
LEAST_ROWS = 20
"""Fewer labels make no rater."""
_CHOICE_ROWS = 6000
_INNER = 3

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Model:
    scaling: Scaling
    fitted: Fit
    columns: np.ndarray
    strength: Strength
    calibration: Calibration


@dataclass(frozen=True)
class HeldOut:
    """Calibrated scores of rows by models that saw neither them nor their documents.

    Attributes:
        scores: NaN where a row is in no fold.
        fold: of each row, -1 where it is in none.
        strengths: chosen in each fold.
    """

    scores: Float64[np.ndarray, " rows"]
    fold: Int64[np.ndarray, " rows"]
    strengths: tuple[Strength, ...]


@dataclass(frozen=True)
class Trained:
    """A rater, how it was made, and what it is worth.

    Attributes:
        rater: to score with.
        strength: the regularisation of its last fit.
        held_out: the cross-validation of the whole procedure; None where it was not asked for.
    """

    rater: Rater
    strength: Strength
    held_out: HeldOut | None


def train(
    labelled: Labelled,
    *,
    features: Features | None = None,
    loss: str = "auto",
    folds: int = 5,
    estimate: bool = True,
    name: str = "rater",
    seed: int = 0,
    on_progress: Progress | None = None,
) -> Trained:
    """A rater of labelled documents or pairs.

    The strength of the regularisation is chosen by the loss on held-out folds; the scores of those
    folds calibrate it; then all rows fit it. The estimate repeats all of this, scaling included, on
    ``folds - 1`` of ``folds`` parts and scores the part that is left.

    Args:
        labelled: what to learn from; at least 20 rows.
        features: what to look at.
        loss: auto, ridge, logistic, ordinal or pairwise.
        folds: of the estimate.
        estimate: whether to make it.
        name: of the rater, and of its column.
        seed: deals the folds out.
        on_progress: called with steps done and their number.

    Raises:
        DataselectError: there are too few labels, all are the same, or they do not fit the loss.
    """
    features = features or Features()
    kind = loss_for(labelled, loss)
    _check_rows(len(labelled.target), folds)
    raw = extract(labelled.texts, features)
    total = 1 + (folds if estimate else 0)
    say = on_progress or (lambda done, of: None)
    say(0, total)
    held_out = None
    if estimate:
        held_out = cross_validate(
            labelled, raw, kind, features, folds=folds, seed=seed,
            on_progress=lambda done: say(done, total),
        )  # fmt: skip
    rng = np.random.default_rng([seed, 1])
    everything = np.arange(len(labelled.target))
    model = _fitted(labelled, everything, raw, kind, features, rng)
    say(total, total)
    return Trained(_rater(model, features, labelled, kind, name), model.strength, held_out)


def cross_validate(
    labelled: Labelled,
    raw: RawFeatures,
    loss: LossName,
    features: Features,
    *,
    folds: int = 5,
    seed: int = 0,
    on_progress: Callable[[int], None] | None = None,
) -> HeldOut:
    """Every row scored by a rater trained on the other folds: see `train`.

    Args:
        labelled: the rows.
        raw: the features of their documents.
        loss: to fit.
        features: the definition.
        folds: how many.
        seed: deals them out.
        on_progress: called with the folds done.
    """
    rng = np.random.default_rng([seed, 0])
    fold = folds_of(labelled, folds, rng)
    scores = np.full(len(fold), np.nan)
    strengths = []
    for k in range(folds):
        inside, outside = _apart(labelled, fold, k)
        model = _fitted(labelled, inside, raw, loss, features, rng)
        design = _design(labelled, outside, raw, model.scaling)
        scores[outside] = model.calibration(scores_of(design, model.fitted))
        strengths.append(model.strength)
        if on_progress:
            on_progress(k + 1)
    return HeldOut(scores, fold, tuple(strengths))


def _check_rows(rows: int, folds: int) -> None:
    if rows < LEAST_ROWS:
        raise DataselectError(
            f"{rows} labels are too few to train a rater", accepted=f"{LEAST_ROWS} or more"
        )
    if not 2 <= folds <= rows // 2:
        raise DataselectError(f"{folds} folds of {rows} labels", accepted=f"2 to {rows // 2} folds")


def _apart(
    labelled: Labelled, fold: np.ndarray, k: int
) -> tuple[Int64[np.ndarray, " inside"], Int64[np.ndarray, " outside"]]:
    """The rows to train on, and those of a fold, which share no document."""
    outside = np.flatnonzero(fold == k)
    if labelled.second is None:
        return np.flatnonzero(fold != k), outside
    used = np.zeros(len(labelled.texts), np.bool_)
    used[labelled.first[outside]] = used[labelled.second[outside]] = True
    shared = used[labelled.first] | used[labelled.second]
    return np.flatnonzero((fold != k) & ~shared), outside


def _design(labelled: Labelled, rows: np.ndarray, raw: RawFeatures, scaling: Scaling) -> Design:
    return _of_rows(design_of(raw, scaling), labelled, rows)


def _of_rows(documents: Design, labelled: Labelled, rows: np.ndarray) -> Design:
    if labelled.second is None:
        return documents.rows(labelled.first[rows])
    return documents.difference(labelled.first[rows], labelled.second[rows])


def _fitted(
    labelled: Labelled,
    rows: np.ndarray,
    raw: RawFeatures,
    loss: LossName,
    features: Features,
    rng: np.random.Generator,
) -> _Model:
    """Scale, choose the strength, calibrate and fit, on these rows alone."""
    part = labelled.rows(rows)
    seen = part.first if part.second is None else np.concatenate([part.first, part.second])
    scaling = learn_scaling(raw, np.unique(seen))
    documents = design_of(raw, scaling)
    design = _of_rows(documents, labelled, rows)
    targets = part.target
    if loss == "ridge":  # so that strengths mean the same on every scale
        targets = (targets - targets.mean()) / (targets.std() or 1.0)
    chosen = np.arange(len(rows))
    if len(chosen) > _CHOICE_ROWS:
        chosen = np.sort(rng.choice(chosen, _CHOICE_ROWS, replace=False))
    strength, scores = _choose(
        design.rows(chosen), targets[chosen], part.rows(chosen), loss, features.bits, rng
    )
    held = ~np.isnan(scores)
    calibration, _ = calibrate(scores[held], part.target[chosen][held], loss)
    problem = prepare(design, strength.measures, bits=features.bits)
    fitted = fit(problem, targets, LOSSES[loss], strength.alpha)
    calibration = calibration.shifted(offset_of(loss, fitted.extra))
    return _Model(scaling, fitted, design.columns, strength, calibration)


def _choose(
    design: Design,
    targets: Float64[np.ndarray, " rows"],
    labelled: Labelled,
    loss: LossName,
    bits: int,
    rng: np.random.Generator,
) -> tuple[Strength, Float64[np.ndarray, " rows"]]:
    """The strength whose held-out scores, calibrated, have the least loss; and these scores.

    Calibrated, because a stronger model's scores are smaller, which says nothing of their order.
    """
    fold = folds_of(labelled, _INNER, rng)
    parts = [_apart(labelled, fold, k) for k in range(_INNER)]
    if any(_one_sided(targets[inside], loss) or len(outside) == 0 for inside, outside in parts):
        raise DataselectError(
            f"{len(targets)} labels cannot be dealt into {_INNER} folds: "
            "one class, or documents that stand in nearly all pairs, is left alone",
            accepted="more labels of each class, or more different documents",
        )
    best: tuple[float, Strength, np.ndarray] | None = None
    form = LOSSES[loss]
    inner = [(design.rows(inside), design.rows(outside)) for inside, outside in parts]
    products = products_of(design, bits=bits)
    for measures in MEASURES:
        models: list[Fit | None] = [None] * _INNER
        problems = [
            prepare(train_on, measures, bits=bits, products=products and products.rows(inside))
            for (train_on, _), (inside, _) in zip(inner, parts, strict=True)
        ]
        before = np.inf
        for alpha in ALPHAS:
            strength = Strength(alpha, measures)
            scores = np.full(len(targets), np.nan)
            for k, ((inside, outside), (_, held)) in enumerate(zip(parts, inner, strict=True)):
                model = fit(problems[k], targets[inside], form, alpha, start=models[k])
                models[k] = model
                scores[outside] = scores_of(held, model) + offset_of(loss, model.extra)
            known = ~np.isnan(scores)
            _, value = calibrate(scores[known], targets[known], loss)
            if best is None or value < best[0]:
                best = value, strength, scores
            if value > before:  # weaker ones would overfit more
                break
            before = value
    assert best is not None
    return best[1], best[2]


def _one_sided(targets: np.ndarray, loss: LossName) -> bool:
    return len(targets) == 0 or (loss != "pairwise" and len(np.unique(targets)) < 2)


def _rater(
    model: _Model, features: Features, labelled: Labelled, loss: LossName, name: str
) -> Rater:
    buckets = 1 << features.bits
    weights = np.zeros((2 * buckets, 2), np.float32)
    weights[:, 0] = model.scaling.idf.reshape(-1)
    weights[model.columns, 1] = model.fitted.grams
    calibration = model.calibration
    if loss == "pairwise":  # only differences have a meaning: the mean document gets 0
        raw = extract(labelled.texts, features)
        mean = float(scores_of(design_of(raw, model.scaling), model.fitted).mean())
        calibration = Calibration(loss, calibration.slope, (-calibration.slope * mean,))
    return Rater(
        label=name,
        features=features,
        weights=weights.reshape(2, buckets, 2),
        knots=model.scaling.knots,
        heights=model.scaling.heights,
        of_measures=model.fitted.measures,
        calibration=calibration,
        rows=len(labelled.target),
        lowest=float(labelled.target.min()),
        highest=float(labelled.target.max()),
    )
