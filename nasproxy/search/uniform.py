"""Random and exhaustive search: fresh samples of the space, or every architecture in turn."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from optuna.study import Study
from optuna.trial import FrozenTrial

from nasproxy.errors import NasproxyError
from nasproxy.search.strategy import trial_rng
from nasproxy.spaces.space import SearchSpace

__all__ = ["Exhaustive", "Uniform"]

A = TypeVar("A", bound=Hashable)


@dataclass(frozen=True)
class Uniform(Generic[A]):
    """Proposes what ``space.sample`` draws; proposal k is the same whatever came before it.

    Optuna's own random sampler draws each dimension by itself. That is uniform over the
    spellings only where every combination of values is one architecture and no two are the
    same one; the space knows how to be uniform where they are not.
    """

    space: SearchSpace[A]
    seed: int

    def propose(self, study: Study, number: int) -> A:
        """A sample of the space."""
        return self.space.sample(trial_rng(self.seed, number))

    def joined(self, study: Study, trial: FrozenTrial) -> None:
        """Nothing is learned."""


@dataclass(frozen=True)
class Exhaustive(Generic[A]):
    """Proposes every architecture in the space's order, then from the first again.

    Raises:
        NasproxyError: the space has no end.
    """

    space: SearchSpace[A]

    def __post_init__(self) -> None:
        if self.space.size is None:
            raise NasproxyError(
                f"the space {self.space.name!r} cannot be searched exhaustively: it has no end",
                accepted="a space whose architectures can be listed",
                hint="--sampler evolution",
            )

    @cached_property
    def _listed(self) -> tuple[A, ...]:
        return tuple(self.space.architectures())

    def propose(self, study: Study, number: int) -> A:
        """The architecture of that number."""
        return self._listed[number % len(self._listed)]

    def joined(self, study: Study, trial: FrozenTrial) -> None:
        """Nothing is learned."""
