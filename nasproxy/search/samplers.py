"""The samplers by name."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from nasproxy.search.objectives import scalar
from nasproxy.spaces.space import SearchSpace
from zerocost.errors import did_you_mean

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

__all__ = ["SAMPLERS", "SamplerOptions", "sampler_of"]

A = TypeVar("A", bound=Hashable)

SAMPLERS = ("evolution", "nsga2", "tpe", "random", "exhaustive")


@dataclass(frozen=True)
class SamplerOptions:
    """How proposals are made.

    Attributes:
        name: one of ``SAMPLERS``.
        seed: of all proposals.
        population: of evolution and nsga2.
        tournament: of evolution.
        mutation: of nsga2, the chance that a dimension of a child is drawn anew; None for one
            over the number of dimensions.
    """

    name: str = "evolution"
    seed: int = 0
    population: int = 50
    tournament: int = 10
    mutation: float | None = None


def sampler_of(
    space: SearchSpace[A],
    options: SamplerOptions,
    values: Callable[[Sequence[FrozenTrial]], Float64[np.ndarray, "k o"]],
    *,
    shared: bool = False,
) -> BaseSampler:
    """The Optuna sampler of a name.

    Args:
        space: the search space.
        options: which, and how.
        values: the objectives of trials as they are now, more is better.
        shared: whether other processes tell trials of the study too.

    Raises:
        NasproxyError: there is no such sampler, or an option is out of range or not its own.
    """
    name = options.name
    if name not in SAMPLERS:
        raise NasproxyError(
            f"there is no sampler named {name!r}",
            accepted=", ".join(SAMPLERS),
            hint=did_you_mean(name, SAMPLERS),
        )
    if options.mutation is not None and name != "nsga2":
        raise NasproxyError(
            f"a mutation of {options.mutation} for the sampler {name!r}",
            accepted="a mutation belongs to nsga2; evolution changes one dimension of every child",
            hint="--sampler nsga2",
        )
    if name == "tpe":
        import optuna

        return optuna.samplers.TPESampler(seed=options.seed)
    from nasproxy.search.evolution import RegularizedEvolution
    from nasproxy.search.nsga2 import NSGA2
    from nasproxy.search.strategy import SpaceSampler, Strategy
    from nasproxy.search.uniform import Exhaustive, Uniform

    strategy: Strategy[A]
    if name == "evolution":
        strategy = RegularizedEvolution(
            space,
            lambda trials: scalar(values(trials)),
            seed=options.seed,
            population=options.population,
            tournament=min(options.tournament, options.population),
            shared=shared,
        )
    elif name == "nsga2":
        strategy = NSGA2(
            space,
            values,
            seed=options.seed,
            population=options.population,
            mutation=options.mutation,
            shared=shared,
        )
    elif name == "random":
        strategy = Uniform(space, options.seed)
    else:
        strategy = Exhaustive(space)
    return SpaceSampler(space, strategy)
