"""The scorer `ppl:NAME=FILE`: how well a language model foresees each document."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dataselect.scorers.model_file import SUFFIX
from dataselect.scorers.named_argument import name_and_file
from dataselect.scorers.ngram.fitting import fit_ngram
from dataselect.scorers.ngram.model import NgramModel, load_ngram
from dataselect.scorers.scorer import Column
from dataselect.scorers.signals.kernels.unicode_tables import UNICODE

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Perplexity", "ppl"]

_VERSION = "1"
_SOURCE = "Chen and Goodman 1999; CCNet"


@dataclass(frozen=True, eq=False)
class Perplexity:
    """How well an n-gram language model foresees each document.

    Attributes:
        reference: the name of what the model was trained on.
        model: the model.
    """

    reference: str
    model: NgramModel

    @property
    def name(self) -> str:
        """``ppl_NAME``."""
        return f"ppl_{self.reference}"

    @property
    def columns(self) -> tuple[Column, ...]:
        """Perplexity a token, bits a byte, and the share of unseen tokens."""
        unit = self.model.settings.unit
        about = f"{unit[:-1]} {self.model.settings.order}-grams of {self.reference}"
        return (
            Column(
                self.name, "float64", "perplexity", 1.0, math.inf, -1,
                f"exp of the mean of -ln p(token | tokens before) of all {unit} and line ends, "
                f"by {about}", _SOURCE,
            ),
            Column(
                f"{self.name}_bits_per_byte", "float64", "bits per byte", 0.0, math.inf, -1,
                f"-log2 p(document) over its bytes, by {about}", _SOURCE,
            ),
            Column(
                f"{self.name}_unknown", "float64", "fraction", 0.0, 1.0, -1,
                f"share of {unit} that {self.reference} does not have", _SOURCE,
            ),
        )  # fmt: skip

    @property
    def fingerprint(self) -> str:
        """Of the model."""
        text = repr((_VERSION, UNICODE, self.columns, self.model.digest))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The perplexities of a batch; null where a document has no token."""
        import pyarrow as pa

        from dataselect.scorers.ngram.kernels.scoring import score_documents
        from dataselect.scorers.signals.arrow import text_arrays
        from dataselect.scorers.wordpunct import lowering

        settings = self.model.settings
        data, offsets, present = text_arrays(batch.column("text"))
        sums = np.zeros(len(present))
        events, strange, lines = (np.zeros(len(present), np.int64) for _ in range(3))
        score_documents(
            data,
            offsets,
            present,
            lowering(),
            settings.unit == "bytes",
            settings.order,
            *self.model.table,
            self.model.unknown,
            sums,
            events,
            strange,
            lines,
        )
        empty = events == 0
        values = (
            np.exp(-sums / np.maximum(events, 1)),
            -sums / math.log(2) / np.maximum(np.diff(offsets), 1),
            strange / np.maximum(events - lines, 1),
        )
        arrays = [pa.array(column, mask=empty) for column in values]
        return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in self.columns])


def ppl(argument: str) -> Perplexity:
    """The scorer of NAME=FILE.

    Args:
        argument: a name for the columns, and the reference: a corpus of any format, on which a
            model of word 5-grams is trained there and then, or a model that `dataselect fit ppl`
            wrote (a ``.safetensors`` file).

    Raises:
        DataselectError: the argument is of another form, or the file cannot be read or is empty.
    """
    name, file = name_and_file(argument, "ppl", "ppl:wiki=wiki.jsonl")
    return Perplexity(name, load_ngram(Path(file)) if file.endswith(SUFFIX) else fit_ngram([file]))
