"""One batch of token ids, drawn the same way on any machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.tokens.documents import read_documents
from nasproxy.tokens.words import CLS, PADDING, SEP, WordVocabulary

__all__ = ["RANDOM", "load_tokens", "random_tokens", "text_tokens"]

RANDOM = "random"


def load_tokens(
    source: str | Path, *, size: int, length: int, vocabulary: int, seed: int = 0
) -> Batch:
    """``random_tokens`` for the source "random", else ``text_tokens`` of that file."""
    if str(source) == RANDOM:
        return random_tokens(size=size, length=length, vocabulary=vocabulary, seed=seed)
    return text_tokens(Path(source), size=size, length=length, vocabulary=vocabulary, seed=seed)


def random_tokens(*, size: int, length: int, vocabulary: int, seed: int = 0) -> Batch:
    """Token ids uniform over a vocabulary, ``input_ids`` int64 ``[size, length]``, no labels.

    Args:
        size: how many sequences, 1 or more.
        length: tokens of each, 1 or more.
        vocabulary: ids go from 0 to one less, 1 or more.
        seed: of the draw, 0 or more.

    Raises:
        NasproxyError: an argument out of range.
    """
    _check(size, length, vocabulary, seed)
    ids = np.random.default_rng(seed).integers(vocabulary, size=(size, length))
    return Batch({"input_ids": torch.from_numpy(ids)}, source=f"random tokens, {size} x {length}")


def text_tokens(path: Path, *, size: int, length: int, vocabulary: int, seed: int = 0) -> Batch:
    """Random documents as token ids: words, the more frequent the lower the id.

    A random initial network knows no token from another, so what a tokeniser has to give it is the
    frequencies of tokens, their repetition and the lengths of documents; words do, without the
    vocabulary of a trained model. Each sequence is ``[CLS]`` (id 101), words, ``[SEP]`` (102), cut
    to the length or padded with 0, which ``attention_mask`` excludes. Words beyond the vocabulary
    are ``[UNK]`` (100).

    Args:
        path: .parquet or .jsonl with a column ``text``, or .txt with a document a line.
        size: how many documents.
        length: tokens of each, 3 or more.
        vocabulary: of the network, more than 1,000.
        seed: of the draw; the vocabulary does not depend on it.

    Returns:
        ``input_ids`` and ``attention_mask``, int64 ``[size, length]``, no labels.

    Raises:
        NasproxyError: the file is absent or malformed or has fewer documents, or an argument is out
            of range.
    """
    _check(size, length, vocabulary, seed)
    if length < 3:
        raise NasproxyError(f"{length} tokens a document", accepted="3 or more")
    documents = read_documents(path)
    if size > len(documents):
        raise NasproxyError(
            f"a batch of {size} is larger than {path}, which has {len(documents):,} "
            + ("document" if len(documents) == 1 else "documents"),
            accepted=f"1 to {len(documents):,}" if len(documents) > 1 else "1",
        )
    words = WordVocabulary.of(documents, vocabulary)
    chosen = np.random.default_rng(seed).permutation(len(documents))[:size]
    ids = np.full((size, length), PADDING, dtype=np.int64)
    for row, document in enumerate(chosen):
        encoded = [CLS, *words.encode(documents[document], length - 2), SEP]
        ids[row, : len(encoded)] = encoded
    inputs = {
        "input_ids": torch.from_numpy(ids),
        "attention_mask": torch.from_numpy((ids != PADDING).astype(np.int64)),
    }
    return Batch(inputs, source=f"{path.name}, {size} x {length} tokens")


def _check(size: int, length: int, vocabulary: int, seed: int) -> None:
    for name, value, least in (
        ("batch size", size, 1),
        ("length", length, 1),
        ("vocabulary", vocabulary, 1),
        ("seed", seed, 0),
    ):
        if value < least:
            raise NasproxyError(f"{name} is {value}", accepted=f"a whole number from {least}")
