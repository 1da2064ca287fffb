"""Evaluation documents too short for a run of words: found where a text holds all of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64

from dataselect.selection.contamination import Hits, RunTable, run_table, shared_runs
from dataselect.selection.words import NgramHashes, ngram_hashes, runs_of_words

__all__ = ["WholeDocuments", "find_whole", "whole_documents"]


@dataclass(frozen=True)
class WholeDocuments:
    """Short evaluation documents, for look-up.

    Attributes:
        tables: number of words -> the documents of so many, the most words first.
        words: of every evaluation document, how many.
    """

    tables: dict[int, RunTable]
    words: Int64[np.ndarray, " documents"]


def whole_documents(texts: Sequence[str], least: int, most: int) -> WholeDocuments:
    """The evaluation documents of some numbers of words.

    Args:
        texts: evaluation documents, which are counted from 0.
        least: words; those of fewer are left out. Sentences of two words are everywhere.
        most: words; longer ones are found by their runs.

    Reference: Shao et al., "DeepSeekMath", 2024, section 2.1, which looks for benchmark texts of 3
    to 9 words as a whole, and for others by runs of 10.
    """
    words = _words(texts)
    counts = np.diff(words.offsets)
    tables = {}
    for n in range(most, least - 1, -1):
        own = np.flatnonzero(counts == n)
        if len(own):
            runs = runs_of_words(words, n)
            tables[n] = run_table(runs.hashes[runs.offsets[own]], own)
    return WholeDocuments(tables, counts)


def find_whole(texts: Any, evaluation: WholeDocuments) -> Hits:
    """The documents that hold all words of an evaluation document in a row.

    Args:
        texts: an Arrow array of strings.
        evaluation: of `whole_documents`.

    Returns:
        With the longest evaluation document that each holds, the first of several.

    Complexity: one pass over the bytes; a look-up for each word and number of words.
    """
    words = ngram_hashes(texts, 1)
    runs = np.zeros(len(texts), dtype=np.int64)
    first = np.full((len(texts), 2), -1, dtype=np.int64)
    for n, table in evaluation.tables.items():
        own, found = shared_runs(runs_of_words(words, n), table)
        new = (runs == 0) & (own > 0)
        first[new] = found[new]
        runs += own
    documents: Int64[np.ndarray, " hits"] = np.flatnonzero(runs)
    return Hits(documents, first[documents, 0], runs[documents], first[documents, 1])


def _words(texts: Sequence[str]) -> NgramHashes:
    import pyarrow as pa

    return ngram_hashes(pa.array(list(texts), pa.large_string()), 1)
