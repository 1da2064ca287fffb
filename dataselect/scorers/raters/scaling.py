"""How features become comparable: inverse document frequencies, and measures by their ranks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Float64, Int64

from dataselect.scorers.raters.features import RawFeatures

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["Design", "Scaling", "design_of", "learn_scaling", "scaled_measures"]

_KNOTS = 33
_TAIL = 2.5
_SEEN_IN = 2


@dataclass(frozen=True)
class Scaling:
    """What is learned from documents without their labels.

    Attributes:
        idf: of the words' and the characters' buckets: ln((1 + n) / (1 + n_bucket)) + 1, and 0 of
            those in fewer than two documents.
        knots: quantiles of each measure, rising.
        heights: the normal score of each, where it is mapped to.
    """

    idf: Float32[np.ndarray, "2 buckets"]
    knots: Float64[np.ndarray, "measures knots"]
    heights: Float64[np.ndarray, "measures knots"]


@dataclass(frozen=True)
class Design:
    """Documents as rows of numbers.

    Attributes:
        grams: of tokens and pairs, and of characters: each with the norm 1, but that n-grams of a
            bucket add up.
        columns: the bucket of each column; characters behind words.
        measures: normal scores, 0 where one is missing, divided by the root of their number.
    """

    grams: csr_matrix
    columns: Int64[np.ndarray, " columns"]
    measures: Float64[np.ndarray, "documents measures"]

    def rows(self, which: np.ndarray) -> Design:
        """Some of the documents."""
        return Design(self.grams[which], self.columns, self.measures[which])

    def difference(self, first: np.ndarray, second: np.ndarray) -> Design:
        """The second of each pair of documents less the first."""
        return Design(
            (self.grams[second] - self.grams[first]).tocsr(),
            self.columns,
            self.measures[second] - self.measures[first],
        )


def learn_scaling(raw: RawFeatures, rows: Int64[np.ndarray, " rows"]) -> Scaling:
    """The scaling that some documents show.

    Args:
        raw: features of documents.
        rows: which of them to learn from.

    Reference:
        idf as in scikit-learn's TfidfTransformer(smooth_idf=True).
    """
    from scipy.special import ndtri

    chosen = raw.grams[rows]
    chosen.sum_duplicates()
    often = np.bincount(chosen.indices, minlength=raw.grams.shape[1])
    idf = np.log((1 + len(rows)) / (1 + often)) + 1
    idf[often < _SEEN_IN] = 0
    shares = (np.arange(_KNOTS) + 0.5) / _KNOTS
    normal = np.clip(ndtri(shares), -_TAIL, _TAIL)
    measures = raw.measures.shape[1]
    knots, heights = np.zeros((measures, _KNOTS)), np.zeros((measures, _KNOTS))
    for k in range(measures):
        values = raw.measures[rows, k]
        values = values[~np.isnan(values)]
        if len(values) == 0:
            continue
        places = np.quantile(values, shares)
        different, group = np.unique(places, return_inverse=True)
        means = np.bincount(group, normal) / np.bincount(group)
        knots[k] = np.pad(different, (0, _KNOTS - len(different)), mode="edge")
        heights[k] = np.pad(means, (0, _KNOTS - len(means)), mode="edge")
    return Scaling(idf.reshape(2, -1).astype(np.float32), knots, heights)


def scaled_measures(
    measures: Float64[np.ndarray, "documents measures"], scaling: Scaling
) -> Float64[np.ndarray, "documents measures"]:
    """Each measure's normal score, 0 where it is missing, divided by the root of their number."""
    out = np.zeros(measures.shape)
    for k in range(measures.shape[1]):
        out[:, k] = np.interp(measures[:, k], scaling.knots[k], scaling.heights[k])
    out[np.isnan(measures)] = 0
    return np.asarray(out / np.sqrt(max(1, measures.shape[1])))


def design_of(raw: RawFeatures, scaling: Scaling) -> Design:
    """Documents scaled: what the compiled kernel works out while it reads, as a matrix.

    Args:
        raw: features of documents.
        scaling: learned from these or others.
    """
    from scipy.sparse import csr_matrix

    idf = scaling.idf.reshape(-1)
    columns = np.flatnonzero(idf)
    place = np.full(len(idf), -1, np.int32)
    place[columns] = np.arange(len(columns), dtype=np.int32)
    documents = raw.grams.shape[0]
    counts = np.diff(raw.grams.indptr)
    row = np.repeat(np.arange(documents), counts)
    buckets = raw.grams.indices
    kept = idf[buckets] > 0
    row, buckets = row[kept], buckets[kept]
    values = raw.grams.data[kept].astype(np.float64) * idf[buckets]
    block = buckets >= scaling.idf.shape[1]
    squares = np.bincount(2 * row + block, values**2, minlength=2 * documents)
    values /= np.sqrt(squares)[2 * row + block]
    ends = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=documents))])
    grams = csr_matrix(
        (values.astype(np.float32), place[buckets], ends), shape=(documents, len(columns))
    )
    grams.sum_duplicates()
    return Design(grams, columns, scaled_measures(raw.measures, scaling))
