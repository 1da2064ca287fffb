"""One number, or a few, a document, on disk: written and read in runs, never held whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from zerocost.files import disk_full

__all__ = ["DiskColumn"]


class DiskColumn:
    """A column of a table of known length in a file of its own, zeros where nothing is written.

    Args:
        path: made where it does not exist.
        dtype: of a number.
        documents: rows.
        width: numbers a document; a column of width 1 is read as a vector.
    """

    def __init__(self, path: Path, dtype: Any, documents: int, width: int = 1) -> None:
        self.path = path
        self.dtype = np.dtype(dtype)
        self.documents = documents
        self.width = width
        self._row = self.dtype.itemsize * width
        if not path.exists():
            path.touch()
        if path.stat().st_size != documents * self._row:
            os.truncate(path, documents * self._row)

    def write(self, start: int, values: Shaped[np.ndarray, "..."]) -> None:
        """Put values in the place of those from a document on.

        Raises:
            ZerocostError: the disk is full.
        """
        try:
            with self.path.open("r+b", buffering=0) as stream:
                stream.seek(start * self._row)
                stream.write(np.ascontiguousarray(values, dtype=self.dtype).tobytes())
        except OSError as cause:
            raise disk_full(self.path, cause) or cause from cause

    def read(self, start: int, stop: int) -> Shaped[np.ndarray, "..."]:
        """The values of some documents that follow one another; the caller's own to change."""
        count = (stop - start) * self.width
        found = np.fromfile(self.path, self.dtype, count, offset=start * self._row)
        return found if self.width == 1 else found.reshape(-1, self.width)

    def mapped(self) -> Shaped[np.ndarray, "..."]:
        """All values, read from disk as they are looked at."""
        shape: Sequence[int] = (self.documents,)
        if self.width > 1:
            shape = (self.documents, self.width)
        if not self.documents:
            return np.zeros(shape, self.dtype)
        return np.memmap(self.path, self.dtype, "r", shape=tuple(shape))
