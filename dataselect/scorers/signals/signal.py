"""A signal: a declared column, and the formula that makes it from a document's counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.scorers.scorer import Column
from dataselect.scorers.signals.kernels.quantities import COUNTS, SUMS

__all__ = ["Measured", "Signal", "count", "ratio", "share"]

_COUNTS = {name: row for row, name in enumerate(COUNTS)}
_SUMS = {name: row for row, name in enumerate(SUMS)}

UNSPACED_SHARE = 0.1
"""Where more of a text's letters than this belong to scripts without spaces, words mean nothing."""


@dataclass(frozen=True)
class Measured:
    """The counts of a batch of documents, by name.

    Attributes:
        counts: whole numbers, a row for each of `quantities.COUNTS`.
        sums: sums of fractions, a row for each of `quantities.SUMS`.
    """

    counts: Int64[np.ndarray, "counts documents"]
    sums: Float64[np.ndarray, "sums documents"]

    def __getitem__(self, name: str) -> Any:
        if name == "symbols":
            return np.asarray(self["hashes"] + self["ellipses"])
        if name == "line_characters":
            return np.asarray(self["characters"] - self["newlines"])
        if name in _SUMS:
            return self.sums[_SUMS[name]]
        return self.counts[_COUNTS[name]]

    @property
    def unspaced(self) -> np.ndarray:
        """Whether each text is written without spaces between words."""
        many: np.ndarray = self["unspaced_letters"] > UNSPACED_SHARE * self["letters"]
        return many


@dataclass(frozen=True)
class Signal:
    """One column of the scorer `signals`.

    Attributes:
        column: name, unit, range, direction, definition, source.
        formula: from the counts to one number a document, NaN where there is none.
        want: the passes that it needs beyond the first, as bits of `measuring`.
        spaced: True where it means nothing in scripts without spaces between words; null there.
    """

    column: Column
    formula: Callable[[Measured], np.ndarray]
    want: int = 0
    spaced: bool = False


def ratio(above: np.ndarray, below: np.ndarray, *, empty: float = np.nan) -> np.ndarray:
    """``above / below``; ``empty`` where ``below`` is 0."""
    out = np.full(above.shape, empty)
    np.divide(above, below, out=out, where=below != 0)
    return out


def count(
    name: str,
    unit: str,
    direction: Literal[-1, 0, 1],
    definition: str,
    source: str,
    of: str,
    *,
    want: int = 0,
    spaced: bool = False,
) -> Signal:
    """A signal that is one of the counts."""
    column = Column(name, "int64", unit, 0.0, np.inf, direction, definition, source)
    return Signal(column, lambda measured: measured[of].astype(np.float64), want, spaced)


def share(
    name: str,
    direction: Literal[-1, 0, 1],
    definition: str,
    source: str,
    above: str,
    below: str,
    *,
    unit: str = "fraction",
    high: float = 1.0,
    empty: float = np.nan,
    want: int = 0,
    spaced: bool = False,
) -> Signal:
    """A signal that is one count divided by another."""
    column = Column(name, "float64", unit, 0.0, high, direction, definition, source)
    return Signal(
        column,
        lambda measured: ratio(measured[above], measured[below], empty=empty),
        want,
        spaced,
    )
