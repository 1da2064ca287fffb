"""A step size from held-out validation queries: it changes the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dataselect.errors import DataselectError
from dataselect.importance.gradient import check_k
from dataselect.importance.groups import Groups
from dataselect.importance.learning import EPOCHS, GroupGame, Repeats, check_learnable, importance
from dataselect.importance.pruning import SHARES, prune
from dataselect.importance.retrievals import Retrievals
from dataselect.importance.votes import accuracy

__all__ = ["STEP_SIZES", "StepSize", "choose_step_size"]

STEP_SIZES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 500.0, 1000.0, 3000.0)


@dataclass(frozen=True)
class StepSize:
    """The step size that pruned best, and the held-out accuracy of all that were tried."""

    learning_rate: float
    by_rate: dict[float, float]


def choose_step_size(
    validation: Retrievals,
    *,
    k: int = 10,
    epochs: int = EPOCHS,
    rates: Sequence[float] = STEP_SIZES,
    folds: int = 4,
    seed: int = 0,
    groups: Groups | None = None,
    group_game: GroupGame = "average",
    repeats: Repeats = "independent",
    shares: Sequence[float] = SHARES,
    tolerance: float = 0.0,
    threads: int | None = None,
    known: Mapping[float, float] | None = None,
    on_rate: Callable[[float, float], None] | None = None,
) -> StepSize:
    """Cross-validation among the validation queries: learn and prune on the other folds.

    Args:
        validation: the lists; test queries have no part in it.
        k, epochs, groups, group_game, repeats, tolerance, threads: see `importance`.
        rates: those tried; the first of equally good ones is taken.
        folds: parts of the queries, 2 or more; each is held out once.
        seed: of the random cut into folds.
        shares: see `prune`.
        known: accuracies found before an interruption; those rates are not tried again.
        on_rate: called with each rate tried and its held-out accuracy.
    """
    check_k(k)
    check_learnable(validation)
    if folds < 2 or folds > validation.n_queries or not rates:
        raise DataselectError(
            f"{folds} folds of {validation.n_queries} queries, {len(rates)} step sizes",
            accepted="2 folds or more, a query in each, and at least one step size",
            hint="--learning-rate 500, as published, needs no folds",
        )
    order = np.random.default_rng(seed).permutation(validation.n_queries)
    by_rate: dict[float, float] = {}
    for rate in rates:
        if known is not None and rate in known:
            by_rate[rate] = known[rate]
            continue
        right = 0.0
        for fold in range(folds):
            held_out = np.sort(order[fold::folds])
            learned_on = validation.take(np.setdiff1d(order, held_out))
            if not learned_on.utility.any():  # nothing to learn, nothing to remove
                right += accuracy(validation.take(held_out), k=k) * len(held_out)
                continue
            found = importance(
                learned_on,
                k=k,
                learning_rate=rate,
                epochs=epochs,
                groups=groups,
                group_game=group_game,
                repeats=repeats,
                tolerance=tolerance,
                threads=threads,
            )
            pruning = prune(
                learned_on,
                found.players,
                k=k,
                player=None if groups is None else groups.of_item,
                shares=shares,
            )
            right += accuracy(validation.take(held_out), pruning.keep, k=k) * len(held_out)
        by_rate[rate] = right / validation.n_queries
        if on_rate is not None:
            on_rate(rate, by_rate[rate])
    return StepSize(max(by_rate, key=lambda rate: by_rate[rate]), by_rate)
