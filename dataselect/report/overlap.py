"""What a recipe's rules reject, alone and together; counts of parts add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

__all__ = ["Overlap", "add_overlap", "no_overlap"]


@dataclass(frozen=True)
class Overlap:
    """How often rules are broken.

    Attributes:
        documents: seen.
        rejected: that break a rule or more.
        together: that break both rules of a pair; on the diagonal, that break the rule.
        alone: that break this rule and no other.
    """

    documents: int
    rejected: int
    together: Int64[np.ndarray, "rules rules"]
    alone: Int64[np.ndarray, " rules"]


def no_overlap(rules: int) -> Overlap:
    """Of no document."""
    return Overlap(0, 0, np.zeros((rules, rules), np.int64), np.zeros(rules, np.int64))


def add_overlap(overlap: Overlap, broken: Bool[np.ndarray, "n rules"]) -> Overlap:
    """With more documents.

    Args:
        broken: which rules each document breaks.
    """
    counts = broken.sum(axis=1)
    whole = broken.astype(np.float64)  # sums of 0 and 1 are exact
    return Overlap(
        overlap.documents + len(broken),
        overlap.rejected + int((counts > 0).sum()),
        overlap.together + (whole.T @ whole).astype(np.int64),
        overlap.alone + broken[counts == 1].sum(axis=0),
    )
