"""What the samplers share: a space's dimensions for Optuna, and a generator for each trial."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution

from nasproxy.errors import NasproxyError
from nasproxy.spaces.space import SearchSpace

__all__ = ["distributions", "foreign_parameter", "trial_rng"]

A = TypeVar("A", bound=Hashable)


def distributions(space: SearchSpace[A]) -> dict[str, BaseDistribution]:
    """A space's dimensions as Optuna asks for them: ``study.ask(distributions(space))``.

    Args:
        space: the search space.

    Returns:
        One categorical distribution a dimension, in the space's order.
    """
    return {name: CategoricalDistribution(values) for name, values in space.dimensions().items()}


def trial_rng(seed: int, number: int) -> np.random.Generator:
    """The generator of one trial.

    It depends on nothing that happened before, so a study that was interrupted and taken up
    again draws what an uninterrupted one would have drawn.

    Args:
        seed: of the search, 0 or more.
        number: of the trial, 0 or more.

    Returns:
        A fresh generator.
    """
    return np.random.default_rng([seed, number])


def foreign_parameter(space: SearchSpace[A], parameter: str) -> NasproxyError:
    """The error for a parameter that is no dimension of the space."""
    return NasproxyError(
        f"{parameter!r} is no dimension of the space {space.name!r}",
        accepted=", ".join(space.dimensions()),
        hint="ask the study for nasproxy.search.proposal.distributions(space)",
    )
