"""The features of DSIR: words and pairs of words in buckets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.errors import DataselectError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BUCKETS", "Features"]

BUCKETS = 10_000
_MOST = 1 << 31


@dataclass(frozen=True)
class Features:
    """Which bucket an n-gram falls into.

    The n-grams are the words of the lower-cased text, ``\\w+|[^\\w\\s]+``, and the pairs of
    neighbours among them.

    Attributes:
        buckets: how many.
        hash: "fast", 64 bits by multiplication; or "sha256", of the n-gram's UTF-8 with a space
            between two words, which is what the package data-selection has.
        salt: before every message of SHA-256; with the empty one the buckets are the package's.
    """

    buckets: int = BUCKETS
    hash: Literal["fast", "sha256"] = "fast"
    salt: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.buckets <= _MOST:
            raise DataselectError(
                f"n-grams in {self.buckets:,} buckets", accepted=f"1 .. {_MOST:,}; 10,000 are usual"
            )
        if self.salt and self.hash != "sha256":
            raise DataselectError("a salt for the fast hash", accepted="a salt for sha256")

    def counts(self, batch: pa.RecordBatch) -> Int64[np.ndarray, " buckets"]:
        """How many n-grams of all documents of a batch fall into each bucket."""
        counts = np.zeros(self.buckets, np.int64)
        self._read(batch, counts, np.zeros(0))
        return counts

    def weigh(
        self, batch: pa.RecordBatch, ratios: Float64[np.ndarray, " buckets"]
    ) -> tuple[Float64[np.ndarray, " documents"], Int64[np.ndarray, " documents"]]:
        """The sum of the log ratios of each document's n-grams, and how many these are."""
        return self._read(batch, np.zeros(self.buckets, np.int64), ratios)

    def _read(
        self,
        batch: pa.RecordBatch,
        counts: Int64[np.ndarray, " buckets"],
        ratios: Float64[np.ndarray, " ratios"],
    ) -> tuple[Float64[np.ndarray, " documents"], Int64[np.ndarray, " documents"]]:
        from dataselect.scorers.dsir.kernels.buckets import read_buckets
        from dataselect.scorers.signals.arrow import text_arrays
        from dataselect.scorers.wordpunct import lowering

        sums = np.zeros(batch.num_rows)
        ngrams = np.zeros(batch.num_rows, np.int64)
        read_buckets(
            *text_arrays(batch.column("text")),
            lowering(),
            self.hash == "sha256",
            np.frombuffer(self.salt.encode(), np.uint8),
            ratios.size > 0,
            counts,
            ratios,
            sums,
            ngrams,
        )
        return sums, ngrams
