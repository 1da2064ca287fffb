"""Documents as pieces that a model can read, and batches of pieces of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Any

import numpy as np
from jaxtyping import Int64

from dataselect.scorers.hf.published import Published

__all__ = ["Chunk", "batches_by_length", "chunks_of", "padded"]

_CHARACTERS = 64  # a token has fewer, over many of them


@dataclass(frozen=True)
class Chunk:
    """A piece of a document.

    Attributes:
        document: its number.
        ids: of its tokens, special ones included.
        tokens: without special ones.
    """

    document: int
    ids: Int64[np.ndarray, " tokens"]
    tokens: int


def chunks_of(tokenizer: Any, texts: Sequence[str], reading: Published, limit: int) -> list[Chunk]:
    """The pieces of documents that a rater reads, in order; none of what has no token.

    Args:
        tokenizer: a fast one.
        texts: of the documents.
        reading: which of the pieces, and with which tokens.
        limit: tokens in a piece at the most.
    """
    if not texts:
        return []
    if reading.long == "beginning":
        texts = [text[: _CHARACTERS * limit] for text in texts]
    encoded = tokenizer(
        list(texts),
        add_special_tokens=reading.special,
        truncation=True,
        max_length=limit,
        return_overflowing_tokens=True,
        return_special_tokens_mask=True,
        return_attention_mask=False,
    )
    owners = encoded["overflow_to_sample_mapping"]
    found: list[Chunk] = []
    last = -1
    for owner, ids, special in zip(
        owners, encoded["input_ids"], encoded["special_tokens_mask"], strict=True
    ):
        if owner == last and reading.long == "beginning":
            continue
        last = owner
        tokens = len(ids) - sum(special)
        if tokens:
            found.append(Chunk(owner, np.array(ids, np.int64), tokens))
    return found


def batches_by_length(
    chunks: Sequence[Chunk], tokens: int, *, apart: bool = False
) -> Iterator[list[int]]:
    """The numbers of the pieces in batches of like length, the longest first.

    Args:
        chunks: all pieces.
        tokens: how many a batch holds, padding included; a batch has one piece at least.
        apart: whether a batch holds pieces of one length and one document only: then nothing is
            padded, and no bit of a document's score depends on which others are there.
    """
    order = sorted(range(len(chunks)), key=lambda k: (-len(chunks[k].ids), k))
    first = 0
    while first < len(order):
        head = chunks[order[first]]
        last = min(len(order), first + max(1, tokens // len(head.ids)))
        batch = order[first:last]
        if apart:
            batch = list(takewhile(partial(_alike, chunks, head), batch))
        yield batch
        first += len(batch)


def _alike(chunks: Sequence[Chunk], other: Chunk, k: int) -> bool:
    chunk = chunks[k]
    return chunk.document == other.document and len(chunk.ids) == len(other.ids)


def padded(
    chunks: Sequence[Chunk], padding: int
) -> tuple[Int64[np.ndarray, "pieces tokens"], Int64[np.ndarray, "pieces tokens"]]:
    """Token ids filled up behind, and 1 where there is a token."""
    longest = max(len(chunk.ids) for chunk in chunks)
    ids = np.full((len(chunks), longest), padding, np.int64)
    mask = np.zeros((len(chunks), longest), np.int64)
    for k, chunk in enumerate(chunks):
        ids[k, : len(chunk.ids)] = chunk.ids
        mask[k, : len(chunk.ids)] = 1
    return ids, mask
