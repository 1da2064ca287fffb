"""One pass over the texts: what duplicates and evaluation sets are found by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Int64, UInt32, UInt64

from dataselect.selection.contamination import Hits, Ngrams, find_hits, shared_run
from dataselect.selection.copies import Held
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
    held: Held | None = None,
) -> Fingerprints:
    """Everything that is asked of the texts of a batch.

    Args:
        texts: an Arrow array of strings, chunked or not.
        duplicates: which kind is looked for.
        similarity: from which on documents are near duplicates.
        evaluation: the runs to be kept out.
        held: documents whose near copies are kept out, too; a hit that shares no run.
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
    near = signatures(texts) if duplicates == "near" or held is not None else None
    if held is not None and near is not None:
        hits, shared = _with_copies(hits, shared, held.copied(near))
        near = near if duplicates == "near" else None
    return Fingerprints(
        content_hashes(texts) if duplicates == "exact" else None,
        near,
        None if near is None else band_hashes(near, similarity),
        hits,
        shared,
    )


def _with_copies(
    hits: Hits, shared: tuple[str, ...], copied: Int64[np.ndarray, " n"]
) -> tuple[Hits, tuple[str, ...]]:
    """The hits, and the near copies that share no run, in the order of the documents."""
    more = np.setdiff1d(np.flatnonzero(copied >= 0), hits.documents)
    documents = np.concatenate([hits.documents, more])
    order = np.argsort(documents, kind="stable")
    nothing = np.zeros(len(more), dtype=np.int64)
    joined = Hits(
        documents[order],
        np.concatenate([hits.evaluation, copied[more]])[order],
        np.concatenate([hits.runs, nothing])[order],
        np.concatenate([hits.at, nothing])[order],
    )
    texts = [*shared, *[""] * len(more)]
    return joined, tuple(texts[at] for at in order.tolist())
