"""What a rater looks at: n-grams in buckets, signals, and how frequent a document's words are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.scorers.raters.kernels.grams import VOCABULARY, VOCABULARY_BINS, Vocabulary
from dataselect.scorers.signals import LIGHT, Signals, signals
from dataselect.scorers.signals.kernels.unicode_tables import unicode_tables
from dataselect.scorers.words.lists import RANKED, rank_tables

if TYPE_CHECKING:
    import pyarrow as pa
    from scipy.sparse import csr_matrix

__all__ = ["FEATURES_VERSION", "Features", "RawFeatures", "extract", "measures_of", "vocabulary"]

FEATURES_VERSION = 1
"""Changes whenever a feature of some text does."""


@dataclass(frozen=True)
class Features:
    """The definition of the features.

    Attributes:
        pairs: whether pairs of neighbouring tokens are n-grams, beside single tokens.
        shortest: characters of the shortest n-gram inside a word, ``<`` and ``>`` at its ends
            included; 0 for none.
        longest: of the longest.
        bits: words and characters have 2^bits buckets each.
        signals: which rule-based signals: all but those of repeated n-grams, all, or none.
    """

    pairs: bool = True
    shortest: int = 3
    longest: int = 5
    bits: int = 18
    signals: Literal["light", "all", "none"] = "light"

    @property
    def scorer(self) -> Signals | None:
        """The scorer of the signals, or None."""
        if self.signals == "none":
            return None
        return signals() if self.signals == "all" else LIGHT

    @property
    def measures(self) -> tuple[str, ...]:
        """The names of the dense features: signals, then the vocabulary."""
        of_signals = () if self.scorer is None else tuple(c.name for c in self.scorer.columns)
        return of_signals + _VOCABULARY_NAMES

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)


_VOCABULARY_NAMES = tuple(
    f"{what}_{of}"
    for what in ("mean_log_rank", *(f"rank_{low}" for low in (0, *VOCABULARY_BINS)))
    for of in ("words", "different")
)


@dataclass(frozen=True)
class RawFeatures:
    """The features of documents before anything is learned from them.

    Attributes:
        grams: 1 + ln(count), see `kernels.rating`; columns: the words' buckets, then the
            characters'. A column may come twice in a row.
        measures: float64 ``[documents, measures]``, NaN where one is missing.
        tokens: how many tokens each document has.
    """

    grams: csr_matrix
    measures: Float64[np.ndarray, "documents measures"]
    tokens: Int64[np.ndarray, " documents"]


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """The ranks of frequent words, as kernels read them."""
    logs = np.log(np.arange(RANKED + 1, dtype=np.float64) + 3)
    return Vocabulary(*rank_tables(), logs)


def extract(texts: pa.Array[Any], features: Features) -> RawFeatures:
    """The features of documents.

    Args:
        texts: string, large_string or string_view; a null has no n-grams and no measures.
        features: which.
    """
    from scipy.sparse import csr_matrix

    from dataselect.scorers.raters.kernels.rating import count_grams
    from dataselect.scorers.signals.arrow import text_arrays

    data, offsets, present = text_arrays(texts)
    sums = np.zeros((len(present), VOCABULARY))
    tokens = np.zeros(len(present), np.int64)
    rows = np.zeros(len(present) + 1, np.int64)
    buckets, values = count_grams(
        data, offsets, present, unicode_tables(), vocabulary(), features.pairs,
        features.shortest, features.longest, features.bits, rows, sums, tokens,
    )  # fmt: skip
    shape = (len(present), 2 << features.bits)
    grams = csr_matrix((values, buckets, rows), shape=shape)
    return RawFeatures(grams, measures_of(texts, sums, features), tokens)


def measures_of(
    texts: pa.Array[Any], sums: Float64[np.ndarray, "documents sums"], features: Features
) -> Float64[np.ndarray, "documents measures"]:
    """The dense features: signals, mean log ranks, shares of words by rank.

    Args:
        texts: the documents.
        sums: of their words, as the kernels leave them.
        features: which.
    """
    import pyarrow as pa

    bins = len(VOCABULARY_BINS) + 1
    found = np.empty((len(sums), VOCABULARY))
    with np.errstate(invalid="ignore", divide="ignore"):
        for k in range(2):
            many = sums[:, 2 + k * bins : 2 + (k + 1) * bins]
            total = many.sum(axis=1)
            found[:, k] = sums[:, k] / total
            found[:, 2 + k :: 2] = many / total[:, None]
    if features.scorer is None:
        return found
    scored = features.scorer.score(pa.RecordBatch.from_arrays([texts], names=["text"]))
    columns = [
        column.cast(pa.float64()).to_numpy(zero_copy_only=False) for column in scored.columns
    ]
    return np.column_stack([*columns, found])
