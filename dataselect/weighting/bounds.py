"""The least and the greatest weight that each score may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from zerocost.errors import did_you_mean

__all__ = ["Bounds"]


@dataclass(frozen=True)
class Bounds:
    """low ≤ w ≤ high, Σ w = 1.

    Attributes:
        low: ``[scores]``, 0 or more; they add up to at most 1.
        high: ``[scores]``, at least low; they add up to at least 1.
    """

    low: Float64[np.ndarray, " scores"]
    high: Float64[np.ndarray, " scores"]

    def __post_init__(self) -> None:
        inside = (self.low >= 0) & (self.low <= self.high) & (self.high <= 1)
        if not inside.all():
            at = int(np.argmin(inside))
            raise DataselectError(
                f"a weight is to be between {self.low[at]:g} and {self.high[at]:g}",
                accepted="0 <= least <= greatest <= 1",
            )
        if self.low.sum() > 1 + 1e-12 or self.high.sum() < 1 - 1e-12:
            raise DataselectError(
                f"the least weights add up to {self.low.sum():g}, the greatest to "
                f"{self.high.sum():g}: no weights within them add up to 1",
                accepted="least weights that add up to at most 1, greatest to at least 1",
            )

    @property
    def free(self) -> float:
        """The weight that the least weights leave to be given out."""
        return max(0.0, 1.0 - float(self.low.sum()))

    @classmethod
    def none(cls, scores: int) -> Bounds:
        """0 to 1 for all."""
        return cls(np.zeros(scores), np.ones(scores))

    @classmethod
    def named(cls, names: Sequence[str], given: Mapping[str, tuple[float, float]] | None) -> Bounds:
        """Bounds by name, 0 to 1 for names that are not given; ``*`` stands for all others.

        Raises:
            DataselectError: an unknown name, or bounds that nothing keeps.
        """
        given = given or {}
        for name in given:
            if name not in names and name != "*":
                raise DataselectError(
                    f"there is a bound for {name!r}, which is not among the weights",
                    accepted=", ".join(names),
                    hint=did_you_mean(name, names),
                )
        pairs = [given.get(name, given.get("*", (0.0, 1.0))) for name in names]
        low, high = np.array(pairs, dtype=np.float64).T
        return cls(low.copy(), high.copy())

    def moved_inside(
        self, points: Float64[np.ndarray, "n scores"]
    ) -> Float64[np.ndarray, "n scores"]:
        """The nearest points, in Euclidean distance, that keep the bounds and add up to 1.

        w = clip(x + τ, low, high), with τ such that the sum is 1, found by bisection; the sum
        grows with τ.
        """
        if not self.low.any() and (self.high == 1).all():
            sums = points.sum(axis=1, keepdims=True)
            if (points >= 0).all() and np.abs(sums - 1).max(initial=0.0) < 1e-9:
                return points
        low = np.full((len(points), 1), -2.0) - points.max(axis=1, keepdims=True, initial=0.0)
        high = np.full((len(points), 1), 2.0)
        for _ in range(60):
            middle = (low + high) / 2
            over = np.clip(points + middle, self.low, self.high).sum(axis=1, keepdims=True) > 1
            high = np.where(over, middle, high)
            low = np.where(over, low, middle)
        return np.asarray(np.clip(points + (low + high) / 2, self.low, self.high))
