"""A compressed file that was cut off: lines before the cut are read, and the cut is recorded."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dataselect.corpus import ReadOptions, find_corpus, read_parts, streams
from dataselect.corpus.streams import Content

RNG = np.random.default_rng(0)
LINES = [json.dumps({"text": f"{i} {RNG.random()}"}).encode() + b"\n" for i in range(9_000)]


def compressed(codec: Any, content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def read(path: Path) -> tuple[list[int], list[tuple[int, str]]]:
    rows, refused = [], []
    for part in read_parts(find_corpus([str(path)])[0], ReadOptions(part_bytes=100_000)):
        rows += part.batch.column("row").to_pylist()
        refused += [(found.row, found.reason) for found in part.quarantined]
    return rows, refused


@pytest.mark.parametrize("share", [0.0001, 0.3, 0.8, 0.9999])
@pytest.mark.parametrize("block", [1 << 20, 5_000])
def test_lines_before_the_cut_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, block: int
) -> None:
    monkeypatch.setattr(streams, "BLOCK", block)
    stored = gzip.compress(b"".join(LINES[:5_000])) + gzip.compress(b"".join(LINES[5_000:]))
    (tmp_path / "a.jsonl.gz").write_bytes(stored[: int(share * len(stored))])
    first = zlib.decompressobj(31)
    there = first.decompress(stored[: int(share * len(stored))])
    there += zlib.decompressobj(31).decompress(first.unused_data) if first.unused_data else b""
    complete = there.count(b"\n")
    rows, refused = read(tmp_path / "a.jsonl.gz")
    assert rows == list(range(complete))
    assert refused == [(complete, "unreadable")]


def test_what_zstandard_gives_before_the_cut_is_read(tmp_path: Path) -> None:
    stored = compressed("zstd", b"".join(LINES))
    (tmp_path / "a.jsonl.zst").write_bytes(stored[: len(stored) * 9 // 10])
    rows, refused = read(tmp_path / "a.jsonl.zst")
    assert rows == list(range(len(rows)))
    assert len(rows) > 0.6 * len(LINES)  # whole blocks of 128 KiB
    assert refused == [(len(rows), "unreadable")]


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_bytes_that_are_no_text_come_through(tmp_path: Path, codec: Any) -> None:
    content = b"\xff" * 3_000_000 + b"\x00\xff\xfe" * 9 + b"\xff" * 70_000
    (tmp_path / "a").write_bytes(compressed(codec, content))
    stream = Content(str(tmp_path / "a"), codec)
    assert b"".join(stream.blocks()) == content
    stream.close()
