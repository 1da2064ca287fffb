"""The scorer `signals`: all rule-based quality signals of a document from one compiled pass."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import numpy as np

from dataselect.errors import DataselectError
from dataselect.scorers.scorer import Column
from dataselect.scorers.signals.gopher import GOPHER
from dataselect.scorers.signals.kernels.quantities import COUNTS, SUMS
from dataselect.scorers.signals.kernels.scratch import KNOWN_BITS
from dataselect.scorers.signals.kernels.unicode_tables import UNICODE, unicode_tables
from dataselect.scorers.signals.kernels.wants import (
    WANT_TOKEN_GRAMS,
    WANT_TOKENS,
    WANT_VOCABULARY,
    WANT_WORD_GRAMS,
)
from dataselect.scorers.signals.redpajama import REDPAJAMA
from dataselect.scorers.signals.signal import Measured, Signal
from dataselect.scorers.signals.text import READABILITY, SIZES
from dataselect.scorers.signals.web import C4, FINEWEB
from zerocost.errors import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ALL", "LIGHT", "SIGNALS", "Signals", "signals"]

ALL: tuple[Signal, ...] = SIZES + REDPAJAMA + GOPHER + C4 + FINEWEB + READABILITY
"""Every signal, in the order of the columns."""

_VERSION = "2"
_GRAMS = (WANT_WORD_GRAMS & ~WANT_VOCABULARY) | (WANT_TOKEN_GRAMS & ~WANT_TOKENS)
_REMEMBERED = threading.local()
_BY_NAME = {signal.column.name: signal for signal in ALL}


@dataclass(frozen=True)
class Signals:
    """Rule-based quality signals of each document."""

    columns: tuple[Column, ...]
    name: str = "signals"

    @property
    def fingerprint(self) -> str:
        """Changes with the definitions, the columns, or the version of Unicode."""
        text = repr((_VERSION, UNICODE, self.columns))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The signals of a batch; see `dataselect.scorers.scorer.Scorer`."""
        import pyarrow as pa

        from dataselect.scorers.signals.arrow import text_arrays
        from dataselect.scorers.signals.kernels.measuring import measure

        chosen = [_BY_NAME[column.name] for column in self.columns]
        data, offsets, present = text_arrays(batch.column("text"))
        counts = np.zeros((len(present), len(COUNTS)), np.int64)
        sums = np.zeros((len(present), len(SUMS)), np.float64)
        measure(
            data,
            offsets,
            present,
            unicode_tables(),
            reduce(or_, (signal.want for signal in chosen), 0),
            _known(),
            counts,
            sums,
        )
        measured = Measured(np.ascontiguousarray(counts.T), np.ascontiguousarray(sums.T))
        absent = ~present
        unspaced = absent | measured.unspaced
        arrays = []
        for signal in chosen:
            values = signal.formula(measured)
            missing = np.isnan(values)
            missing |= unspaced if signal.spaced else absent
            if signal.column.kind == "int64":
                values[missing] = 0
                values = values.astype(np.int64)
            arrays.append(pa.array(values, mask=missing))
        return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in self.columns])


def _known() -> np.ndarray:
    """What this thread remembers of words: a cache, which no result depends on."""
    if not hasattr(_REMEMBERED, "words"):
        _REMEMBERED.words = np.zeros(1 << KNOWN_BITS, np.uint64)
    words: np.ndarray = _REMEMBERED.words
    return words


def signals(names: tuple[str, ...] | None = None) -> Signals:
    """The scorer of the signals of these names.

    Args:
        names: which signals, in which order; all where None. Only the passes that they need run.

    Raises:
        DataselectError: there is no signal of a name.
    """
    if names is None:
        return Signals(tuple(signal.column for signal in ALL))
    for name in names:
        if name not in _BY_NAME:
            raise DataselectError(
                f"there is no signal named {name!r}",
                accepted="a column of the scorer signals",
                hint=did_you_mean(name, _BY_NAME) or "`dataselect scorers` lists them",
            )
    return Signals(tuple(_BY_NAME[name].column for name in names))


SIGNALS = signals()
"""All signals."""

LIGHT = Signals(
    tuple(signal.column for signal in ALL if not signal.want & _GRAMS), name="signals_light"
)
"""All signals but those of repeated n-grams, at one and a half times the speed."""
