"""How many tokens each document has, by a tokenizer of the user's."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataselect.errors import DataselectError
from dataselect.scorers.scorer import Column

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TokenCount"]

_BATCH = 1000  # documents that are Python text at a time


@dataclass(frozen=True)
class TokenCount:
    """Tokens of each document, counted by the tokenizer of a file (--tokenizer tokenizer.json).

    Special tokens are not added: a budget counts the tokens of the text.

    Attributes:
        tokenizer: a ``tokenizer.json`` of the library tokenizers.
    """

    tokenizer: str | Path
    name: str = field(default="tokens", init=False)

    @property
    def columns(self) -> tuple[Column, ...]:
        """One column, ``tokens``."""
        definition = f"tokens of the text by {Path(self.tokenizer).name}, without special tokens"
        return (Column("tokens", "int64", "tokens", 0.0, math.inf, 0, definition, "tokenizers"),)

    @cached_property
    def fingerprint(self) -> str:
        """The content of the tokenizer's file."""
        return hashlib.sha256(_read(Path(self.tokenizer))).hexdigest()[:16]

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The tokens of each document of a batch; null where the text is null."""
        import pyarrow as pa

        tokenizer = _loaded(str(self.tokenizer))
        text = batch.column("text")
        counts: list[int | None] = []
        for first in range(0, len(text), _BATCH):
            part = _texts(text.slice(first, _BATCH))
            known = [document for document in part if document is not None]
            encoded = iter(tokenizer.encode_batch_fast(known, add_special_tokens=False))
            counts += [None if document is None else len(next(encoded)) for document in part]
        return pa.RecordBatch.from_arrays([pa.array(counts, pa.int64())], names=["tokens"])


def _texts(column: pa.Array[Any]) -> list[str | None]:
    import pyarrow as pa

    raw = column.cast(pa.large_string()).cast(pa.large_binary()).to_pylist()
    return [None if text is None else text.decode("utf-8", "replace") for text in raw]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataselectError(
            f"the tokenizer {str(path)!r} cannot be read: {error.strerror}",
            accepted="a tokenizer.json of the library tokenizers",
            hint="a model on the Hugging Face hub has one; download it first",
        ) from error


@lru_cache(maxsize=4)
def _loaded(path: str) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise DataselectError(
            "counting tokens needs the library tokenizers",
            accepted="the extra raters",
            hint="pip install 'zerocost[raters]'; without, tokens_estimate is an estimate",
        ) from error
    try:
        return Tokenizer.from_buffer(_read(Path(path)))
    except DataselectError:
        raise
    except Exception as error:  # the library raises plain exceptions
        raise DataselectError(
            f"{path!r} is not a tokenizer: {error}",
            accepted="a tokenizer.json of the library tokenizers",
        ) from error
