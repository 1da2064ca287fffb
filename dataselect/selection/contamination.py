"""Documents that share a run of words with an evaluation set: found, named, kept out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8, UInt64

from dataselect.errors import DataselectError
from dataselect.selection.words import NgramHashes, ngram_hashes, normalised_words
from zerocost.compiled import compiled

__all__ = [
    "WORDS",
    "Hits",
    "Ngrams",
    "RunTable",
    "check_length",
    "find_hits",
    "ngrams_of",
    "run_table",
    "shared_run",
    "shared_runs",
]

WORDS = 13


@dataclass(frozen=True)
class RunTable:
    """Hashes of runs of words, for look-up.

    Attributes:
        hashes: a table of 2ᵏ slots with open addressing; 0 is free.
        owners: the first evaluation document with the run.
        filter: a bit for each low part of a hash that occurs; most look-ups end here.
    """

    hashes: UInt64[np.ndarray, " slots"]
    owners: Int64[np.ndarray, " slots"]
    filter: UInt8[np.ndarray, " bytes"]


@dataclass(frozen=True)
class Ngrams:
    """The runs of words of an evaluation set.

    Attributes:
        n: words a run.
        table: of the runs.
        short: how many of the documents have fewer than n words, so that nothing can share a run.
    """

    n: int
    table: RunTable
    short: int


@dataclass(frozen=True)
class Hits:
    """Documents of a batch that share a run.

    Attributes:
        documents: places in the batch, ascending.
        evaluation: for each, the evaluation document of the first run shared.
        runs: how many runs are shared.
        at: which run of the document's is the first shared, from 0.
    """

    documents: Int64[np.ndarray, " hits"]
    evaluation: Int64[np.ndarray, " hits"]
    runs: Int64[np.ndarray, " hits"]
    at: Int64[np.ndarray, " hits"]


def ngrams_of(texts: Sequence[str], n: int = WORDS, *, needed: bool = True) -> Ngrams:
    """The runs of n words of evaluation documents.

    Words are `normalised_words`. 13 is GPT-3's length: long enough that common phrases do not
    count. Benchmarks with questions of fewer words need a shorter run, or `whole_documents`.

    Args:
        texts: the evaluation documents.
        n: words a run, 1 .. 64.
        needed: whether documents without any run are refused.

    Raises:
        DataselectError: n is out of range, or no document has n words.

    Reference: Brown et al., "Language models are few-shot learners", 2020, appendix C.
    """
    import pyarrow as pa

    check_length(n)
    found = ngram_hashes(pa.array(texts, pa.large_string()), n)
    lengths = np.diff(found.offsets)
    if needed and not len(found.hashes):
        raise DataselectError(
            f"no evaluation document of {len(texts):,} has {n} words, so that nothing can be found",
            accepted="documents of at least as many words as are compared",
            hint="a shorter run, as --ngram 8",
        )
    owners = np.repeat(np.arange(len(texts)), lengths)
    return Ngrams(n, run_table(found.hashes, owners), int((lengths == 0).sum()))


def check_length(n: int) -> None:
    """Refuse runs that are too short or too long.

    Raises:
        DataselectError: n is not in 1 .. 64.
    """
    if not 1 <= n <= 64:
        raise DataselectError(f"runs of {n} words", accepted="1 to 64; 13 is usual")


def run_table(found: UInt64[np.ndarray, " runs"], owners: Int64[np.ndarray, " runs"]) -> RunTable:
    """Make runs ready to be looked up; of equal ones the first owner counts."""
    slots = 1 << max(4, int(2 * len(found) - 1).bit_length())
    table = RunTable(
        np.zeros(slots, dtype=np.uint64),
        np.zeros(slots, dtype=np.int64),
        np.zeros(slots, dtype=np.uint8),  # 8 bits a slot
    )
    _insert(found, owners, table.hashes, table.owners, table.filter)
    return table


def shared_runs(
    found: NgramHashes, table: RunTable
) -> tuple[Int64[np.ndarray, " texts"], Int64[np.ndarray, "texts 2"]]:
    """How many runs of each text are in a table; the owner of the first, and which run it is."""
    texts = len(found.offsets) - 1
    runs = np.zeros(texts, dtype=np.int64)
    first = np.full((texts, 2), -1, dtype=np.int64)
    _look_up(found.hashes, found.offsets, table.hashes, table.owners, table.filter, runs, first)
    return runs, first


def find_hits(texts: Any, ngrams: Ngrams) -> Hits:
    """The documents that share a run with an evaluation document.

    Args:
        texts: an Arrow array of strings.

    Complexity: two passes over the bytes' words; a look-up a word.
    """
    runs, first = shared_runs(ngram_hashes(texts, ngrams.n), ngrams.table)
    documents = np.flatnonzero(runs)
    return Hits(documents, first[documents, 0], runs[documents], first[documents, 1])


def shared_run(text: str, at: int, n: int) -> str:
    """The words of a run, as they were compared."""
    return " ".join(normalised_words(text)[at : at + n])


@compiled
def _insert(
    found: UInt64[np.ndarray, " runs"],
    owner: Int64[np.ndarray, " runs"],
    hashes: UInt64[np.ndarray, " slots"],
    owners: Int64[np.ndarray, " slots"],
    bits: UInt8[np.ndarray, " bytes"],
) -> None:
    mask = np.uint64(hashes.shape[0] - 1)
    for i in range(found.shape[0]):
        value = found[i] if found[i] else np.uint64(1)
        low = value & np.uint64(8 * bits.shape[0] - 1)
        bits[low >> np.uint64(3)] |= np.uint8(1) << np.uint8(low & np.uint64(7))
        slot = (value >> np.uint64(20)) & mask
        while hashes[slot] != 0 and hashes[slot] != value:
            slot = (slot + np.uint64(1)) & mask
        if hashes[slot] == 0:
            hashes[slot] = value
            owners[slot] = owner[i]


@compiled
def _look_up(
    found: UInt64[np.ndarray, " runs"],
    offsets: Int64[np.ndarray, " texts_and_one"],
    hashes: UInt64[np.ndarray, " slots"],
    owners: Int64[np.ndarray, " slots"],
    bits: UInt8[np.ndarray, " bytes"],
    runs: Int64[np.ndarray, " texts"],
    first: Int64[np.ndarray, "texts 2"],
) -> None:
    mask = np.uint64(hashes.shape[0] - 1)
    low_mask = np.uint64(8 * bits.shape[0] - 1)
    for text in range(runs.shape[0]):
        for i in range(offsets[text], offsets[text + 1]):
            value = found[i] if found[i] else np.uint64(1)
            low = value & low_mask
            if not (bits[low >> np.uint64(3)] >> np.uint8(low & np.uint64(7))) & np.uint8(1):
                continue
            slot = (value >> np.uint64(20)) & mask
            while hashes[slot] != 0 and hashes[slot] != value:
                slot = (slot + np.uint64(1)) & mask
            if hashes[slot] == value:
                if runs[text] == 0:
                    first[text, 0] = owners[slot]
                    first[text, 1] = i - offsets[text]
                runs[text] += 1
