"""The tokenizer of the proxies: byte-level BPE trained on the corpus itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dataselect.errors import DataselectError
from dataselect.weighting.proxies.token_data import END, TokenDocuments

__all__ = ["check_vocabulary", "encode", "open_tokenizer", "train_tokenizer"]

END_TOKEN = "<end>"
_BYTES = 256
_NARROW = 1 << 16


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Any:
    """Train byte-level BPE; token 0 is the end of a document.

    Args:
        texts: what to train on.
        vocabulary: tokens, those of the 256 bytes and the end included; fewer where the texts have
            no more pairs to merge.

    Returns:
        A ``Tokenizer`` of the library tokenizers, whose ``save`` writes tokenizer.json.

    Raises:
        DataselectError: a vocabulary that does not hold every byte, or no library tokenizers.

    Reference: Sennrich, Haddow, Birch, "Neural machine translation of rare words with subword
    units", ACL 2016.
    """
    check_vocabulary(vocabulary)
    library = _library()
    tokenizer = library.Tokenizer(library.models.BPE())
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = library.decoders.ByteLevel()
    trainer = library.trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_TOKEN],
        initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _plain(tokenizer)


def check_vocabulary(vocabulary: int) -> None:
    """DataselectError where a vocabulary does not hold the 256 bytes and the end."""
    if vocabulary <= _BYTES:
        raise DataselectError(
            f"a vocabulary of {vocabulary}", accepted=f"more than {_BYTES}; 2048 is usual here"
        )


def open_tokenizer(path: Path) -> Any:
    """Read a tokenizer.json; its token 0 is taken as the end of a document.

    Raises:
        DataselectError: no such file, or none that the library can read.
    """
    library = _library()
    try:
        return _plain(library.Tokenizer.from_str(path.read_text(encoding="utf-8")))
    except Exception as cause:  # the library raises plain exceptions
        raise DataselectError(
            f"{path} is not a tokenizer: {cause}",
            accepted="a tokenizer.json of the library tokenizers",
            hint="leave --tokenizer out to have one trained on the corpus",
        ) from cause


def encode(tokenizer: Any, texts: Sequence[str]) -> TokenDocuments:
    """Documents as tokens, the end behind each; special tokens in a text are text."""
    found = [
        np.array([*encoded.ids, END], dtype=np.int64)
        for encoded in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    ]
    kind = np.uint16 if tokenizer.get_vocab_size() <= _NARROW else np.uint32
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in found])]).astype(np.int64)
    return TokenDocuments(np.concatenate([*found, np.zeros(0)]).astype(kind), offsets)


def _plain(tokenizer: Any) -> Any:
    """The same, reading the name of a special token in a text as the letters that it is."""
    tokenizer.encode_special_tokens = True  # not kept in tokenizer.json
    return tokenizer


def _library() -> Any:
    try:
        import tokenizers
    except ImportError as cause:
        raise DataselectError(
            "proxies read text as tokens, which needs the library tokenizers",
            accepted="the extra weighting",
            hint="pip install 'zerocost[weighting]'",
        ) from cause
    return tokenizers
