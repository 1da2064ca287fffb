"""Where a search goes when nothing that its sampler proposes is within the limits."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from nasproxy.search.evaluation import Evaluation

__all__ = ["LOST", "Approach"]

A = TypeVar("A", bound=Hashable)

LOST = 20
"""Functions outside the limits, one after the other, after which a search approaches them."""


@dataclass
class Approach(Generic[A]):
    """The architecture nearest to the limits, of those proposed since the last one within.

    Where one random architecture in thousands is within the limits, a first population takes for
    ever. From the nearest of every 20 the search then goes on by mutations, each the next start
    if it is nearer, until one is within. Every network within resets it, so that a population has
    many origins.
    """

    outside: int = 0
    nearest: A | None = None
    excess: float = math.inf

    def start_after(self, architecture: A, found: Evaluation) -> A | None:
        """What to mutate for the next proposal; None where the sampler is to propose.

        Args:
            architecture: the last one evaluated.
            found: what was found of it.
        """
        if not found.outside:
            self.outside, self.nearest, self.excess = 0, None, math.inf
            return None
        self.outside += 1
        if self.nearest is None or found.excess < self.excess:
            self.nearest, self.excess = architecture, found.excess
        return self.nearest if self.outside >= LOST else None
