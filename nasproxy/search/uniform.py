"""Random search: every proposal a fresh sample of the space."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, NoReturn, TypeVar

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from nasproxy.search.proposal import distributions, foreign_parameter, trial_rng
from nasproxy.spaces.space import SearchSpace

__all__ = ["UniformSampler"]

A = TypeVar("A", bound=Hashable)


class UniformSampler(BaseSampler, Generic[A]):
    """Proposes what ``space.sample`` draws.

    Optuna's own random sampler draws each dimension by itself. That is uniform over the
    spellings only where every combination of values is one architecture and no two are the
    same one; the space knows how to be uniform where they are not.

    Args:
        space: the search space.
        seed: of all proposals, 0 or more; proposal k is the same whatever came before it.
    """

    def __init__(self, space: SearchSpace[A], *, seed: int) -> None:
        self._space = space
        self._seed = seed
        self._distributions = distributions(space)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """All dimensions of the space."""
        return self._distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, str]:
        """A sample of the space, encoded."""
        return self._space.encode(self._space.sample(trial_rng(self._seed, trial.number)))

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> NoReturn:
        """No parameter but the space's can be asked for."""
        raise foreign_parameter(self._space, param_name)
