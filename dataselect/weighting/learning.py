"""From a table of runs to weights, with how far they can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from dataselect.weighting.bounds import Bounds
from dataselect.weighting.concentration import distance_to_uniform, effective_scores
from dataselect.weighting.estimate import Estimate
from dataselect.weighting.learned import Learned, learned_to_json, learned_to_weights
from dataselect.weighting.optimum import BEST, DRAWS, Optimum, Predict, direct, published
from dataselect.weighting.regressors import Regressor, regressor_named
from dataselect.weighting.regressors.stack import FittedStack, Stack
from dataselect.weighting.resampling import gains_at, resample
from dataselect.weighting.runs import Runs
from dataselect.weighting.validation import FOLDS, REPEATS, check_folds, learning_curve, nested
from dataselect.weighting.words import in_words
from zerocost.errors import did_you_mean

__all__ = [
    "OPTIMISERS",
    "Estimate",
    "Learned",
    "Optimiser",
    "learn",
    "learned_to_json",
    "learned_to_weights",
    "objective_of",
    "weighed_losses",
]

Optimiser = Literal["direct", "published"]
OPTIMISERS: tuple[Optimiser, ...] = ("direct", "published")

LEAST_RUNS = 16
RESAMPLES = 40
_BEST_RUNS = 8
_SAME = 1e-9
# Of a resample: a search near the optimum of the whole, and a tenth of the draws.
_QUICK_SCREEN, _QUICK_STARTS, _FEWER_DRAWS = 1024, 2, 10


def learn(
    runs: Runs,
    *,
    target: str | Mapping[str, float] = "mean",
    regressor: str | Regressor = "stack",
    optimiser: Optimiser = "direct",
    bounds: Mapping[str, tuple[float, float]] | None = None,
    prior: Mapping[str, float] | None = None,
    draws: int = DRAWS,
    resamples: int = RESAMPLES,
    folds: int = FOLDS,
    repeats: int = REPEATS,
    seed: int = 0,
    threads: int = 1,
    on_step: Callable[[str, int, int], None] | None = None,
) -> Learned:
    """The weights at which the predicted loss is least, and how sure that is.

    Args:
        runs: the table, of 16 runs or more.
        target: ``mean`` of all targets, the name of one, or shares by name (brought to the sum 1).
        regressor: ``stack``, ``gp``, ``ridge``, ``mixing_law``, ``power_law``, ``lightgbm``, or an
            object.
        optimiser: ``direct`` on the simplex, or ``published``: the mean of the best 128 of a
            million draws.
        bounds: the least and the greatest weight by name, ``*`` for all others; else 0 to 1.
        prior: of ``published``: the strengths of the Dirichlet distribution by name; else 1.
        draws: of ``published``.
        resamples: halves of the runs for the intervals.
        folds: of the validation.
        repeats: of the learning curve; 0 draws none.
        seed: of all draws.
        threads: of the search for the optimum; nothing depends on it.
        on_step: called with (step, done, total).

    Raises:
        DataselectError: too few runs, losses that are all the same, an unknown name, or bounds
            that nothing keeps.

    References:
        Zhuang et al., Meta-rater, ACL 2025; Liu et al., RegMix, ICLR 2025.
    """
    step = on_step or (lambda name, done, total: None)
    objective = objective_of(runs, target)
    chosen = regressor_named(regressor) if isinstance(regressor, str) else regressor
    _check(runs, optimiser, prior, resamples=resamples, folds=folds, seed=seed)
    losses = weighed_losses(runs, objective)
    if losses.min() == losses.max():
        raise DataselectError(
            f"the loss is {losses[0]:g} in all {len(losses)} runs", accepted="losses that differ"
        )
    limits = Bounds.named(runs.names, bounds)
    alpha = _strengths(runs.names, prior)
    k = len(runs.names)
    best_runs = runs.weights[np.argsort(losses, kind="stable")[:_BEST_RUNS]]

    def optimise(predict: Predict, starts: Float64[np.ndarray, "starts scores"]) -> Optimum:
        if optimiser == "published":
            return published(
                predict,
                k,
                draws=max(draws // _FEWER_DRAWS, 1000),
                best=max(BEST // _FEWER_DRAWS, 1),
                alpha=alpha,
                bounds=limits,
                threads=threads,
            )
        return direct(
            predict,
            k,
            bounds=limits,
            starts=starts,
            screened=_QUICK_SCREEN,
            keep=_QUICK_STARTS,
            seed=seed,
            threads=threads,
        )

    step("fit", 0, 1)
    fitted = chosen.fit(runs.weights, losses, seed=seed)
    if optimiser == "published":
        found = published(
            fitted.predict, k, draws=draws, alpha=alpha, bounds=limits, threads=threads
        )
    else:
        found = direct(
            fitted.predict, k, bounds=limits, starts=best_runs, seed=seed, threads=threads
        )
    step("fit", 1, 1)
    again, members = chosen, {}
    if isinstance(chosen, Stack) and isinstance(fitted, FittedStack):
        members = dict(fitted.shares)
        again = replace(chosen, shares=members)
    resampled = resample(
        again,
        fitted,
        found.weights,
        runs.weights,
        losses,
        optimise=optimise,
        resamples=resamples,
        seed=seed,
        on_fit=lambda done, total: step("resample", done, total),
    )
    others = [] if len(objective) == 1 else [*objective]
    others += [name for name in runs.targets if name not in objective]
    step("validate", 0, 1 + len(others))
    validation = nested(chosen, runs.weights, losses, folds=folds, seed=seed)
    label = next(iter(objective)) if len(objective) == 1 else "objective"
    spearman = {label: validation.spearman}
    for done, name in enumerate(others, 1):
        step("validate", done, 1 + len(others))
        own = runs.losses[:, runs.targets.index(name)]
        spearman[name] = nested(chosen, runs.weights, own, folds=folds, seed=seed).spearman
    step("validate", 1 + len(others), 1 + len(others))
    curve = learning_curve(
        chosen,
        runs.weights,
        losses,
        repeats=repeats,
        seed=seed,
        on_fit=lambda done, total: step("learning curve", done, total),
    )
    low, high = np.quantile(resampled.weights, [0.025, 0.975], axis=0)
    gains = gains_at(fitted, found.weights)
    distance = Estimate.between(
        distance_to_uniform(found.weights),
        np.array([distance_to_uniform(row) for row in resampled.weights]),
    )
    best_single = runs.names[gains.single]
    return Learned(
        names=runs.names,
        objective=objective,
        regressor=chosen.name,
        members=members,
        weights=found.weights,
        low=low,
        high=high,
        resampled=resampled.weights,
        predicted=resampled.loss,
        gain_over_uniform=resampled.over_uniform,
        gain_over_single=resampled.over_single,
        uncorrected={
            "predicted_loss": gains.loss,
            "gain_over_uniform": gains.over_uniform,
            "gain_over_best_single": gains.over_single,
        },
        best_single=best_single,
        distance_to_uniform=distance,
        effective_scores=effective_scores(found.weights),
        validation=validation,
        spearman=spearman,
        curve=curve,
        in_words=in_words(
            runs=len(runs.run_ids),
            names=runs.names,
            low=low,
            spearman=validation.spearman,
            over_uniform=resampled.over_uniform,
            over_single=resampled.over_single,
            best_single=best_single,
            best_run=(runs.run_ids[int(losses.argmin())], float(losses.min())),
            expected=resampled.loss,
            distance=distance,
            curve=curve,
            tried=bool((np.abs(runs.weights - found.weights).sum(axis=1) < _SAME).any()),
        ),
        settings=_settings(
            runs,
            target=target,
            optimiser=optimiser,
            bounds=bounds,
            prior=prior,
            draws=draws,
            resamples=resamples,
            folds=folds,
            repeats=repeats,
            seed=seed,
        ),
    )


def _check(
    runs: Runs,
    optimiser: str,
    prior: Mapping[str, float] | None,
    *,
    resamples: int,
    folds: int,
    seed: int,
) -> None:
    """DataselectError where nothing can be learned so."""
    if optimiser not in OPTIMISERS:
        raise DataselectError(f"optimiser is {optimiser!r}", accepted="direct or published")
    if len(runs.names) < 2:
        raise DataselectError(
            f"{runs.names[0]!r} is the only one to weigh", accepted="two weights or more"
        )
    if len(runs.run_ids) < LEAST_RUNS or resamples < 2:
        raise DataselectError(
            f"{len(runs.run_ids)} runs and {resamples} resamples",
            accepted=f"{LEAST_RUNS} runs or more, 2 resamples or more",
            hint="train more small models, with other weights",
        )
    if prior is not None and optimiser != "published":
        raise DataselectError(
            "a prior is of draws, and the optimiser direct takes none of them",
            accepted="a prior with the optimiser published",
            hint="--optimiser published, or --bound NAME=LOW:HIGH to keep weights within limits",
        )
    if seed < 0:
        raise DataselectError(f"the seed is {seed}", accepted="0 or more")
    check_folds(len(runs.run_ids), folds)


def objective_of(runs: Runs, target: str | Mapping[str, float]) -> dict[str, float]:
    """Target -> its share of the loss to minimise, the shares adding up to 1.

    Raises:
        DataselectError: a target that the runs do not have, or a share that is not above 0.
    """
    if isinstance(target, str):
        names = list(runs.targets) if target == "mean" and "mean" not in runs.targets else [target]
        shares = dict.fromkeys(names, 1.0)
    else:
        shares = {name: float(share) for name, share in target.items()}
    for name, share in shares.items():
        if name not in runs.targets:
            raise DataselectError(
                f"there is no target {name!r}",
                accepted=f"mean, or one of {', '.join(runs.targets)}",
                hint=did_you_mean(name, runs.targets),
            )
        if not (np.isfinite(share) and share > 0):
            raise DataselectError(
                f"the target {name!r} has the share {share:g}", accepted="finite and above 0"
            )
    if not shares:
        raise DataselectError("there is no target", accepted="mean, a name, or shares by name")
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}


def weighed_losses(runs: Runs, objective: Mapping[str, float]) -> Float64[np.ndarray, " runs"]:
    """Σ_t share_t · loss_t of each run, what is minimised."""
    losses = np.zeros(len(runs.run_ids))
    for name, share in objective.items():
        losses += share * runs.losses[:, runs.targets.index(name)]
    return losses


def _strengths(
    names: tuple[str, ...], prior: Mapping[str, float] | None
) -> Float64[np.ndarray, " scores"]:
    if prior is None:
        return np.ones(len(names))
    wrong = [f"{name!r} has none" for name in names if name not in prior]
    wrong += [f"{name!r} is not among them" for name in prior if name not in names]
    wrong += [
        f"that of {name!r} is {share:g}"
        for name, share in prior.items()
        if not (np.isfinite(share) and share > 0)
    ]
    if wrong:
        raise DataselectError(
            f"the prior is of {', '.join(prior)}; {wrong[0]}",
            accepted=f"a finite number above 0 for each of {', '.join(names)}",
        )
    return np.array([float(prior[name]) for name in names])


def _settings(
    runs: Runs,
    *,
    target: str | Mapping[str, float],
    optimiser: str,
    bounds: Mapping[str, tuple[float, float]] | None,
    prior: Mapping[str, float] | None,
    draws: int,
    resamples: int,
    folds: int,
    repeats: int,
    seed: int,
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "runs": len(runs.run_ids),
        "left_out": dict(runs.left_out),
        "target": target if isinstance(target, str) else dict(target),
        "optimiser": optimiser,
        "bounds": {name: list(pair) for name, pair in (bounds or {}).items()},
        "resamples": resamples,
        "folds": folds,
        "repeats": repeats,
        "seed": seed,
    }
    if optimiser == "published":
        found |= {"draws": draws, "best": BEST, "prior": None if prior is None else dict(prior)}
    return found
