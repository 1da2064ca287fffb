"""Regularised (aging) evolution."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Num
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nasproxy.errors import NasproxyError
from nasproxy.search.strategy import trial_rng
from nasproxy.spaces.space import SearchSpace

__all__ = ["RegularizedEvolution"]

A = TypeVar("A", bound=Hashable)


class RegularizedEvolution(Generic[A]):
    """Mutates the winner of a tournament in a population from which the oldest leave.

    Random samples of the space until P are completed. From then on S members of the
    population are drawn with replacement, the fittest is mutated, and the child, once told,
    joins as the youngest. The population is the P completed trials with the highest numbers:
    nobody leaves for being unfit, so a lucky score does not live for ever.

    Failed and pruned trials never join. With a kept study, a new strategy with the same
    arguments proposes what the old one would have proposed. One strategy serves one study.

    Args:
        space: the search space.
        fitness: the fitness of the trials given, oldest first, float ``[len(trials)]``, more is
            better, NaN loses every tournament. It is called once a proposal with the population
            as it then is, so that it may judge a trial by all that has been seen since.
        seed: of all proposals, 0 or more.
        population: P, 2 or more.
        tournament: S, in 1 .. P.
        shared: whether other processes tell trials of the study too.

    Raises:
        NasproxyError: a population or tournament out of range, or a fitness of another length.

    References:
        Real, Aggarwal, Huang and Le, "Regularized evolution for image classifier architecture
        search", AAAI 2019, algorithm 1.
    """

    def __init__(
        self,
        space: SearchSpace[A],
        fitness: Callable[[Sequence[FrozenTrial]], Num[np.ndarray, ...]],
        *,
        seed: int,
        population: int = 50,
        tournament: int = 10,
        shared: bool = False,
    ) -> None:
        if population < 2 or not 1 <= tournament <= population:
            raise NasproxyError(
                f"a tournament of {tournament} in a population of {population}",
                accepted="a population of 2 or more, a tournament of 1 up to the population",
                hint="population=50, tournament=10",
            )
        self._space = space
        self._fitness = fitness
        self._seed = seed
        self._population = population
        self._tournament = tournament
        self._shared = shared
        self._alive: list[FrozenTrial] | None = None

    def alive(self, study: Study) -> tuple[FrozenTrial, ...]:
        """The population, oldest first.

        Args:
            study: the study that the strategy serves.

        Returns:
            Up to P completed trials.
        """
        return tuple(self._members(study))

    def propose(self, study: Study, number: int) -> A:
        """A random sample, or a mutant of a tournament's winner."""
        rng = trial_rng(self._seed, number)
        members = self._members(study)
        if len(members) < self._population:
            return self._space.sample(rng)
        fitness = np.asarray(self._fitness(tuple(members)), dtype=np.float64)
        if fitness.shape != (len(members),):
            raise NasproxyError(
                f"the fitness of {len(members)} trials has the shape {list(fitness.shape)}",
                accepted=f"one number a trial: [{len(members)}]",
            )
        drawn = rng.integers(0, len(members), size=self._tournament)
        winner = members[drawn[np.argmax(np.nan_to_num(fitness[drawn], nan=-np.inf))]]
        return self._space.mutate(self._space.decode(winner.params), rng)

    def joined(self, study: Study, trial: FrozenTrial) -> None:
        """Lets a completed trial join, and the oldest leave."""
        members = self._members(study)
        insort(members, trial, key=lambda member: member.number)
        del members[: -self._population]

    def _members(self, study: Study) -> list[FrozenTrial]:
        # Kept between calls, because reading all trials for each proposal is quadratic.
        if self._alive is None or self._shared:
            done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            done.sort(key=lambda member: member.number)
            self._alive = done[-self._population :]
        return self._alive
