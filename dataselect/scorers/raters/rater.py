"""A trained rater as a scorer."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, Float64

from dataselect.scorers.raters.calibration import Calibration
from dataselect.scorers.raters.features import (
    FEATURES_VERSION,
    Features,
    measures_of,
    vocabulary,
)
from dataselect.scorers.raters.kernels.grams import VOCABULARY
from dataselect.scorers.raters.scaling import Scaling, scaled_measures
from dataselect.scorers.scorer import Column
from dataselect.scorers.signals.kernels.unicode_tables import UNICODE, unicode_tables

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Rater"]

_MEANS = {
    "ridge": "the label that a document is expected to have",
    "logistic": "the probability of the label 1",
    "ordinal": "the mean of the labels that a document is expected to have",
    "pairwise": "log odds that a document is preferred to the mean document trained on",
}
_UNITS = {"ridge": "label", "logistic": "probability", "ordinal": "label", "pairwise": "log odds"}


@dataclass(frozen=True, eq=False)
class Rater:
    """A linear model over n-grams in buckets, signals and the vocabulary, trained on labels.

    Attributes:
        label: what it is called; the column's name.
        features: what it looks at.
        weights: of the words' and the characters' buckets: idf, weight.
        knots: quantiles of each measure.
        heights: the normal scores there.
        of_measures: the weight of each measure.
        calibration: from the raw score to the meaning of the labels.
        rows: how many labels it was trained on.
        lowest: of these labels.
        highest: of these labels.
    """

    label: str
    features: Features
    weights: Float32[np.ndarray, "2 buckets 2"]
    knots: Float64[np.ndarray, "measures knots"]
    heights: Float64[np.ndarray, "measures knots"]
    of_measures: Float64[np.ndarray, " measures"]
    calibration: Calibration
    rows: int
    lowest: float
    highest: float

    @property
    def name(self) -> str:
        """The folder of its column in a score table."""
        return f"rater_{self.label}"

    @property
    def columns(self) -> tuple[Column, ...]:
        """One column, named like the rater."""
        loss = self.calibration.loss
        low, high = {
            "logistic": (0.0, 1.0),
            "ordinal": (0.0, float(max(1, len(self.calibration.extra)))),
        }.get(loss, (-math.inf, math.inf))
        definition = f"{_MEANS[loss]}, by a linear model trained on {self.rows:,} labels"
        return (
            Column(self.label, "float64", _UNITS[loss], low, high, 1, definition, "your labels"),
        )

    @cached_property
    def fingerprint(self) -> str:
        """Changes with the features, the weights, or the version of Unicode."""
        digest = hashlib.sha256(
            json.dumps(
                [FEATURES_VERSION, UNICODE, self.features.as_json(), asdict(self.calibration)]
            ).encode()
        )
        for array in (self.weights, self.knots, self.heights, self.of_measures):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def raw(self, texts: pa.Array[Any]) -> tuple[np.ndarray, np.ndarray]:
        """The scores before calibration, and whether each text has any token."""
        from dataselect.scorers.raters.kernels.rating import rate
        from dataselect.scorers.signals.arrow import text_arrays

        data, offsets, present = text_arrays(texts)
        scores = np.zeros((len(present), 2))
        sums = np.zeros((len(present), VOCABULARY))
        tokens = np.zeros(len(present), np.int64)
        features = self.features
        rate(
            data, offsets, present, unicode_tables(), vocabulary(), features.pairs,
            features.shortest, features.longest, features.bits, self.weights, scores, sums, tokens,
        )  # fmt: skip
        scaling = Scaling(self.weights[:, :, 0], self.knots, self.heights)
        measures = scaled_measures(measures_of(texts, sums, features), scaling)
        # Not a matrix product: its sums depend on how many documents stand beside.
        return scores.sum(axis=1) + (measures * self.of_measures).sum(axis=1), tokens > 0

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The scores of a batch; null where the text is null or has no visible character."""
        import pyarrow as pa

        scores, known = self.raw(batch.column("text"))
        found = pa.array(self.calibration(scores), mask=~known)
        return pa.RecordBatch.from_arrays([found], names=[self.label])
