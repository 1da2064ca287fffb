"""The scorer `rater:hf:NAME_OR_FOLDER`."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from dataselect.scorers.hf.checkpoint import (
    checkpoint_config,
    checkpoint_digest,
    checkpoint_folder,
)
from dataselect.scorers.hf.published import Published
from dataselect.scorers.hf.reading import outputs_of, read_outputs, reading_of
from dataselect.scorers.scorer import Column

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["HfRater", "hf_rater"]

_VERSION = "1"


@dataclass(frozen=True)
class HfRater:
    """A classifier of the Hugging Face hub, or of a folder.

    Attributes:
        checkpoint: its name as given.
        folder: where its files are.
        reading: how its outputs become columns.
        outputs: of its head.
    """

    checkpoint: str
    folder: Path
    reading: Published
    outputs: int

    @property
    def name(self) -> str:
        """``rater_`` and the last part of the checkpoint's name."""
        last = re.sub(r"[^A-Za-z0-9._-]+", "_", PurePath(self.checkpoint).name)
        return f"rater_{last}"

    @property
    def columns(self) -> tuple[Column, ...]:
        """What its outputs mean."""
        return self.reading.columns

    @property
    def fingerprint(self) -> str:
        """Of the files of model and tokenizer, and of how outputs are read."""
        about = (_VERSION, repr(self.reading), checkpoint_digest(self.folder))
        return hashlib.sha256(repr(about).encode()).hexdigest()[:16]

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The ratings of a batch; null where a document has no token."""
        import pyarrow as pa

        from dataselect.scorers.hf.chunks import chunks_of
        from dataselect.scorers.hf.running import loaded

        model = loaded(self.folder, self.checkpoint, self.reading, self.outputs)
        texts = _texts(batch.column("text"))
        chunks = chunks_of(model.tokenizer, texts, self.reading, model.limit)
        values = read_outputs(self.reading, model.outputs_for(chunks))
        sums = np.zeros((len(texts), len(self.columns)))
        tokens = np.zeros(len(texts))
        for chunk, value in zip(chunks, values, strict=True):
            sums[chunk.document] += chunk.tokens * value
            tokens[chunk.document] += chunk.tokens
        means = sums / np.maximum(tokens, 1)[:, None]
        empty = (tokens == 0) | ~np.isfinite(means).all(axis=1)
        arrays = [pa.array(np.ascontiguousarray(column), mask=empty) for column in means.T]
        return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in self.columns])


def _texts(column: pa.Array[Any]) -> list[str]:
    """As Python's, with U+FFFD for what is no UTF-8; empty where there is none."""
    import pyarrow as pa

    raw = column.cast(pa.large_string()).cast(pa.large_binary()).to_pylist()
    return ["" if text is None else text.decode("utf-8", "replace") for text in raw]


def hf_rater(name: str) -> HfRater:
    """The rater of a name on the hub or of a folder; its model is loaded when it first scores.

    Args:
        name: OWNER/NAME, or a folder that save_pretrained wrote.

    Raises:
        DataselectError: there is none, the hub cannot be reached, the model is no classifier of
            sequences, its weights are no safetensors, or its head does not fit the published one.
    """
    folder = checkpoint_folder(name)
    config = checkpoint_config(folder, name)
    # A hub name decides by itself, a folder by its own name; snapshots are named by a hash.
    reading = reading_of(name.rstrip("/"), config)
    return HfRater(name, folder.resolve(), reading, outputs_of(config))
