"""What a search space is: a small protocol that a user's own space can satisfy."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

import numpy as np

if TYPE_CHECKING:  # names of spaces are listed without the seconds that importing torch takes
    from torch import nn

__all__ = ["SearchSpace"]

A = TypeVar("A", bound=Hashable)


@runtime_checkable
class SearchSpace(Protocol[A]):
    """Architectures that can be sampled, changed, compared and built.

    An architecture is a small, hashable value; ``str(architecture)`` is its text form and
    ``parse`` reads it back. All randomness comes in by a generator or a seed.

    A space may also say which proxies run on it where none is named, by their names in
    ``default_proxies``.
    """

    @property
    def name(self) -> str:
        """The name that commands use."""
        ...

    @property
    def size(self) -> int | None:
        """How many architectures there are, or None where that is not known or not finite."""
        ...

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input, without the batch dimension; (3, 32, 32) for small images."""
        ...

    def parse(self, text: str) -> A:
        """The architecture of a text form; NasproxyError where the text is not one."""
        ...

    def architectures(self) -> Iterable[A]:
        """Every architecture in a fixed order; NasproxyError where the space is not finite."""
        ...

    def sample(self, rng: np.random.Generator) -> A:
        """A random architecture, uniform over the spellings."""
        ...

    def mutate(self, architecture: A, rng: np.random.Generator) -> A:
        """A random neighbour."""
        ...

    def neighbours(self, architecture: A) -> Iterator[A]:
        """Every architecture one change away, each once, in a fixed order."""
        ...

    def canonical(self, architecture: A) -> str:
        """One text for all architectures that compute the same function."""
        ...

    def simplified(self, architecture: A) -> A:
        """The same function without parts that cannot change the output."""
        ...

    def dimensions(self) -> Mapping[str, tuple[str, ...]]:
        """The categorical choices an optimiser makes, and the values of each."""
        ...

    def encode(self, architecture: A) -> dict[str, str]:
        """The value that an architecture takes in every dimension."""
        ...

    def decode(self, choices: Mapping[str, str]) -> A:
        """The architecture of one value a dimension."""
        ...

    def build(
        self, architecture: A, *, seed: int, classes: int = 10, in_channels: int = 3
    ) -> nn.Module:
        """The network, on the CPU in float32; the same parameters for the same seed."""
        ...
