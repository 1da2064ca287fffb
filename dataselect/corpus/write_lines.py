"""Chosen lines of JSON, byte for byte as they were read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
from jaxtyping import Int64

from dataselect.corpus.lines import cut_lines
from dataselect.corpus.parts import RawPart, SourceEnd
from dataselect.corpus.rewriting import Rewriting, repaired_line, rewritten_line
from dataselect.corpus.sources import Codec, CorpusFile, Source

__all__ = ["write_lines"]

_NEWLINE = ord("\n")
_GZIP_LEVEL = 6


def write_lines(
    source: Source,
    file: CorpusFile,
    rows: Int64[np.ndarray, " rows"],
    stream: Any,
    change: Rewriting,
) -> str:
    """Write the lines of some rows, compressed as the source is; return the source's SHA-256."""
    sha256 = ""
    with _compressed(stream, source.codec) as out:
        for part in cut_lines(source, change.options):
            if isinstance(part, SourceEnd):
                sha256 = part.sha256[0]
                continue
            ends = np.searchsorted(rows, [part.first_row, part.first_row + part.rows])
            chosen = rows[ends[0] : ends[1]]
            if len(chosen):
                for piece in _pieces(part, chosen, change):
                    out.write(piece)
    return sha256


def _pieces(
    part: RawPart,
    rows: Int64[np.ndarray, " rows"],
    change: Rewriting,
) -> Iterator[bytes | memoryview]:
    content = cast(bytes, part.content)
    ends = np.flatnonzero(np.frombuffer(content, np.uint8) == _NEWLINE) + 1
    if not content.endswith(b"\n"):
        ends = np.append(ends, len(content))
    starts = np.concatenate([[0], ends[:-1]])
    at = rows - part.first_row
    view = memoryview(content)
    if not change.changes_lines:
        # Lines that follow one another are one piece.
        breaks = np.flatnonzero(np.diff(at) != 1) + 1
        for run in np.split(at, breaks):
            yield view[starts[run[0]] : ends[run[-1]]]
        if not content.endswith(b"\n") and at[-1] == len(ends) - 1:
            yield b"\n"
        return
    lines = [bytes(view[starts[i] : ends[i]]).strip(b" \t\r\n") for i in at.tolist()]
    if change.options.lossy:
        lines = [repaired_line(line) for line in lines]
    texts: list[str | None] = [None] * len(lines)
    if change.edit is not None:
        texts = change.edit(_texts(lines, change.options.text)).to_pylist()
    added: list[tuple[str, Any] | None] = [None] * len(lines)
    if change.added is not None:
        values = change.added.values(part.source.address, rows.tolist())
        added = [(change.added.name, value) for value in values]
    for line, text, more in zip(lines, texts, added, strict=True):
        yield rewritten_line(line, change.options, text, more) + b"\n"


def _texts(lines: list[bytes], field: str) -> Any:
    import pyarrow as pa

    return pa.array([json.loads(line, strict=False)[field] for line in lines], pa.string())


@contextmanager
def _compressed(stream: Any, codec: Codec | None) -> Iterator[Any]:
    """A stream that compresses; the same bytes for the same content, whenever and wherever."""
    if codec is None:
        yield stream
    elif codec == "gzip":
        with gzip.GzipFile("", "wb", _GZIP_LEVEL, stream, mtime=0) as packed:
            yield packed
    else:
        import pyarrow as pa

        sink = pa.PythonFile(stream, mode="w")
        with pa.CompressedOutputStream(sink, codec) as squeezed:
            yield squeezed
