"""How well losses of unseen runs are predicted, and how many more runs would help."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from dataselect.weighting.estimate import Estimate
from dataselect.weighting.regressors.regressor import Regressor
from dataselect.weighting.regressors.stack import folds_of, out_of_fold

__all__ = [
    "Curve",
    "Validation",
    "check_folds",
    "learning_curve",
    "nested",
    "spearman",
    "spearman_interval",
]

FOLDS = 5
BOOTSTRAPS = 1000
CURVE_BOOTSTRAPS = 200
REPEATS = 2
# Parts that the runs are dealt in -> the share that a fit learns from.
_FIFTHS = 5
_BLOCKS = {4: 0.25, 2: 0.5, _FIFTHS: 0.8}
_LEAST = 12


@dataclass(frozen=True)
class Validation:
    """Predictions of runs that the regressor, and all that it chooses, has not seen.

    Attributes:
        predicted: ``[runs]``, out of fold.
        observed: ``[runs]``.
        spearman: over all runs; NaN where one side is constant.
        r2: 1 − Σ (observed − predicted)² / Σ (observed − mean)².
    """

    predicted: Float64[np.ndarray, " runs"]
    observed: Float64[np.ndarray, " runs"]
    spearman: Estimate
    r2: float


def spearman(left: Float64[np.ndarray, " n"], right: Float64[np.ndarray, " n"]) -> float:
    """The correlation of ranks, ties at their mean rank; NaN where one side is constant."""
    return float(_spearman_rows(left[None], right[None])[0])


def _spearman_rows(
    left: Float64[np.ndarray, "rows n"], right: Float64[np.ndarray, "rows n"]
) -> Float64[np.ndarray, " rows"]:
    from scipy.stats import rankdata

    x, y = rankdata(left, axis=1), rankdata(right, axis=1)
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    norm = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    return np.asarray((x * y).sum(axis=1) / np.where(norm > 0, norm, np.nan))


def spearman_interval(
    predicted: Float64[np.ndarray, " n"],
    observed: Float64[np.ndarray, " n"],
    *,
    bootstraps: int = BOOTSTRAPS,
    seed: int = 0,
) -> Estimate:
    """Spearman's ρ with a 95 % bootstrap interval over runs (percentiles)."""
    rows = np.random.default_rng(seed).integers(0, len(observed), (bootstraps, len(observed)))
    return Estimate.between(
        spearman(predicted, observed), _spearman_rows(predicted[rows], observed[rows])
    )


def nested(
    regressor: Regressor,
    weights: Float64[np.ndarray, "runs scores"],
    losses: Float64[np.ndarray, " runs"],
    *,
    folds: int = FOLDS,
    seed: int = 0,
) -> Validation:
    """Cross-validate; a regressor that chooses anything does so inside the other folds.

    Args:
        regressor: what to validate.
        weights: of the runs.
        losses: of the runs.
        folds: how many.
        seed: of the folds, and of the regressor.

    Raises:
        DataselectError: fewer runs than two a fold.
    """
    check_folds(len(losses), folds)
    # Not the folds that a stack makes within: those are drawn with the seed itself.
    parts = folds_of(len(losses), folds, seed + 1_000_003)
    predicted = out_of_fold(regressor, weights, losses, parts, seed)
    total = float(((losses - losses.mean()) ** 2).sum())
    rest = float(((losses - predicted) ** 2).sum())
    return Validation(
        predicted,
        losses,
        spearman_interval(predicted, losses, seed=seed),
        1 - rest / total if total > 0 else float("nan"),
    )


def check_folds(runs: int, folds: int) -> None:
    """DataselectError where a fold would hold fewer than two runs."""
    if runs < 2 * folds or folds < 2:
        raise DataselectError(
            f"{runs} runs in {folds} folds",
            accepted="2 folds or more, of 2 runs or more",
            hint="train more small models, or ask for fewer folds",
        )


@dataclass(frozen=True)
class Curve:
    """Spearman's ρ by the number of runs learned from, tested on all other runs.

    Attributes:
        by_runs: number of runs -> ρ with its interval.
        expected: for more runs than there are: 1 − ρ = a m^−b fitted to ``by_runs``.
    """

    by_runs: Mapping[int, Estimate]
    expected: Mapping[int, Estimate] = field(default_factory=dict)


