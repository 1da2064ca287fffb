"""Columns made comparable, as the training architectures have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from nasproxy.errors import NasproxyError
from nasproxy.prediction.features import Features
from nasproxy.prediction.levels import PROXY
from nasproxy.prediction.normal_scores import knots_of, through_knots

__all__ = ["Scaling", "fit_scaling"]

_KNOTS = 512


@dataclass(frozen=True, eq=False)
class Scaling:
    """How the columns of features become the inputs of a model; made by ``fit_scaling``.

    Attributes:
        names: of the columns that vary among the training architectures ``[d]``.
        knots: of each column of scores: distinct values and normal scores, float64 ``[2, k]``.
        low: the smallest training value of every other column, float64 ``[d]``.
        width: its largest less its smallest, float64 ``[d]``; 1 for columns of scores.
    """

    names: tuple[str, ...]
    knots: Mapping[str, Float64[np.ndarray, "2 k"]]
    low: Float64[np.ndarray, " d"]
    width: Float64[np.ndarray, " d"]

    @property
    def groups(self) -> Int64[np.ndarray, " d"]:
        """The group of every column: those whose names agree up to the colon are one."""
        numbers: dict[str, int] = {}
        prefixes = [name.partition(":")[0] for name in self.names]
        return np.array([numbers.setdefault(p, len(numbers)) for p in prefixes], dtype=np.int64)

    def apply(self, features: Features) -> Float64[np.ndarray, "n d"]:
        """The inputs of architectures.

        Raises:
            NasproxyError: a column is missing.
        """
        # In one memory order, on which the last digits of products depend.
        columns = np.ascontiguousarray(features.columns(self.names))
        inputs: Float64[np.ndarray, "n d"] = (columns - self.low) / self.width
        for at, name in enumerate(self.names):
            if name in self.knots:
                inputs[:, at] = through_knots(inputs[:, at], *self.knots[name])
        return inputs

    def as_tensors(self) -> dict[str, np.ndarray]:
        """Arrays by name; ``from_tensors`` reads them."""
        return {
            "scaling.low": self.low,
            "scaling.width": self.width,
            **{f"scaling.knots.{name}": knots for name, knots in self.knots.items()},
        }

    @classmethod
    def from_tensors(cls, names: list[str], tensors: Mapping[str, Any]) -> Scaling:
        """The scaling of saved arrays."""
        start = "scaling.knots."
        return cls(
            names=tuple(names),
            knots={n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)},
            low=tensors["scaling.low"],
            width=tensors["scaling.width"],
        )


def fit_scaling(features: Features) -> Scaling:
    """Scores become normal scores among the training ones; other columns 0 .. 1 over their range.

    Scores come in any unit, over any number of decades, and only their order is known to mean
    something. A column that is constant in training says nothing and is left out.

    Raises:
        NasproxyError: no column varies.
    """
    levels = features.levels
    varies = np.ptp(levels, axis=0) > 0 if levels.size else np.zeros(0, dtype=bool)
    names = tuple(name for name, keep in zip(features.names, varies, strict=True) if keep)
    if not names:
        raise NasproxyError(
            f"none of the {len(features.names)} columns varies among the {len(features)} training "
            "architectures",
            accepted="features with a description or with scores",
        )
    chosen = levels[:, varies]
    knots = {
        name: _thinned(np.stack(knots_of(chosen[:, at])))
        for at, name in enumerate(names)
        if name.startswith(PROXY)
    }
    plain = np.array([name not in knots for name in names])
    return Scaling(
        names,
        knots,
        low=np.where(plain, chosen.min(axis=0), 0.0),
        width=np.where(plain, np.ptp(chosen, axis=0), 1.0),
    )


def _thinned(knots: Float64[np.ndarray, "2 k"]) -> Float64[np.ndarray, "2 m"]:
    k = knots.shape[1]
    if k <= _KNOTS:
        return knots
    return np.ascontiguousarray(knots[:, np.linspace(0, k - 1, _KNOTS).round().astype(np.int64)])
