"""Near copies of documents that are held out: found by signatures, whatever their length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt32, UInt64

from dataselect.selection.duplicates import band_hashes, signatures

__all__ = ["SIMILARITY", "Held", "held_signatures"]

SIMILARITY = 0.8


@dataclass(frozen=True)
class Held:
    """Signatures of documents that are held out.

    Attributes:
        signatures: one each.
        bands: of the signatures.
        similarity: from which on a document is a near copy.
    """

    signatures: UInt32[np.ndarray, "held permutations"]
    bands: UInt64[np.ndarray, "bands held"]
    similarity: float

    def copied(self, own: UInt32[np.ndarray, "n permutations"]) -> Int64[np.ndarray, " n"]:
        """Of which held document each other one is a near copy: the most similar; -1 of none.

        Args:
            own: `signatures` of the others.
        """
        found = np.full(len(own), -1, dtype=np.int64)
        equal = np.full(len(own), np.ceil(self.similarity * own.shape[1] - 1e-9) - 1)
        theirs = band_hashes(own, self.similarity) if len(own) else self.bands[:, :0]
        for held, hashes in zip(self.bands, theirs, strict=True):
            for at in np.flatnonzero(np.isin(hashes, held)).tolist():
                rivals = np.flatnonzero(held == hashes[at])
                same = (self.signatures[rivals] == own[at]).sum(axis=1)
                best = int(np.argmax(same))
                if same[best] > equal[at]:
                    found[at], equal[at] = rivals[best], same[best]
        return found


def held_signatures(texts: Sequence[str], *, similarity: float = SIMILARITY) -> Held:
    """Make held documents ready to be compared with.

    Args:
        texts: of them.
        similarity: of sets of five-word shingles, as `near_duplicates` has it.
    """
    import pyarrow as pa

    own = signatures(pa.array(list(texts), pa.large_string()))
    return Held(own, band_hashes(own, similarity), similarity)
