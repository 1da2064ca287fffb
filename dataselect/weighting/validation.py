"""How well losses of unseen runs are predicted, and how many more runs would help."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from dataselect.weighting.estimate import LEVEL, Estimate
from dataselect.weighting.regressors.regressor import Regressor
from dataselect.weighting.regressors.stack import folds_of, out_of_fold

__all__ = ["Curve", "Validation", "learning_curve", "nested", "spearman", "spearman_interval"]

FOLDS = 5
BOOTSTRAPS = 1000
_SHARES = (0.25, 0.5, 0.8)
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
    if len(losses) < 2 * folds or folds < 2:
        raise DataselectError(
            f"{len(losses)} runs in {folds} folds",
            accepted="2 folds or more, of 2 runs or more",
            hint="train more small models, or ask for fewer folds",
        )
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


@dataclass(frozen=True)
class Curve:
    """Spearman's ρ by the number of runs learned from, tested on all other runs.

    Attributes:
        by_runs: number of runs -> mean over repeats, with the interval of that mean.
        expected: for more runs than there are: 1 − ρ = a m^−b fitted to ``by_runs``.
    """

    by_runs: Mapping[int, Estimate]
    expected: Mapping[int, Estimate] = field(default_factory=dict)


def learning_curve(
    regressor: Regressor,
    weights: Float64[np.ndarray, "runs scores"],
    losses: Float64[np.ndarray, " runs"],
    *,
    repeats: int = 4,
    seed: int = 0,
    on_fit: Callable[[int, int], None] | None = None,
) -> Curve:
    """Fit to a quarter, a half and four fifths of the runs, drawn anew in each repeat.

    What is expected of twice and four times the runs is an extrapolation of a power law with an
    interval over resampled repeats; it says whether more runs are worth their cost, no more.

    Args:
        regressor: what learns.
        weights: of the runs.
        losses: of the runs.
        repeats: fits a size.
        seed: of the draws.
        on_fit: called with (done, total).

    Returns:
        An empty curve where there are too few runs for two sizes.
    """
    n = len(losses)
    sizes = sorted({round(share * n) for share in _SHARES if round(share * n) >= _LEAST})
    sizes = [size for size in sizes if n - size >= 5]
    if len(sizes) < 2 or repeats < 1:
        return Curve({})
    rng = np.random.default_rng(seed)
    found = np.full((len(sizes), repeats), np.nan)
    for repeat in range(repeats):
        order = rng.permutation(n)
        for row, size in enumerate(sizes):
            kept, held = order[:size], order[size:]
            fitted = regressor.fit(weights[kept], losses[kept], seed=seed)
            found[row, repeat] = spearman(fitted.predict(weights[held]), losses[held])
            if on_fit is not None:
                on_fit(repeat * len(sizes) + row + 1, repeats * len(sizes))
    drawn = rng.integers(0, repeats, (BOOTSTRAPS, repeats))
    by_runs = {
        size: Estimate.between(_mean(found[row]), _means(found[row][drawn]))
        for row, size in enumerate(sizes)
    }
    more = np.array([n, 2 * n, 4 * n], dtype=np.float64)
    middle = _extrapolated(np.array(sizes), np.array([_mean(row) for row in found]), more)
    if middle is None:
        return Curve(by_runs)
    each = [
        _extrapolated(np.array(sizes), np.array([_mean(row[pick]) for row in found]), more)
        for pick in drawn[:200]
    ]
    known = np.array([row for row in each if row is not None])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(known, [tail, 1 - tail], axis=0)
    return Curve(
        by_runs,
        {
            int(runs): Estimate(float(middle[i]), float(low[i]), float(high[i]))
            for i, runs in enumerate(more)
        },
    )


def _mean(values: Float64[np.ndarray, " n"]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _means(values: Float64[np.ndarray, "draws n"]) -> Float64[np.ndarray, " draws"]:
    return np.array([_mean(row) for row in values])


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
