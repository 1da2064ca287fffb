"""Losses brought to mean 0 and deviation 1, after a logarithm where they allow one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

__all__ = ["LossScale"]


@dataclass(frozen=True)
class LossScale:
    """z = (ln y − m) / s, or (y − m) / s where a loss is not above 0.

    In the logarithm a loss falls by the same step with each doubling of relevant data, which is
    closer to what kernels and linear models assume.
    """

    logarithmic: bool
    mean: float
    deviation: float

    @classmethod
    def of(cls, losses: Float64[np.ndarray, " runs"]) -> LossScale:
        """The scale of these losses; the deviation is 1 where they are all the same."""
        logarithmic = bool((losses > 0).all())
        values = np.log(losses) if logarithmic else losses
        spread = float(values.std())
        # Rounding leaves a constant column a deviation that is not 0.
        tiny = 1e-12 * max(1.0, float(np.abs(values).max()))
        return cls(logarithmic, float(values.mean()), spread if spread > tiny else 1.0)

    def scaled(self, losses: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Losses to z."""
        values = np.log(losses) if self.logarithmic else losses
        return np.asarray((values - self.mean) / self.deviation)

    def losses(self, scaled: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Z to losses."""
        values = self.mean + self.deviation * scaled
        return np.asarray(np.exp(values) if self.logarithmic else values)
