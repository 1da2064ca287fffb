"""Documents as tokens: what every proxy is trained on, and what it is validated on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, Integer

from dataselect.errors import DataselectError
from zerocost.files import whole_file, write_json

__all__ = ["END", "TokenData", "TokenDocuments", "documents_of", "open_array", "write_array"]

END = 0
"""The token behind every document; what comes before the first word of one, too."""

_NARROW = 1 << 16


@dataclass(frozen=True)
class TokenDocuments:
    """Documents one after the other.

    Attributes:
        tokens: of all of them, below the vocabulary; the last of each document is `END`. May be
            mapped from disk.
        offsets: where each begins, and the end of the last.
    """

    tokens: Integer[np.ndarray, " tokens"]
    offsets: Int64[np.ndarray, " documents_and_one"]

    @property
    def lengths(self) -> Int64[np.ndarray, " documents"]:
        """Tokens of each, the end included: what it costs of a budget."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def joined(self, documents: Int64[np.ndarray, " chosen"]) -> Int64[np.ndarray, " tokens_there"]:
        """The tokens of some documents, in the order given."""
        places = zip(self.offsets[documents], self.offsets[documents + 1], strict=True)
        pieces = [self.tokens[start:end] for start, end in places]
        return np.concatenate(pieces or [np.zeros(0)]).astype(np.int64)

    def first(self, most: int) -> TokenDocuments:
        """The longest beginning of at most so many tokens, and one document at least."""
        documents = max(1, int(np.searchsorted(self.offsets, most, side="right")) - 1)
        documents = min(documents, len(self))
        return TokenDocuments(self.tokens[: self.offsets[documents]], self.offsets[: documents + 1])


@dataclass(frozen=True)
class TokenData:
    """Candidates for selection and the sets that losses are measured on.

    Attributes:
        candidates: what a selection chooses from.
        validation: the sets by name; none of their documents is a candidate.
        vocabulary: how many different tokens there may be.
    """

    candidates: TokenDocuments
    validation: Mapping[str, TokenDocuments]
    vocabulary: int

    def save(self, folder: Path) -> None:
        """Write it; `open` reads it without taking memory."""
        names = list(self.validation)
        for name, found in [("candidates", self.candidates), *enumerate(self.validation.values())]:
            write_array(folder / f"{name}.tokens.npy", found.tokens)
            write_array(folder / f"{name}.offsets.npy", found.offsets)
        about = {"vocabulary": self.vocabulary, "validation": names}
        write_json(folder / "tokens.json", about, overwrite=True)

    @classmethod
    def open(cls, folder: Path) -> TokenData:
        """Read what `save` wrote; tokens stay on disk until they are used."""
        about = json.loads((folder / "tokens.json").read_text(encoding="utf-8"))
        sets = {name: _open(folder, i) for i, name in enumerate(about["validation"])}
        return cls(_open(folder, "candidates"), sets, int(about["vocabulary"]))


def documents_of(encoded: Sequence[Sequence[int]], vocabulary: int) -> TokenDocuments:
    """Documents from their tokens, `END` put behind each.

    Raises:
        DataselectError: a token is not below the vocabulary.
    """
    lengths = np.array([len(own) + 1 for own in encoded], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    kind = np.uint16 if vocabulary <= _NARROW else np.uint32
    tokens = np.zeros(int(offsets[-1]), dtype=np.int64)
    for own, start in zip(encoded, offsets[:-1].tolist(), strict=True):
        tokens[start : start + len(own)] = own
        tokens[start + len(own)] = END
    if len(tokens) and not 0 <= tokens.min() <= tokens.max() < vocabulary:
        raise DataselectError(
            f"there are tokens from {tokens.min()} to {tokens.max()}",
            accepted=f"0 .. {vocabulary - 1}, a vocabulary of {vocabulary:,}",
        )
    return TokenDocuments(tokens.astype(kind), offsets)


def write_array(path: Path, array: Any) -> None:
    """Write an array as .npy, whole, in the place of an earlier one."""
    with whole_file(path, overwrite=True) as partial, partial.open("wb") as stream:
        np.save(stream, np.ascontiguousarray(array), allow_pickle=False)


def open_array(path: Path) -> Any:
    """An array that stays on disk until it is used."""
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _open(folder: Path, name: str | int) -> TokenDocuments:
    offsets = np.array(open_array(folder / f"{name}.offsets.npy"))
    if not offsets[-1]:  # nothing cannot be mapped
        return TokenDocuments(np.zeros(0, dtype=np.uint16), offsets)
    return TokenDocuments(open_array(folder / f"{name}.tokens.npy"), offsets)
