"""What every regressor promises."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError

__all__ = ["Fitted", "Regressor", "check_rows"]


@runtime_checkable
class Fitted(Protocol):
    """A regressor that has seen runs."""

    def predict(self, weights: Float64[np.ndarray, "n scores"]) -> Float64[np.ndarray, " n"]:
        """The loss expected at each weight vector; a row's does not depend on the others."""
        ...


@runtime_checkable
class Regressor(Protocol):
    """A way to predict losses; same runs and seed, same predictions, for any number of threads."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def fit(
        self,
        weights: Float64[np.ndarray, "runs scores"],
        losses: Float64[np.ndarray, " runs"],
        *,
        seed: int = 0,
    ) -> Fitted:
        """Fit to runs; whatever it chooses, it chooses among these alone."""
        ...


def check_rows(
    weights: Float64[np.ndarray, "runs scores"],
    losses: Float64[np.ndarray, " runs"],
    *,
    least: int = 4,
) -> None:
    """DataselectError where runs are too few, or hold a number that is not finite."""
    if len(losses) < least:
        raise DataselectError(
            f"there are {len(losses)} runs to learn from",
            accepted=f"{least} or more",
            hint="train more small models, with other weights",
        )
    if not (np.isfinite(weights).all() and np.isfinite(losses).all()):
        raise DataselectError("a weight or a loss is not finite", accepted="finite numbers")
