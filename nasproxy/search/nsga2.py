"""NSGA-II: a population that keeps the best fronts, and within the last one the most alone."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Float64, Int64
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nasproxy.errors import NasproxyError
from nasproxy.search.pareto import fronts_and_crowding
from nasproxy.search.strategy import trial_rng
from nasproxy.spaces.space import SearchSpace

__all__ = ["NSGA2"]

A = TypeVar("A", bound=Hashable)

Values = Callable[[Sequence[FrozenTrial]], Float64[np.ndarray, "k o"]]


class NSGA2(Generic[A]):
    """Children of the best of all generations so far, by crossover and mutation.

    The first P proposals are random. A generation is P completed trials in the order of their
    numbers; the parents of the next are the P best of the last parents and the last generation,
    by front and then by crowding distance, each architecture once. A child takes every dimension
    from one of two parents, each the winner of a tournament of two, and draws it anew with the
    chance of a mutation; a child like one of its parents, or that is no architecture of the
    space, becomes a neighbour of a parent.

    Optuna's own NSGA-II keeps the values that trials were told. Ranks among all networks seen
    change as more are seen: an early best would stay the best for ever. This one asks for the
    current values wherever it compares.

    Args:
        space: the search space.
        values: the objectives of the trials given, float64 ``[len(trials), objectives]``, more is
            better, as they are now.
        seed: of all proposals, 0 or more.
        population: P, 2 or more.
        mutation: chance in 0 .. 1 that a dimension is drawn anew; one over their number for None.
        shared: whether other processes tell trials of the study too.

    Raises:
        NasproxyError: a population or a chance out of range.

    References:
        Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm:
        NSGA-II", IEEE Transactions on Evolutionary Computation 6(2), 2002.
    """

    def __init__(
        self,
        space: SearchSpace[A],
        values: Values,
        *,
        seed: int,
        population: int = 50,
        mutation: float | None = None,
        shared: bool = False,
    ) -> None:
        if population < 2:
            raise NasproxyError(
                f"a population of {population}", accepted="2 or more", hint="population=50"
            )
        if mutation is not None and not 0 <= mutation <= 1:
            raise NasproxyError(
                f"a mutation of {mutation}", accepted="a chance from 0 to 1", hint="mutation=0.1"
            )
        self._space = space
        self._values = values
        self._seed = seed
        self._population = population
        self._dimensions = space.dimensions()
        self._mutation = 1 / len(self._dimensions) if mutation is None else mutation
        self._shared = shared
        self._done: list[FrozenTrial] | None = None
        self._parents: list[FrozenTrial] = []
        self._generations = 0

    def propose(self, study: Study, number: int) -> A:
        """A random sample, or a child of two parents."""
        rng = trial_rng(self._seed, number)
        parents = self._current_parents(study)
        if number < self._population or not parents:
            return self._space.sample(rng)
        fronts, alone = fronts_and_crowding(self._values(parents))
        one, other = (
            parents[_winner(rng.integers(len(parents), size=2), fronts, alone)] for _ in range(2)
        )
        return self._child(one, other, rng)

    def joined(self, study: Study, trial: FrozenTrial) -> None:
        """Counts a completed trial towards its generation."""
        done = self._completed(study)
        done.append(trial)
        done.sort(key=lambda member: member.number)

    def _child(self, one: FrozenTrial, other: FrozenTrial, rng: np.random.Generator) -> A:
        names = list(self._dimensions)
        of_one = rng.random(len(names)) < 0.5
        mutated = rng.random(len(names)) < self._mutation
        choices = {}
        for i, name in enumerate(names):
            allowed = self._dimensions[name]
            drawn = allowed[rng.integers(len(allowed))]  # drawn in any case: one stream for all
            choices[name] = drawn if mutated[i] else (one if of_one[i] else other).params[name]
        try:
            child = self._space.decode(choices)
        except NasproxyError:  # not every combination is an architecture
            return self._space.mutate(self._space.decode(_choices(one, names)), rng)
        alike = choices in (_choices(one, names), _choices(other, names))
        return self._space.mutate(child, rng) if alike else child

    def _current_parents(self, study: Study) -> list[FrozenTrial]:
        done = self._completed(study)
        for generation in range(self._generations, len(done) // self._population):
            start = generation * self._population
            pool = self._parents + done[start : start + self._population]
            self._parents = self._selected(pool)
            self._generations = generation + 1
        return self._parents

    def _selected(self, pool: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        once = list({tuple(sorted(trial.params.items())): trial for trial in pool}.values())
        fronts, alone = fronts_and_crowding(self._values(once))
        order = np.lexsort((np.arange(len(once)), -alone, fronts))
        return [once[i] for i in order[: self._population]]

    def _completed(self, study: Study) -> list[FrozenTrial]:
        # Kept between calls, because reading all trials for each proposal is quadratic.
        if self._done is None or self._shared:
            done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            self._done = sorted(done, key=lambda member: member.number)
        return self._done


def _choices(trial: FrozenTrial, names: Sequence[str]) -> dict[str, str]:
    return {name: trial.params[name] for name in names}


def _winner(
    drawn: Int64[np.ndarray, " t"],
    fronts: Int64[np.ndarray, " n"],
    alone: Float64[np.ndarray, " n"],
) -> int:
    """Of those drawn the one of the best front, of equal ones the most alone."""
    return int(drawn[np.lexsort((-alone[drawn], fronts[drawn]))[0]])
