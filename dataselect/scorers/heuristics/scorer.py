"""The scorer `heuristics`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from dataselect.scorers.heuristics.formulas import FORMULAS, SIGNALS_READ
from dataselect.scorers.scorer import Column
from dataselect.scorers.signals import signals
from dataselect.scorers.signals.kernels.unicode_tables import UNICODE, unicode_tables
from dataselect.scorers.words.lists import LISTS, list_tables, words_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["HEURISTICS", "Heuristics"]

_VERSION = "1"


@dataclass(frozen=True)
class Heuristics:
    """Readability, professionalism, reasoning, cleanliness from rules; no published rater."""

    columns: tuple[Column, ...] = tuple(heuristic.column for heuristic in FORMULAS)
    name: str = "heuristics"

    @cached_property
    def fingerprint(self) -> str:
        """Changes with the formulas, the lists, or the version of Unicode."""
        lists = {name: words_of(name) for name in LISTS}
        # Not with the definitions: the agreement in them is no part of the scores.
        text = repr((_VERSION, UNICODE, [column.name for column in self.columns], lists))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The heuristics of a batch; null where the text is no English that can be judged."""
        import pyarrow as pa

        from dataselect.scorers.signals.arrow import text_arrays
        from dataselect.scorers.words.counting import count_lists

        data, offsets, present = text_arrays(batch.column("text"))
        counts = np.zeros((len(present), 1 + len(LISTS)), np.int64)
        count_lists(data, offsets, present, unicode_tables(), *list_tables(), counts)
        measured = signals(SIGNALS_READ).score(batch)
        values = {
            name: measured.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
            for name in SIGNALS_READ
        }
        words = np.where(counts[:, 0] > 0, counts[:, 0], np.nan)
        values["words"] = words
        for k, name in enumerate(LISTS):
            values[name] = 100 * counts[:, k + 1] / words
        # Where the school grade means nothing, the text is no English prose.
        english = ~np.isnan(values["flesch_kincaid_grade"])
        arrays = []
        for heuristic in FORMULAS:
            found = heuristic.formula(values)
            arrays.append(pa.array(found, mask=~present | ~english | np.isnan(found)))
        return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in self.columns])


HEURISTICS = Heuristics()
"""All four."""