def learning_curve(
    regressor: Regressor,
    weights: Float64[np.ndarray, "runs scores"],
    losses: Float64[np.ndarray, " runs"],
    *,
    repeats: int = REPEATS,
    seed: int = 0,
    on_fit: Callable[[int, int], None] | None = None,
) -> Curve:
    """Fit to a quarter, a half and four fifths of the runs, and predict all the others.

    In each repeat the runs are dealt anew: each quarter and each half learns alone, and each fifth
    is left out once; ρ is over all predictions of a size together, so that sizes are compared on
    the same runs. Intervals resample the runs that are predicted. What is expected of twice and
    four times the runs extrapolates a power law: whether more runs are worth their cost, no more.

    Args:
        regressor: what learns.
        weights: of the runs.
        losses: of the runs.
        repeats: how often the runs are dealt; 11 fits each.
        seed: of the draws.
        on_fit: called with (done, total).

    Returns:
        An empty curve where there are too few runs for two sizes.
    """
    n = len(losses)
    blocks = {parts: round(share * n) for parts, share in _BLOCKS.items()}
    blocks = {parts: size for parts, size in blocks.items() if size >= _LEAST}
    if len(blocks) < 2 or repeats < 1:
        return Curve({})
    rng = np.random.default_rng(seed)
    predicted: dict[int, Float64[np.ndarray, "repeats parts runs"]] = {
        parts: np.full((repeats, parts, n), np.nan) for parts in blocks
    }
    total, done = repeats * sum(blocks), 0
    for repeat in range(repeats):
        for parts in blocks:
            order = rng.permutation(n)
            for part in range(parts):
                own = np.sort(order[part::parts])
                others = np.setdiff1d(np.arange(n), own)
                kept, held = (others, own) if parts == _FIFTHS else (own, others)
                fitted = regressor.fit(weights[kept], losses[kept], seed=seed)
                predicted[parts][repeat, part, held] = fitted.predict(weights[held])
                done += 1
                if on_fit is not None:
                    on_fit(done, total)
    drawn = rng.integers(0, n, (CURVE_BOOTSTRAPS, n))
    sizes = np.array(list(blocks.values()))
    value = np.array([_pooled(found, losses) for found in predicted.values()])
    each = np.array(
        [[_pooled(f[:, :, rows], losses[rows]) for f in predicted.values()] for rows in drawn]
    )
    by_runs = {
        int(size): Estimate.between(float(value[at]), each[:, at]) for at, size in enumerate(sizes)
    }
    more = np.array([n, 2 * n, 4 * n], dtype=np.float64)
    middle = _extrapolated(sizes, value, more)
    if middle is None:
        return Curve(by_runs)
    known = [row for row in (_extrapolated(sizes, own, more) for own in each) if row is not None]
    return Curve(
        by_runs,
        {
            int(runs): Estimate.between(float(middle[at]), np.array([row[at] for row in known]))
            for at, runs in enumerate(more)
        },
    )


def _pooled(
    predicted: Float64[np.ndarray, "repeats parts runs"], losses: Float64[np.ndarray, " runs"]
) -> float:
    """The mean over repeats of ρ over all predictions of a repeat."""
    found = []
    for repeat in predicted:
        known = np.isfinite(repeat)
        observed = np.broadcast_to(losses, repeat.shape)[known]
        found.append(spearman(repeat[known], observed))
    return float(np.mean(found))


def _extrapolated(
    sizes: np.ndarray, values: Float64[np.ndarray, " sizes"], more: Float64[np.ndarray, " more"]
) -> Float64[np.ndarray, " more"] | None:
    """ρ at more runs by ln(1 − ρ) = ln a − b ln m, b at least 0; None where ρ is not known."""
    if not np.isfinite(values).all():
        return None
    logs = np.log(np.maximum(1 - values, 1e-6))
    x = np.log(sizes)
    slope = float(((x - x.mean()) * (logs - logs.mean())).sum() / ((x - x.mean()) ** 2).sum())
    slope = min(slope, 0.0)
    return np.asarray(1 - np.exp(logs.mean() + slope * (np.log(more) - x.mean())))
