"""A strategy proposes architectures; one adapter makes any of them an Optuna sampler."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from copy import copy
from typing import Generic, NoReturn, Protocol, TypeVar, runtime_checkable

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nasproxy.errors import NasproxyError
from nasproxy.spaces.space import SearchSpace

__all__ = ["SpaceSampler", "Strategy", "distributions", "trial_rng"]

A = TypeVar("A", bound=Hashable)
A_co = TypeVar("A_co", bound=Hashable, covariant=True)


@runtime_checkable
class Strategy(Protocol[A_co]):
    """How the next architecture is chosen. All randomness is from (seed, number of the trial)."""

    def propose(self, study: Study, number: int) -> A_co:
        """The architecture of a trial."""
        ...

    def joined(self, study: Study, trial: FrozenTrial) -> None:
        """Hears of each trial that this process completes, before the study holds its values."""
        ...


class SpaceSampler(BaseSampler, Generic[A]):
    """An Optuna sampler that asks a strategy for a whole architecture at a time.

    Args:
        space: the search space.
        strategy: what proposes; it serves one study.
    """

    def __init__(self, space: SearchSpace[A], strategy: Strategy[A]) -> None:
        self.strategy = strategy
        self._space = space
        self._distributions = distributions(space)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """All dimensions of the space."""
        return self._distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, str]:
        """The proposal, encoded."""
        return self._space.encode(self.strategy.propose(study, trial.number))

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> NoReturn:
        """No parameter but the space's can be asked for."""
        raise NasproxyError(
            f"{param_name!r} is no dimension of the space {self._space.name!r}",
            accepted=", ".join(self._space.dimensions()),
            hint="ask the study for nasproxy.search.strategy.distributions(space)",
        )

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Tells the strategy of a completed trial."""
        if state == TrialState.COMPLETE:
            # Optuna stores the state and the values only after this call; its own record is not
            # ours to change.
            done = copy(trial)
            done.state = state
            done.values = list(values or ())
            self.strategy.joined(study, done)


def distributions(space: SearchSpace[A]) -> dict[str, BaseDistribution]:
    """A space's dimensions as Optuna asks for them: ``study.ask(distributions(space))``.

    Args:
        space: the search space.

    Returns:
        One categorical distribution a dimension, in the space's order.
    """
    return {name: CategoricalDistribution(values) for name, values in space.dimensions().items()}


def trial_rng(seed: int, number: int, attempt: int = 0) -> np.random.Generator:
    """The generator of one trial.

    It depends on nothing that happened before, so a study that was interrupted and taken up
    again draws what an uninterrupted one would have drawn.

    Args:
        seed: of the search, 0 or more.
        number: of the trial, 0 or more.
        attempt: at the trial, where the one before came to nothing; 0 is the first.

    Returns:
        A fresh generator.
    """
    return np.random.default_rng([seed, number, attempt] if attempt else [seed, number])
