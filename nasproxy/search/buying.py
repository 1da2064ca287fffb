"""Spend a budget of trainings: pick, fit, pick again.

train a few functions at random
while the budget lasts:
    fit the predictor on all that are trained
    train those that the acquisition wants most, of those within the limits
the pick is the best that was trained
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from nasproxy.errors import NasproxyError
from nasproxy.prediction.features import Features
from nasproxy.prediction.levels import features_of
from nasproxy.prediction.predictor import Fitted, Predictor
from nasproxy.search.acquisition import acquisition_of
from nasproxy.search.affordable import Affordable, Costs
from nasproxy.search.limits import Limit
from nasproxy.search.pool import Pool, sampled_pool
from nasproxy.search.strategy import trial_rng
from nasproxy.spaces.space import SearchSpace

__all__ = ["BuyingOptions", "Purchase", "buy", "check_predictor", "pick_of"]

A = TypeVar("A", bound=Hashable)

_SHARE = 20  # a fit for every twentieth of what is known
_LEAST = 3
_PATIENCE = 100  # candidates outside the limits, before the first within, until others are drawn
_DRAWS = 20  # of candidates with none within the limits, after which a search gives up
_SPARE = 8  # draws for each function wanted


@dataclass(frozen=True)
class BuyingOptions:
    """How a budget is spent.

    Attributes:
        seed: of all draws and fits.
        first: how many functions are trained at random before the first fit, 3 or more.
        every: how many are trained between fits; None for a twentieth of those known, 1 at least.
        acquisition: one of ``nasproxy.search.acquisition.ACQUISITIONS``.
        pool: how many candidates are drawn for a fit, where the space is too large to list.
    """

    seed: int = 0
    first: int = 10
    every: int | None = None
    acquisition: str = "ei"
    pool: int = 2000

    def __post_init__(self) -> None:
        acquisition_of(self.acquisition)
        for name, least in (("seed", 0), ("first", _LEAST), ("every", 1), ("pool", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise NasproxyError(f"{name} is {value}", accepted=f"{least} or more")


@dataclass(frozen=True)
class Purchase:
    """One training that was paid for.

    Attributes:
        architecture: the text of the simplified spelling that was trained.
        function: the text of its function.
        accuracy: what the training gave.
        predicted: what was expected of it, in the predictor's unit; None of a random one.
        spread: how uncertain that was.
        costs: what was asked for the limits' sake.
    """

    architecture: str
    function: str
    accuracy: float
    predicted: float | None = None
    spread: float | None = None
    costs: Mapping[str, float] = field(default_factory=dict)


Train = Callable[[str, str], float]
"""The text of an architecture and that of its function -> the accuracy that training it gave."""


@dataclass
class _Bought(Generic[A]):
    """What has been trained so far."""

    purchases: list[Purchase] = field(default_factory=list)
    architectures: list[A] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)

    def best_first(self, up: bool) -> list[A]:
        sign = -1 if up else 1
        order = sorted(
            range(len(self.purchases)), key=lambda i: (sign * self.purchases[i].accuracy, i)
        )
        return [self.architectures[i] for i in order]


def buy(
    space: SearchSpace[A],
    train: Train,
    budget: int,
    predictor: Predictor,
    options: BuyingOptions,
    *,
    pool: Pool[A] | None = None,
    higher_is_better: bool = True,
    costs: Costs[A] | None = None,
    limits: Sequence[Limit] = (),
) -> Iterator[tuple[Purchase, ...]]:
    """Train up to ``budget`` functions; all of the purchases so far after each.

    The same arguments propose the same architectures as long as ``train`` gives the same
    accuracies, so a search is continued by going through it again with those that are known.
    It ends early where every candidate within the limits has been trained. Costs are asked of
    those only that would be trained, the most wanted first. Where candidates are drawn and none
    is within the limits, the next are drawn around those nearest to them.

    Args:
        space: where to search.
        train: what is paid for.
        budget: how many trainings, 1 or more.
        predictor: fitted on what is trained.
        options: how the budget is spent.
        pool: all the candidates; where not given, they are drawn anew for every fit.
        higher_is_better: of the accuracies.
        costs: what a candidate costs; None where nothing is limited.
        limits: the highest costs allowed.

    Raises:
        NasproxyError: a budget below 1, no candidate is within the limits, or whatever ``train``
            raises.
    """
    if budget < 1:
        raise NasproxyError(f"a budget of {budget} trainings", accepted="1 or more")
    sign = 1.0 if higher_is_better else -1.0
    bought: _Bought[A] = _Bought()
    affordable: Affordable[A] = Affordable(costs, limits)
    in_vain = 0
    while len(bought.purchases) < budget:
        known = len(bought.purchases)
        here = pool
        if here is None:
            starts = bought.best_first(higher_is_better) or affordable.nearest()
            rng = trial_rng(options.seed, known + 1, in_vain)
            unwanted = bought.functions | affordable.outside.keys()
            here = sampled_pool(space, starts, unwanted, options.pool, rng)
        if here is None:
            return
        open_rows = [row for row, f in enumerate(here.functions) if f not in bought.functions]
        if not open_rows:
            return
        values = np.array([purchase.accuracy for purchase in bought.purchases])
        step = options.every or max(1, known // _SHARE)
        if known < options.first or np.ptp(values) == 0:
            # Of a pool, the order is the seed's already; of a draw, all of it is random.
            rows, count, expected = open_rows, max(1, options.first - known), None
        else:
            training = _training_features(space, here, bought)
            fitted = predictor.fit(training, sign * values, seed=options.seed)
            expected = _wanted(fitted, training, here, open_rows, options)
            rows, count = list(expected), step
        patience = _PATIENCE if pool is None and not known else None
        wanted = affordable.first(here, rows, min(count, budget - known), patience)
        in_vain = 0 if wanted else in_vain + 1
        if not wanted and (pool is not None or in_vain == _DRAWS):
            if not known:
                raise affordable.refusal()
            return
        for row in wanted:
            text, function = str(here.architectures[row]), here.functions[row]
            accuracy = train(text, function)
            mean, spread = (None, None) if expected is None else expected[row]
            paid = affordable.known.get(function, {})
            bought.purchases.append(Purchase(text, function, accuracy, mean, spread, paid))
            bought.architectures.append(here.architectures[row])
            bought.functions.add(function)
            yield tuple(bought.purchases)


def check_predictor(
    space: SearchSpace[A],
    predictor: Predictor,
    budget: int,
    options: BuyingOptions,
    pool: Pool[A] | None = None,
) -> None:
    """Fit on made-up accuracies of as many candidates as the first fit of ``buy`` has.

    What a predictor cannot do (read nodes that are not there, learn of so few) is so found before
    anything is paid for. Arguments as in ``buy``.

    Raises:
        NasproxyError: as by the predictor.
    """
    if budget <= options.first or (pool is not None and len(pool) <= options.first):
        return  # nothing will be fitted
    if pool is None:
        rng = trial_rng(options.seed, 0)
        pool = sampled_pool(space, (), (), _SPARE * options.first, rng)
    if pool is not None:
        features = pool.features.take(range(min(options.first, len(pool))))
        made_up = np.arange(len(features), dtype=np.float64)
        predictor.fit(features, made_up, seed=options.seed).predict(features)


def _wanted(
    fitted: Fitted,
    training: Features,
    pool: Pool[A],
    open_rows: list[int],
    options: BuyingOptions,
) -> dict[int, tuple[float, float]]:
    """Rows of the pool, the most wanted first, and the mean and spread expected of each."""
    incumbent = float(fitted.predict(training).mean.max())
    prediction = fitted.predict(pool.features.take(open_rows))
    rng = trial_rng(options.seed, len(training))
    want = acquisition_of(options.acquisition)(prediction, incumbent, rng)
    order = np.lexsort((np.arange(len(want)), -want))
    return {open_rows[i]: (float(prediction.mean[i]), float(prediction.spread[i])) for i in order}


def _training_features(space: SearchSpace[A], pool: Pool[A], bought: _Bought[A]) -> Features:
    places = {function: row for row, function in enumerate(pool.functions)}
    rows = [places.get(purchase.function) for purchase in bought.purchases]
    if None not in rows:
        return pool.features.take([row for row in rows if row is not None])
    return features_of(space, bought.architectures)


def pick_of(purchases: Sequence[Purchase], higher_is_better: bool = True) -> int:
    """The place of the best that was trained, the first of equals."""
    values = np.array([purchase.accuracy for purchase in purchases])
    return int(np.argmax(values) if higher_is_better else np.argmin(values))
