"""Candidates within the limits, found among those that are wanted."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from nasproxy.errors import NasproxyError
from nasproxy.search.limits import Limit, exceeded, excess
from nasproxy.search.pool import Pool

__all__ = ["Affordable", "Costs"]

A = TypeVar("A", bound=Hashable)

Costs = Callable[[A, str], Mapping[str, float]]
"""A simplified architecture and the text of its function -> what it costs."""

_STARTS = 10


@dataclass
class Affordable(Generic[A]):
    """What candidates cost: asked of those only that are wanted, of each function once.

    Attributes:
        costs: what gives the costs; None where nothing is limited.
        limits: the highest costs allowed.
        known: function -> its costs, of all that were asked.
        outside: function -> how far it is above the limits, and its architecture.
    """

    costs: Costs[A] | None = None
    limits: Sequence[Limit] = ()
    known: dict[str, Mapping[str, float]] = field(default_factory=dict)
    outside: dict[str, tuple[float, A]] = field(default_factory=dict)

    def first(
        self, pool: Pool[A], rows: Iterable[int], count: int, patience: int | None = None
    ) -> list[int]:
        """The first ``count`` of the rows whose candidates are within the limits.

        Args:
            pool: the candidates.
            rows: of the pool, the most wanted first.
            count: how many are wanted.
            patience: with none found among so many, the rest is not asked.
        """
        found: list[int] = []
        for asked, row in enumerate(rows):
            if len(found) == count or (asked == patience and not found):
                break
            if self._within(pool.architectures[row], pool.functions[row]):
                found.append(row)
        return found

    def nearest(self) -> list[A]:
        """The ten that are least above the limits, nearest first."""
        ordered = sorted(self.outside.items(), key=lambda item: (item[1][0], item[0]))
        return [architecture for _, (_, architecture) in ordered[:_STARTS]]

    def refusal(self) -> NasproxyError:
        """The error that says that nothing is within the limits, and how near the nearest is."""
        function = min(self.outside, key=lambda name: (self.outside[name][0], name))
        return NasproxyError(
            f"none of {len(self.outside):,} candidates is within the limits; the nearest has "
            f"{exceeded(self.limits, self.known[function])}",
            accepted="limits that some candidate keeps",
            hint="raise the limit",
        )

    def _within(self, architecture: A, function: str) -> bool:
        if self.costs is None:
            return True
        if function not in self.known:
            self.known[function] = self.costs(architecture, function)
            if exceeded(self.limits, self.known[function]):
                above = excess(self.limits, self.known[function])
                self.outside[function] = (above, architecture)
        return function not in self.outside
