"""What a proxy is: a cheap model that says how good a selection of documents is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64

from dataselect.weighting.proxies.token_data import TokenData

__all__ = ["Losses", "OnStep", "Proxy", "Trainer"]

Losses = dict[str, float]
"""Of one run: the mean loss in nats a token of each validation set, by its name."""

OnStep = Callable[[], None]
"""Called now and then while a proxy trains: it is alive."""


@runtime_checkable
class Trainer(Protocol):
    """A proxy with its data: selected documents and a seed become losses."""

    def __call__(
        self,
        selections: Sequence[Int64[np.ndarray, "_"]],
        seeds: Sequence[int],
        on_step: OnStep | None = None,
    ) -> list[Losses]:
        """Train a model on each selection; the losses of each on every validation set.

        Args:
            selections: places of candidates, one array a run.
            seeds: one a run. The same selection and seed give the same losses.
            on_step: called at least every few seconds.
        """
        ...


@runtime_checkable
class Proxy(Protocol):
    """A kind of model with its settings.

    Attributes:
        name: on the command line.
        at_once: how many runs a `Trainer` is best given in one call.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def at_once(self) -> int: ...  # noqa: D102

    def as_dict(self) -> dict[str, Any]:
        """All settings that decide the losses, as JSON values."""
        ...

    def open(self, data: TokenData, folder: Path | None = None) -> Trainer:
        """Make ready what all runs share.

        Args:
            data: what is selected from, and the validation sets.
            folder: of this data, where what is made ready may be kept for the next process.
        """
        ...
