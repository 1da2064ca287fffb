"""Numbers over many orders of magnitude, by logarithm and by rank among training networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Bool, Float64

__all__ = ["Magnitudes", "is_logarithm", "measure_magnitudes"]

_LOGARITHMS = ("synflow",)
_QUANTILES = 64
_CLIP = 4.0


def is_logarithm(proxy: str) -> bool:
    """Whether a proxy's node values are logarithms already."""
    return proxy in _LOGARITHMS


@dataclass(frozen=True, eq=False)
class Magnitudes:
    """What training networks say of the values at s places by p proxies.

    Attributes:
        logarithm: bool ``[p]``, the values are logarithms.
        signed: bool ``[p]``, the values take both signs.
        floor: float64 ``[p]``, the least magnitude that is told from 0.
        mean: float64 ``[s, p]`` of the logarithms of the magnitudes; 0 where none is known.
        deviation: float64 ``[s, p]`` of the same; 1 where they do not differ.
        quantiles: float64 ``[s, p, q]`` of the values, ascending; NaN where none is known.
    """

    logarithm: Bool[np.ndarray, " p"]
    signed: Bool[np.ndarray, " p"]
    floor: Float64[np.ndarray, " p"]
    mean: Float64[np.ndarray, "s p"]
    deviation: Float64[np.ndarray, "s p"]
    quantiles: Float64[np.ndarray, "s p q"]

    def columns(self, grid: Float64[np.ndarray, "n s p"]) -> Float64[np.ndarray, "n s k"]:
        """Standardised logarithm, rank in -1 .. 1 and, of signed proxies, the sign.

        Args:
            grid: values, NaN where a network has none, which becomes 0 in every column.
        """
        logs = (_logs(grid, self.logarithm, self.floor) - self.mean) / self.deviation
        ranks = np.zeros_like(grid)
        steps = np.linspace(-1, 1, self.quantiles.shape[2])
        for place, proxy in np.argwhere(np.isfinite(self.quantiles[:, :, 0])):
            ranks[:, place, proxy] = np.interp(
                grid[:, place, proxy], self.quantiles[place, proxy], steps
            )
        parts = [np.clip(logs, -_CLIP, _CLIP), ranks, np.sign(grid)[:, :, self.signed]]
        found: Float64[np.ndarray, "n s k"] = np.nan_to_num(np.concatenate(parts, axis=2))
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """The attributes by name."""
        return dict(asdict(self))

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Magnitudes:
        """From the attributes by name."""
        return cls(**{name: arrays[name] for name in cls.__dataclass_fields__})


def measure_magnitudes(grid: Float64[np.ndarray, "n s p"], proxies: Sequence[str]) -> Magnitudes:
    """What training networks say; see ``Magnitudes``.

    Args:
        grid: their values at s places by p proxies, NaN where a network has none.
        proxies: the p names.
    """
    known = np.isfinite(grid)
    positive = np.where(known & (grid != 0), np.abs(grid), np.inf)
    least = positive.min(axis=(0, 1), initial=np.inf)
    logarithm = np.array([is_logarithm(name) for name in proxies])
    floor = np.where(np.isfinite(least), least, 1.0)
    logs = _logs(grid, logarithm, floor)
    mean, deviation = np.zeros(grid.shape[1:]), np.ones(grid.shape[1:])
    quantiles = np.full((*grid.shape[1:], _QUANTILES), np.nan)
    for place, proxy in np.argwhere(known.any(axis=0)):
        there = known[:, place, proxy]
        column = logs[there, place, proxy]
        mean[place, proxy] = column.mean()
        if column.std() > 1e-12 * max(1.0, abs(column.mean())):
            deviation[place, proxy] = column.std()
        quantiles[place, proxy] = np.quantile(
            grid[there, place, proxy], np.linspace(0, 1, _QUANTILES)
        )
    signed: Bool[np.ndarray, " p"] = np.asarray((grid < 0).any(axis=(0, 1)))
    return Magnitudes(
        logarithm=logarithm,
        signed=signed,
        floor=floor,
        mean=mean,
        deviation=deviation,
        quantiles=quantiles,
    )


def _logs(grid: np.ndarray, logarithm: np.ndarray, floor: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # NaN stays NaN
        found: np.ndarray = np.where(logarithm, grid, np.log(np.maximum(np.abs(grid), floor)))
    return found
