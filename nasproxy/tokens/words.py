"""A vocabulary of words by frequency."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from nasproxy.errors import NasproxyError

__all__ = ["CLS", "PADDING", "SEP", "UNKNOWN", "WordVocabulary"]

PADDING, UNKNOWN, CLS, SEP = 0, 100, 101, 102
"""Where BERT's vocabulary has them."""
_FIRST = 1000
_WORD = re.compile(r"\w+|[^\w\s]")
_COUNTED = 5_000


@dataclass(frozen=True)
class WordVocabulary:
    """Lower-case words and signs of punctuation, numbered by falling frequency from 1,000.

    Attributes:
        ids: word -> id.
    """

    ids: Mapping[str, int]

    @classmethod
    def of(cls, documents: Sequence[str], size: int) -> WordVocabulary:
        """The most frequent words of (up to 5,000, evenly spaced) documents; ids below ``size``.

        Raises:
            NasproxyError: there is no room for a word.
        """
        if size <= _FIRST:
            raise NasproxyError(
                f"a vocabulary of {size} has no room for words", accepted=f"more than {_FIRST:,}"
            )
        counts: Counter[str] = Counter()
        for document in documents[:: max(1, len(documents) // _COUNTED)]:
            counts.update(_WORD.findall(document.lower()))
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return cls({word: _FIRST + i for i, word in enumerate(ranked[: size - _FIRST])})

    def encode(self, document: str, limit: int) -> list[int]:
        """The ids of the first words of a document, at most ``limit``."""
        words = islice(_WORD.finditer(document.lower()), limit)
        return [self.ids.get(match.group(), UNKNOWN) for match in words]
