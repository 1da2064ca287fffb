"""fastText classifiers in ``.bin`` files, as DCLM's, through the package fasttext-predict."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from dataselect.errors import DataselectError
from dataselect.scorers.scorer import Column
from zerocost.files import sha256_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FastTextRater", "fasttext_rater"]

_MAGIC, _NEWEST = 793712314, 12
_SUPERVISED, _LABEL = 3, 1
_PREFIX = "__label__"
_MOST_COLUMNS = 20
_BATCH = 500
_ACCEPTED = "a supervised model that fastText saved (.bin, .ftz)"


@dataclass(frozen=True)
class FastTextRater:
    """The probabilities that a fastText classifier gives to its labels.

    Lines are joined by spaces, as DCLM does.

    Attributes:
        path: of the model.
        labels: whose probabilities are columns, as they stand in the file.
    """

    path: Path
    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        """The folder of its columns in a score table."""
        return f"rater_{_plain(self.path.stem)}"

    @property
    def columns(self) -> tuple[Column, ...]:
        """One column a label: MODEL_LABEL."""
        stem = _plain(self.path.stem)
        return tuple(
            Column(
                f"{stem}_{_plain(label.removeprefix(_PREFIX))}", "float64", "probability", 0.0, 1.0,
                0, f"the probability of {label} by the fastText classifier {self.path.name}",
                "Joulin et al. 2016, arXiv 1607.01759",
            )
            for label in self.labels
        )  # fmt: skip

    @cached_property
    def fingerprint(self) -> str:
        """The content of the file."""
        return sha256_of(self.path)[:16]

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The probabilities of a batch; null where the text is null or no word of it is known."""
        import pyarrow as pa

        model = _loaded(str(self.path))
        text = batch.column("text").cast(pa.large_string()).cast(pa.large_binary())
        place = {label: k for k, label in enumerate(self.labels)}
        found = np.full((len(text), len(self.labels)), np.nan)
        for first in range(0, len(text), _BATCH):
            for row, raw in enumerate(text.slice(first, _BATCH).to_pylist(), first):
                if raw is None:
                    continue
                line = " ".join(raw.decode("utf-8", "replace").split("\n"))
                for label, probability in zip(*model.predict(line, k=-1), strict=True):
                    if label in place:
                        found[row, place[label]] = min(max(probability, 0.0), 1.0)
        arrays = [pa.array(column, mask=np.isnan(column)) for column in found.T]
        return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in self.columns])


def fasttext_rater(path: Path, label: str | None = None) -> FastTextRater:
    """A rater of a fastText classifier.

    Args:
        path: of the model.
        label: the one label wanted, with or without ``__label__``; all where None.

    Raises:
        DataselectError: the file cannot be read, is no classifier, or lacks the label; or it has
            more than 20 labels and none is chosen.
    """
    labels = _labels_of(path)
    _loaded(str(path))
    if label is None:
        if len(labels) > _MOST_COLUMNS:
            raise DataselectError(
                f"{path} has {len(labels)} labels, too many for a column each",
                accepted=f"up to {_MOST_COLUMNS} labels, or one that is named",
                hint=f"rater:{path}#{labels[0].removeprefix(_PREFIX)}",
            )
        return FastTextRater(path, labels)
    for each in labels:
        if label in (each, each.removeprefix(_PREFIX)):
            return FastTextRater(path, (each,))
    raise DataselectError(
        f"{path} has no label {label!r}",
        accepted=", ".join(each.removeprefix(_PREFIX) for each in labels[:_MOST_COLUMNS]),
    )


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)


@lru_cache(maxsize=4)
def _labels_of(path: Path) -> tuple[str, ...]:
    """The labels of a model, in the order of the file; fasttext-predict does not tell them."""
    try:
        with path.open("rb") as stream:
            return _read_labels(stream, path)
    except OSError as error:
        raise DataselectError(
            f"the rater {str(path)!r} cannot be read: {error.strerror}", accepted=_ACCEPTED
        ) from error
    except (struct.error, UnicodeDecodeError) as error:
        raise DataselectError(
            f"{path} is no whole fastText model: its dictionary ends too early", accepted=_ACCEPTED
        ) from error


def _read_labels(stream: IO[bytes], path: Path) -> tuple[str, ...]:
    head = stream.read(8)
    if len(head) < 8 or struct.unpack("<i", head[:4])[0] != _MAGIC:
        raise DataselectError(f"{path} is no fastText model", accepted=_ACCEPTED)
    version = struct.unpack("<i", head[4:])[0]
    if version > _NEWEST:
        raise DataselectError(
            f"{path} is a fastText model of the newer version {version}",
            accepted=f"up to version {_NEWEST}",
        )
    settings = struct.unpack("<12id", stream.read(56))
    if settings[7] != _SUPERVISED:
        raise DataselectError(
            f"{path} holds word vectors and classifies nothing", accepted=_ACCEPTED
        )
    size, _, many, _, _ = struct.unpack("<iiiqq", stream.read(28))
    labels: list[str] = []
    for _ in range(size):
        entry = bytearray()
        while (byte := stream.read(1)) != b"\0":
            if not byte:
                raise struct.error("the file ends")
            entry += byte
        _, kind = struct.unpack("<qb", stream.read(9))
        if kind == _LABEL:
            labels.append(entry.decode())
    if len(labels) != many or not labels:
        raise struct.error("labels are missing")
    return tuple(labels)


@lru_cache(maxsize=2)
def _loaded(path: str) -> Any:
    try:
        import fasttext
    except ImportError as error:
        raise DataselectError(
            "fastText classifiers need the package fasttext-predict",
            accepted="the extra raters",
            hint="pip install 'zerocost[raters]'",
        ) from error
    try:
        return fasttext.load_model(path)
    except Exception as error:  # the library raises plain exceptions
        raise DataselectError(
            f"{path} cannot be loaded by fastText: {error}", accepted=_ACCEPTED
        ) from error
