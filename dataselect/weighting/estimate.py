"""A number with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

__all__ = ["LEVEL", "Estimate"]

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float

    @classmethod
    def between(cls, value: float, draws: Float64[np.ndarray, " draws"]) -> Estimate:
        """A value with the quantiles of draws around it, those that are NaN left out."""
        known = draws[np.isfinite(draws)]
        if not len(known):
            return cls(value, math.nan, math.nan)
        tail = (1 - LEVEL) / 2
        low, high = np.quantile(known, [tail, 1 - tail])
        return cls(value, float(low), float(high))

    @classmethod
    def corrected(
        cls, value: float, errors: Float64[np.ndarray, " draws"], *, sign: int = 1
    ) -> Estimate:
        """A value less the errors that resampling shows it to have: optimism, and scatter.

        The mean of the errors is taken off where it says that the value is too good; where it says
        the opposite (a fit to half the runs is flatter than one to all), nothing is added.

        Args:
            value: that was searched for.
            errors: draws of what it is too large by.
            sign: 1 where a large value is good, −1 where a small one is.
        """
        tail = (1 - LEVEL) / 2
        mean = float(errors.mean())
        low, high = np.quantile(errors, [tail, 1 - tail])
        centre = value - sign * max(0.0, sign * mean)
        return cls(centre, centre + mean - float(high), centre + mean - float(low))

    def to_json(self) -> dict[str, float | None]:
        """``{"value": .., "low": .., "high": ..}``, null for NaN."""
        return {
            name: None if math.isnan(number) else number
            for name, number in (("value", self.value), ("low", self.low), ("high", self.high))
        }

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"
