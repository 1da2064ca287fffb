"""The scorer `dsir:NAME=FILE`: log importance weights of documents."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int64

from dataselect.errors import DataselectError
from dataselect.scorers.dsir.features import Features
from dataselect.scorers.dsir.fitting import count_features
from dataselect.scorers.dsir.model import DsirModel, load_dsir
from dataselect.scorers.model_file import SUFFIX
from dataselect.scorers.named_argument import name_and_file
from dataselect.scorers.scorer import Column
from dataselect.scorers.signals.kernels.unicode_tables import UNICODE

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Dsir", "DsirOfCorpus", "dsir"]

_VERSION = "1"
_SOURCE = "Xie et al. 2023"


@dataclass(frozen=True, eq=False)
class Dsir:
    """How much more likely the n-grams of each document are in a target than in the corpus.

    Attributes:
        target: its name.
        model: with target and source.
    """

    target: str
    model: DsirModel

    @property
    def name(self) -> str:
        """``dsir_NAME``."""
        return f"dsir_{self.target}"

    @property
    def columns(self) -> tuple[Column, ...]:
        """The log importance weight, and its mean over n-grams, which does not grow with length."""
        what = "log(share in the target / share in the source) over words and pairs of words"
        unit, low, high = "log ratio", -math.inf, math.inf
        return (
            Column(self.name, "float64", unit, low, high, 1, f"sum of {what}", _SOURCE),
            Column(f"{self.name}_mean", "float64", unit, low, high, 1, f"mean of {what}", _SOURCE),
        )

    @property
    def fingerprint(self) -> str:
        """Of the model."""
        text = repr((_VERSION, UNICODE, self.columns, self.model.digest))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The log weights of a batch; null where a document has no word."""
        import pyarrow as pa

        sums, ngrams = self.model.features.weigh(batch, self.model.ratios)
        empty = ngrams == 0
        means = sums / np.maximum(ngrams, 1)
        arrays = [pa.array(values, mask=empty) for values in (sums, means)]
        return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in self.columns])


@dataclass(frozen=True, eq=False)
class DsirOfCorpus:
    """`Dsir` with the corpus that is scored as its source; see `CorpusScorer`.

    Attributes:
        target: its name.
        model: without a source.
    """

    target: str
    model: DsirModel

    @property
    def name(self) -> str:
        """``dsir_NAME``."""
        return f"dsir_{self.target}"

    @property
    def counted(self) -> str:
        """The features."""
        return repr(self.model.features)

    def counts(self, batch: pa.RecordBatch) -> Int64[np.ndarray, " buckets"]:
        """The n-grams of a batch of the corpus."""
        return self.model.features.counts(batch)

    def fitted(self, counts: Int64[np.ndarray, " buckets"]) -> Dsir:
        """The scorer, from the sum of the counts of the corpus."""
        return Dsir(self.target, DsirModel(self.model.features, self.model.target, counts))


def dsir(argument: str) -> Dsir | DsirOfCorpus:
    """The scorer of NAME=FILE.

    Args:
        argument: a name for the columns, and the target: a corpus of any format, or a model that
            `dataselect fit dsir` wrote (a ``.safetensors`` file). Where that is no model with a
            source, the source is the corpus that is scored.

    Raises:
        DataselectError: the argument is of another form, or the file cannot be read or is empty.
    """
    name, file = name_and_file(argument, "dsir", "dsir:books=books.jsonl")
    if file.endswith(SUFFIX):
        model = load_dsir(Path(file))
    else:
        features = Features()
        model = DsirModel(features, count_features([file], features))
    if model.target is None:
        raise DataselectError(
            f"{file} holds a source only",
            accepted="a model with a target",
            hint=f"dataselect fit dsir --target CORPUS --source {file} --out NEW.safetensors",
        )
    return DsirOfCorpus(name, model) if model.source is None else Dsir(name, model)
