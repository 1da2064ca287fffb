"""The n-gram model as a proxy: a design of hundreds of runs takes minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int32, Int64

from dataselect.errors import DataselectError
from dataselect.weighting.proxies.ngram.events import (
    Events,
    count_events,
    events_of,
    matches_of,
)
from dataselect.weighting.proxies.ngram.smoothing import counted, cross_losses
from dataselect.weighting.proxies.proxy import Losses, OnStep
from dataselect.weighting.proxies.token_data import TokenData, open_array, write_array

__all__ = ["NgramProxy", "NgramTrainer"]

_LONGEST = 8


@dataclass(frozen=True)
class NgramProxy:
    """An n-gram model with counts that add up over documents.

    Attributes:
        order: tokens in the longest n-grams, 1 .. 8.
    """

    order: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.order <= _LONGEST:
            raise DataselectError(
                f"n-grams of order {self.order}", accepted=f"1 .. {_LONGEST}; 4 is usual"
            )

    @property
    def name(self) -> str:
        """``ngram``."""
        return "ngram"

    @property
    def at_once(self) -> int:
        """One: a run takes less than a second."""
        return 1

    def as_dict(self) -> dict[str, Any]:
        """The order."""
        return {"proxy": self.name, **asdict(self)}

    def open(self, data: TokenData, folder: Path | None = None) -> NgramTrainer:
        """Find, once for all runs, where the validation sets' n-grams occur.

        Complexity: O(tokens · order); 4 bytes a candidate's token, in ``folder`` where it is given.
        """
        events = events_of(data.validation, self.order)
        kept = None if folder is None else folder / f"ngram-{self.order}.npy"
        if kept is None or not kept.is_file():
            matches = matches_of(data.candidates, events)
            if kept is None or not len(matches):
                return NgramTrainer(data, events, matches)
            write_array(kept, matches)
        return NgramTrainer(data, events, open_array(kept))


@dataclass(frozen=True)
class NgramTrainer:
    """See `Trainer`.

    Attributes:
        data: candidates and validation sets.
        events: the n-grams of the sets.
        matches: of each candidate's tokens, the longest of them that ends there.
    """

    data: TokenData
    events: Events
    matches: Int32[np.ndarray, " tokens"]

    def __call__(
        self,
        selections: Sequence[Int64[np.ndarray, "_"]],
        seeds: Sequence[int],
        on_step: OnStep | None = None,
    ) -> list[Losses]:
        """The losses of each selection; nothing is drawn, so that seeds change nothing."""
        found = []
        for chosen, _ in zip(selections, seeds, strict=True):
            if on_step is not None:
                on_step()
            found.append(self._losses(chosen))
        return found

    def _losses(self, chosen: Int64[np.ndarray, " documents"]) -> Losses:
        candidates = self.data.candidates
        if not len(chosen):
            raise DataselectError("a selection of no document", accepted="a larger token budget")
        counts = count_events(self.matches, candidates, chosen, self.events)
        tokens = int(candidates.lengths[chosen].sum())
        found = counted(counts, tokens, self.events)
        return cross_losses(found, self.events.sets, self.data.vocabulary)
