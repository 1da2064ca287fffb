"""One pass over the texts: what duplicates and evaluation sets are found by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt32, UInt64

from dataselect.selection.contamination import Hits, Ngrams, find_hits, shared_run
from dataselect.selection.duplicates import band_hashes, content_hashes, signatures

__all__ = ["Fingerprints", "fingerprints_of"]


@dataclass(frozen=True)
class Fingerprints:
    """Of the documents of a batch.

    Attributes:
        hashes: of the contents, for exact duplicates.
        signatures: for near ones.
        bands: of the signatures.
        hits: documents that share a run of words with an evaluation set.
        shared: that run, of each hit.
    """

    hashes: UInt64[np.ndarray, "n 2"] | None
    signatures: UInt32[np.ndarray, "n permutations"] | None
    bands: UInt64[np.ndarray, "bands n"] | None
    hits: Hits
    shared: tuple[str, ...]


def fingerprints_of(
    texts: Any,
    *,
    duplicates: Literal["exact", "near"] | None,
    similarity: float = 0.8,
    evaluation: Ngrams | None = None,
) -> Fingerprints:
    """Everything that is asked of the texts of a batch.

    Args:
        texts: an Arrow array of strings, chunked or not.
        duplicates: which kind is looked for.
        similarity: from which on documents are near duplicates.
        evaluation: the runs to be kept out.
    """
    import pyarrow as pa

    if isinstance(texts, pa.ChunkedArray):
        texts = pa.concat_arrays(texts.cast(pa.large_string()).chunks)
    none = np.zeros(0, dtype=np.int64)
    hits = Hits(none, none, none, none)
    shared: tuple[str, ...] = ()
    if evaluation is not None:
        hits = find_hits(texts, evaluation)
        shared = tuple(
            shared_run(texts[document].as_py() or "", at, evaluation.n)
            for document, at in zip(hits.documents.tolist(), hits.at.tolist(), strict=True)
        )
    near = signatures(texts) if duplicates == "near" else None
    return Fingerprints(
        content_hashes(texts) if duplicates == "exact" else None,
        near,
        None if near is None else band_hashes(near, similarity),
        hits,
        shared,
    )
