"""Chosen text files, copied; an added column stands in a file of JSON beside each."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import Any

import numpy as np
from jaxtyping import Int64

from dataselect.corpus.places import open_to_read
from dataselect.corpus.rewriting import Rewriting
from dataselect.corpus.sources import CorpusFile, Source
from dataselect.corpus.streams import BLOCK

__all__ = ["write_text_file"]


def write_text_file(
    source: Source,
    file: CorpusFile,
    rows: Int64[np.ndarray, " rows"],
    stream: Any,
    change: Rewriting,
) -> str:
    """Copy a file, or write its edited text; return its SHA-256."""
    found = hashlib.sha256()
    whole = bytearray()
    with closing(open_to_read(file.address)) as opened:
        while block := opened.read(BLOCK):
            found.update(block)
            if change.edit is None:
                stream.write(block)
            else:
                whole += block
    if change.edit is not None:
        import pyarrow as pa

        text = whole.decode("utf-8-sig", "replace" if change.options.lossy else "strict")
        edited = change.edit(pa.array([text], pa.string()))[0].as_py() or ""
        stream.write(edited.encode())
    return found.hexdigest()
