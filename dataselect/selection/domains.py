"""Documents by domain, in bounded memory however many domains there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

__all__ = ["MOST", "Count", "DomainCounts"]

MOST = 100_000


@dataclass
class Count:
    """Documents of the corpus, those selected, and the tokens of these."""

    documents: int = 0
    selected: int = 0
    tokens: int = 0

    def add(self, documents: int, selected: int, tokens: int) -> None:
        """Count more of them."""
        self.documents += documents
        self.selected += selected
        self.tokens += tokens


@dataclass
class DomainCounts:
    """Exact counts of the first domains met; where each document has one of its own, that is all.

    Attributes:
        most: domains that are counted apart.
        of: each of these; None for documents without a domain.
        others: documents of all further domains, together.
    """

    most: int = MOST
    of: dict[str | None, Count] = field(default_factory=dict)
    others: Count = field(default_factory=Count)

    def add(
        self,
        domains: Any,
        selected: Bool[np.ndarray, " n"] | None = None,
        tokens: Int64[np.ndarray, " n"] | None = None,
    ) -> None:
        """Count the documents of a part.

        Args:
            domains: a column of an Arrow table.
            selected: which documents are; none where it is None.
            tokens: of each document, at least 0.
        """
        coded = domains.combine_chunks().dictionary_encode(null_encoding="encode")
        codes = coded.indices.to_numpy(zero_copy_only=False)
        if not len(codes):
            return
        names = coded.dictionary.to_pylist()
        everywhere = np.bincount(codes, minlength=len(names))
        own = np.zeros(len(codes), dtype=bool) if selected is None else selected
        chosen = np.bincount(codes[own], minlength=len(names))
        sums = np.zeros(len(names), dtype=np.int64)
        if tokens is not None:
            np.add.at(sums, codes[own], tokens[own])
        counts = (everywhere.tolist(), chosen.tolist(), sums.tolist())
        for name, *numbers in zip(names, *counts, strict=True):
            self._entry(name).add(*numbers)

    def _entry(self, name: str | None) -> Count:
        found = self.of.get(name)
        if found is None:
            if len(self.of) >= self.most:
                return self.others
            found = self.of[name] = Count()
        return found
