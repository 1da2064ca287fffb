"""Documents that say the same: which to leave out, so that the best of each kind stays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64, UInt32, UInt64

from dataselect.errors import DataselectError
from dataselect.selection.words import ngram_hashes
from zerocost.compiled import compiled

__all__ = [
    "PERMUTATIONS",
    "SHINGLE",
    "Banding",
    "Duplicates",
    "band_hashes",
    "banding",
    "content_hashes",
    "exact_duplicates",
    "near_duplicates",
    "signatures",
]

PERMUTATIONS = 128
SHINGLE = 5
RECALL = 0.995
# Candidates of one band that are compared each with each; see `near_duplicates`.
LEADERS = 64


@dataclass(frozen=True)
class Duplicates:
    """Documents to leave out, ascending, each with the better one that it repeats.

    Attributes:
        documents: places in the order that was asked about, from 0.
        of: for each, the document that stays; it is not itself left out.
        similarity: of their sets of shingles, as estimated; 1 for exact duplicates.
    """

    documents: Int64[np.ndarray, " duplicates"]
    of: Int64[np.ndarray, " duplicates"]
    similarity: Float64[np.ndarray, " duplicates"]


@dataclass(frozen=True)
class Banding:
    """How signatures are cut into bands: documents that agree in one band are compared."""

    bands: int
    rows: int


def banding(
    threshold: float, *, permutations: int = PERMUTATIONS, recall: float = RECALL
) -> Banding:
    """The longest bands, hence fewest comparisons, that still find what is asked.

    Two documents of similarity s agree in one of b bands of r values with probability
    1 − (1 − sʳ)ᵇ; r is the largest for which that is at least ``recall`` at the threshold.

    Args:
        threshold: the similarity from which on documents are duplicates; in 0 .. 1, without 0.
        permutations: values a signature.
        recall: the share of pairs at the threshold to be found; of more similar ones more are.

    Raises:
        DataselectError: the threshold is out of range, or too low for so few permutations.

    Reference: Leskovec, Rajaraman, Ullman, "Mining of massive datasets", section 3.4.
    """
    if not 0 < threshold <= 1:
        raise DataselectError(
            f"the similarity of near duplicates is {threshold}",
            accepted="above 0, at most 1; 0.8 is usual",
        )
    fitting = [
        Banding(permutations // rows, rows)
        for rows in range(1, permutations + 1)
        if 1 - (1 - threshold**rows) ** (permutations // rows) >= recall
    ]
    if not fitting:
        raise DataselectError(
            f"{permutations} permutations find fewer than {recall:.1%} of pairs of similarity "
            f"{threshold}",
            accepted="a higher similarity",
        )
    return fitting[-1]


def content_hashes(texts: Any) -> UInt64[np.ndarray, "n 2"]:
    """128 bits of BLAKE2 of each text's UTF-8 bytes: equal only for equal texts, in practice.

    Args:
        texts: an Arrow array of strings; a null is as an empty text.
    """
    digests = b"".join(
        hashlib.blake2b(b"" if text is None else text, digest_size=16).digest()
        for text in _bytes_of(texts)
    )
    return np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2)


def _bytes_of(texts: Any) -> list[bytes | None]:
    import pyarrow as pa

    kind = pa.large_binary() if pa.types.is_large_string(texts.type) else pa.binary()
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        texts, kind = texts.cast(pa.large_string()), pa.large_binary()
    found: list[bytes | None] = texts.cast(kind).to_pylist()
    return found


def signatures(
    texts: Any, *, shingle: int = SHINGLE, permutations: int = PERMUTATIONS, seed: int = 0
) -> UInt32[np.ndarray, "n permutations"]:
    """MinHash signatures of the sets of word n-grams (of rensa).

    The share of equal values in two signatures estimates the Jaccard similarity of the sets, with
    a standard error of at most ½ / √permutations. A text of fewer words than a shingle is one
    shingle; a text without words is the set of its own bytes' hash.

    Args:
        texts: an Arrow array of strings.
        shingle: words an n-gram; words as `normalised_words` has them.
        permutations: values a signature.
        seed: of the permutations.

    Reference: Broder, "On the resemblance and containment of documents", 1997.
    """
    from rensa import RMinHash

    runs = ngram_hashes(texts, shingle, short=True)
    hashes, offsets = runs.hashes, runs.offsets
    empty = np.flatnonzero(np.diff(offsets) == 0)
    if len(empty):
        own = content_hashes(texts.take(empty))[:, 0]
        hashes = np.insert(hashes, offsets[empty], own)
        offsets = offsets + np.concatenate([[0], np.cumsum(np.diff(offsets) == 0)])
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        hashes, offsets.astype(np.uint64), permutations, seed
    )
    flat = np.fromiter(
        chain.from_iterable(matrix.to_rows()), dtype=np.uint32, count=len(texts) * permutations
    )
    return flat.reshape(len(texts), permutations)


def exact_duplicates(
    hashes: UInt64[np.ndarray, "n 2"],
    scores: Float64[np.ndarray, " n"],
    *,
    slice_rows: int = 1 << 24,
) -> Duplicates:
    """All but the best-scored document of each content; of equally good ones the first stays.

    Args:
        hashes: of the contents; may be mapped from disk.
        scores: more being better; a document whose score is NaN is no candidate: it is neither
            left out nor does it displace another.
        slice_rows: about how many hashes are looked at in one go; memory is some 60 bytes each.

    Complexity: O(n log n) time; a pass over ``hashes`` for each slice.
    """
    slices = max(1, -(-len(hashes) // slice_rows))
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for own in range(slices):
        rows = _slice(hashes[:, 0], own, slices)
        rows = rows[~np.isnan(scores[rows])]
        order = rows[np.lexsort((rows, -scores[rows], hashes[rows, 1], hashes[rows, 0]))]
        same = np.zeros(len(order), dtype=bool)
        same[1:] = (hashes[order[1:]] == hashes[order[:-1]]).all(axis=1)
        leader = order[np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))]
        found.append((order[same], leader[same]))
    documents = np.concatenate([mine for mine, _ in found]).astype(np.int64)
    of = np.concatenate([leaders for _, leaders in found]).astype(np.int64)
    order = np.argsort(documents)
    return Duplicates(documents[order], of[order], np.ones(len(order)))


def _slice(hashes: UInt64[np.ndarray, " n"], own: int, slices: int) -> Int64[np.ndarray, " rows"]:
    """The places of the hashes that belong to one slice."""
    if slices == 1:
        return np.arange(len(hashes))
    # Multiplying spreads hashes that share their high or low bits.
    spread = (hashes * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(33)
    return np.flatnonzero(spread % np.uint64(slices) == own)


def near_duplicates(
    own: UInt32[np.ndarray, "n permutations"],
    scores: Float64[np.ndarray, " n"],
    *,
    threshold: float = 0.8,
    bands: UInt64[np.ndarray, "bands n"] | None = None,
    slice_rows: int = 1 << 24,
) -> Duplicates:
    """Documents that are similar to a better one that stays.

    Documents are gone through from the best-scored on (of equally good ones the first first);
    each is left out where its estimated similarity to one that stays reaches the threshold. So no
    two that stay are found similar, and each that is left out names its nearest of those that
    made it go. Not transitive: of a chain A, B, C in which only neighbours are similar, A and C
    stay.

    Compared are documents that agree in a band of their signatures. Where more than 64 agree,
    each is compared with the 64 best of them and with the one before it, which bounds the work
    where thousands share a template.

    Args:
        own: signatures; may be mapped from disk.
        scores: as for `exact_duplicates`.
        threshold: the similarity from which on documents are duplicates.
        bands: `band_hashes` of the signatures, where they are known.
        slice_rows: about how many documents' bands are looked at in one go.

    Complexity: a pass over each band's hashes for each slice; memory is some 40 bytes a document
    and a row for each pair found.
    """
    rank = np.empty(len(scores), dtype=np.int64)  # 0 is the best; no candidate is last
    rank[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    same = _same_signature(own, scores, slice_rows)
    apart = ~np.isnan(scores)
    apart[same.documents] = False
    slices = max(1, -(-len(own) // slice_rows))
    need = int(np.ceil(threshold * own.shape[1] - 1e-9))
    pairs = [np.zeros((0, 3), dtype=np.int64)]
    for hashes in band_hashes(own, threshold) if bands is None else bands:
        for part in range(slices):
            rows = _slice(hashes, part, slices)
            rows = rows[apart[rows]]
            order = rows[np.lexsort((rank[rows], hashes[rows]))]
            found = _compare(own, hashes[order], order, need)
            if len(found):
                pairs.append(found)
    return _greedy(np.concatenate(pairs), rank, own.shape[1], same)


def _same_signature(
    own: UInt32[np.ndarray, "n permutations"], scores: Float64[np.ndarray, " n"], rows: int
) -> Duplicates:
    """Documents whose signature a better one has too: no need to compare each with each."""
    hashes = np.zeros((len(own), 2), dtype=np.uint64)
    for start in range(0, len(own), rows):
        stop = min(start + rows, len(own))
        for half in range(2):
            hashes[start:stop, half] = band_hashes(own[start:stop, half::2], 1.0)[0]
    return exact_duplicates(hashes, scores, slice_rows=rows)


def band_hashes(
    own: UInt32[np.ndarray, "n permutations"], threshold: float
) -> UInt64[np.ndarray, "bands n"]:
    """A hash of each band of each signature, cut as `banding` says."""
    cut = banding(threshold, permutations=own.shape[1])
    found = np.zeros((cut.bands, len(own)), dtype=np.uint64)
    for band in range(cut.bands):
        for column in range(band * cut.rows, (band + 1) * cut.rows):
            found[band] = (found[band] ^ own[:, column]) * np.uint64(0x9E3779B97F4A7C15)
            found[band] ^= found[band] >> np.uint64(29)
    return found


def _compare(
    own: UInt32[np.ndarray, "n permutations"],
    hashes: UInt64[np.ndarray, " rows"],
    order: Int64[np.ndarray, " rows"],
    need: int,
) -> Int64[np.ndarray, "pairs 3"]:
    """Pairs (better, worse, equal values) of the documents that share a band hash."""
    shared = np.zeros(len(order), dtype=bool)
    shared[1:] = hashes[1:] == hashes[:-1]
    shared[:-1] |= shared[1:]
    if not shared.any():
        return np.zeros((0, 3), dtype=np.int64)
    rows = order[shared]
    return _similar_pairs(own[rows], hashes[shared], rows, need, LEADERS)


@compiled
def _similar_pairs(
    values: UInt32[np.ndarray, "rows permutations"],
    hashes: UInt64[np.ndarray, " rows"],
    rows: Int64[np.ndarray, " rows"],
    need: int,
    leaders: int,
) -> Int64[np.ndarray, "pairs 3"]:
    found = np.empty((1024, 3), dtype=np.int64)
    count = 0
    begin = 0
    for i in range(rows.shape[0]):
        if i and hashes[i] != hashes[i - 1]:
            begin = i
        for j in range(begin, i):
            if j - begin >= leaders and j < i - 1:
                continue
            equal = 0
            for p in range(values.shape[1]):
                equal += values[i, p] == values[j, p]
            if equal >= need:
                if count == found.shape[0]:
                    more = np.empty((2 * count, 3), dtype=np.int64)
                    more[:count] = found
                    found = more
                found[count, 0] = rows[j]
                found[count, 1] = rows[i]
                found[count, 2] = equal
                count += 1
    return found[:count].copy()


def _greedy(
    pairs: Int64[np.ndarray, "pairs 3"],
    rank: Int64[np.ndarray, " n"],
    permutations: int,
    same: Duplicates,
) -> Duplicates:
    """From the best on, leave out what is similar to one that stays, then what is equal to it."""
    _, once = np.unique(pairs[:, 0] * len(rank) + pairs[:, 1], return_index=True)
    pairs = pairs[once]
    order = pairs[np.lexsort((rank[pairs[:, 0]], rank[pairs[:, 1]]))]
    gone: dict[int, tuple[int, int]] = {}
    # Sorted by the worse document: when its pairs come, all better ones are decided.
    for better, worse, equal in order.tolist():
        if better not in gone and (worse not in gone or gone[worse][1] < equal):
            gone[worse] = (better, equal)
    for document, leader in zip(same.documents.tolist(), same.of.tolist(), strict=True):
        gone[document] = gone.get(leader, (leader, permutations))
    documents = np.array(sorted(gone), dtype=np.int64)
    of = np.array([gone[d][0] for d in documents.tolist()], dtype=np.int64)
    equal = np.array([gone[d][1] for d in documents.tolist()], dtype=np.int64)
    return Duplicates(documents, of, equal / permutations)
