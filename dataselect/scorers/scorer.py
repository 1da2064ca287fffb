"""What a scorer is: columns of scores, declared beforehand, one row a document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["Column", "CorpusScorer", "Scorer"]


@dataclass(frozen=True)
class Column:
    """One column of scores: what it measures, and how to read it.

    Attributes:
        name: of the column in a score table; RedPajama's or the paper's where there is one.
        kind: of its values. Every column may hold nulls: null where the score means nothing for a
            document, and never a number in its stead.
        unit: "fraction", "words", "nats", "log ratio" ...
        low: the least value possible, -inf where there is none.
        high: the greatest value possible, inf where there is none.
        direction: 1 where more is better text, -1 where less is, 0 where neither is (a length).
        definition: what is counted, over what, in one sentence.
        source: the paper, data set or code base that defines it.
    """

    name: str
    kind: Literal["float64", "int64", "bool"]
    unit: str
    low: float
    high: float
    direction: Literal[-1, 0, 1]
    definition: str
    source: str


@runtime_checkable
class Scorer(Protocol):
    """A pure map from a batch of documents to columns of scores.

    Whatever the text (empty, one byte, 100 MB in one line, NUL bytes, emoji, right to left), it
    gives a value or null, never raises and never stalls. Documents never change. A scorer can be
    pickled, so that other processes and machines run it.

    Attributes:
        name: the folder of its columns in a score table.
        columns: what `score` gives, in that order.
        fingerprint: changes whenever the scores of some document may; part of every manifest.
    """

    name: str
    columns: tuple[Column, ...]
    fingerprint: str

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The scores of a batch.

        Args:
            batch: documents, with a column ``text``: string, large_string or string_view, sliced
                or not, with nulls or not; a null text has null scores.

        Returns:
            One row a document in the same order, one column for each of `columns`.
        """
        ...


@runtime_checkable
class CorpusScorer(Protocol):
    """What becomes a scorer once it has seen the corpus, by counts that add up over its batches.

    Can be pickled; engines count parts of a corpus apart.

    Attributes:
        name: of the scorer that it becomes.
        counted: what the counts depend on beside the corpus; those of several that say the same
            are made once.
    """

    name: str
    counted: str

    def counts(self, batch: pa.RecordBatch) -> np.ndarray:
        """Of all documents of a batch together; whole numbers."""
        ...

    def fitted(self, counts: np.ndarray) -> Scorer:
        """The scorer, from the sum over all batches of the corpus."""
        ...
