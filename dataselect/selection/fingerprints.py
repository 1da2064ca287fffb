"""One pass over the texts: what duplicates and evaluation sets are found by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Int64, UInt32, UInt64

from dataselect.selection.contamination import Hits, find_hits, shared_run
from dataselect.selection.duplicates import band_hashes, content_hashes, signatures
from dataselect.selection.evaluation import Evaluation
from dataselect.selection.whole_matches import find_whole

__all__ = ["Fingerprints", "fingerprints_of"]


@dataclass(frozen=True)
class Fingerprints:
    """Of the documents of a batch.

    Attributes:
        hashes: of the contents, for exact duplicates.
        signatures: for near ones.
        bands: of the signatures.
        hits: documents that share a run of words with an evaluation set.
        shared: that run, of each hit; empty of a near copy that shares none.
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
    evaluation: Evaluation | None = None,
) -> Fingerprints:
    """Everything that is asked of the texts of a batch.

    Args:
        texts: an Arrow array of strings, chunked or not.
        duplicates: which kind is looked for.
        similarity: from which on documents are near duplicates.
        evaluation: what is to be kept out. A near copy is a hit, even where it shares no run.
    """
    import pyarrow as pa

    if isinstance(texts, pa.ChunkedArray):
        texts = pa.concat_arrays(texts.cast(pa.large_string()).chunks)
    none = np.zeros(0, dtype=np.int64)
    hits = Hits(none, none, none, none)
    shared: tuple[str, ...] = ()
    if evaluation is not None:
        hits = find_hits(texts, evaluation.ngrams)
        lengths = np.full(len(hits.documents), evaluation.ngrams.n)
        shared = _shared(texts, hits, lengths)
        if evaluation.whole is not None:
            whole = find_whole(texts, evaluation.whole)
            words = _shared(texts, whole, evaluation.whole.words[whole.evaluation])
            hits, shared = _with_more(hits, shared, whole, words)
    held = None if evaluation is None else evaluation.held
    near = signatures(texts) if duplicates == "near" or held is not None else None
    if held is not None and near is not None:
        copied = held.copied(near)
        own = np.flatnonzero(copied >= 0)
        nothing = np.zeros(len(own), dtype=np.int64)
        copies = Hits(own, copied[own], nothing, nothing)
        hits, shared = _with_more(hits, shared, copies, ("",) * len(own))
        near = near if duplicates == "near" else None
    return Fingerprints(
        content_hashes(texts) if duplicates == "exact" else None,
        near,
        None if near is None else band_hashes(near, similarity),
        hits,
        shared,
    )


def _shared(texts: Any, hits: Hits, lengths: Int64[np.ndarray, " hits"]) -> tuple[str, ...]:
    """The words of the first run that each hit shares."""
    return tuple(
        shared_run(texts[document].as_py() or "", at, n)
        for document, at, n in zip(
            hits.documents.tolist(), hits.at.tolist(), lengths.tolist(), strict=True
        )
    )


def _with_more(
    hits: Hits, shared: tuple[str, ...], others: Hits, words: tuple[str, ...]
) -> tuple[Hits, tuple[str, ...]]:
    """The hits, with the runs of others, and the others of other documents, in order."""
    documents = np.union1d(hits.documents, others.documents)
    ours, theirs = (np.searchsorted(documents, of.documents) for of in (hits, others))
    runs = np.zeros(len(documents), dtype=np.int64)
    runs[ours] += hits.runs
    runs[theirs] += others.runs
    columns = []
    for one, other in ((others.evaluation, hits.evaluation), (others.at, hits.at)):
        column = np.zeros(len(documents), dtype=np.int64)
        column[theirs], column[ours] = one, other
        columns.append(column)
    texts = dict(zip(theirs.tolist(), words, strict=True))
    texts |= dict(zip(ours.tolist(), shared, strict=True))
    return (
        Hits(documents, columns[0], runs, columns[1]),
        tuple(texts[at] for at in range(len(documents))),
    )
