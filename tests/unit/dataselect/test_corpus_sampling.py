"""A sample of a corpus stands for all of it, wherever in a file its kinds of text are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataselect.corpus import ReadOptions, find_corpus
from dataselect.corpus.parts import RawPart
from dataselect.corpus.reading import cut, decode
from dataselect.corpus.sampling import sample_parts
from dataselect.scores.estimate import estimate_score


def texts() -> list[str]:
    """Long documents, then short ones: the beginning tells nothing of the end."""
    rng = np.random.default_rng(0)
    sizes = np.concatenate([rng.integers(5_000, 20_000, 400), rng.integers(10, 400, 20_000)])
    return ["a" * int(size) for size in sizes]


def lines(found: list[str], path: Path) -> None:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in found))


def rows(found: list[str], path: Path) -> None:
    pq.write_table(pa.table({"text": found}), path, row_group_size=1000, use_dictionary=False)


@pytest.mark.parametrize("write", [lines, rows])
def test_what_stands_at_the_end_of_a_file_is_seen(tmp_path: Path, write: Any) -> None:
    found = texts()
    path = tmp_path / ("a.jsonl" if write is lines else "a.parquet")
    write(found, path)
    source = find_corpus([str(path)])[0]
    parts = list(sample_parts(source, ReadOptions(), 1 << 20))
    batches = [batch for part in parts for batch in decode(part, ReadOptions(), pytest.fail)]
    share = sum(part.stored for part in parts) / source.bytes
    assert share < 0.5
    assert sum(map(len, batches)) / share == pytest.approx(len(found), rel=0.15)


def test_a_sample_of_a_small_file_is_the_file(tmp_path: Path) -> None:
    lines(["one", "two"], tmp_path / "a.jsonl")
    source = find_corpus([str(tmp_path)])[0]
    (part,) = sample_parts(source, ReadOptions(), 1 << 20)
    (batch,) = decode(part, ReadOptions(), pytest.fail)
    assert batch.column("text").to_pylist() == ["one", "two"]
    assert part.stored == source.bytes


def test_lines_that_are_longer_than_a_stretch_are_read_whole(tmp_path: Path) -> None:
    found = ["b" * 300_000] * 20
    lines(found, tmp_path / "a.jsonl")
    source = find_corpus([str(tmp_path)])[0]
    parts = sample_parts(source, ReadOptions(), 1 << 20)
    for part in parts:
        for batch in decode(part, ReadOptions(), pytest.fail):
            assert set(batch.column("text").to_pylist()) == {found[0]}


def test_the_estimate_is_near_the_corpus(tmp_path: Path) -> None:
    found = texts() * 6
    lines(found, tmp_path / "a.jsonl")
    estimate = estimate_score([str(tmp_path / "a.jsonl")], [])
    assert estimate.documents == pytest.approx(len(found), rel=0.1)
    assert estimate.text_bytes == pytest.approx(sum(map(len, found)), rel=0.1)


def test_rows_that_are_read_few_at_a_time_are_scored_many_at_a_time(tmp_path: Path) -> None:
    # A text of a megabyte and a half in the dictionary: some eighty rows at a time, lest they
    # expand to more than memory.
    found = ["d" * 1_500_000, *(f"{k:04} " + "c" * 4000 for k in range(1999))]
    pq.write_table(pa.table({"text": found}), tmp_path / "a.parquet", row_group_size=2000)
    source = find_corpus([str(tmp_path)])[0]
    (part,) = (raw for raw in cut(source, ReadOptions()) if isinstance(raw, RawPart))
    assert len(part.content) > 10
    assert max(len(read) for read in part.content) < 100
    batches = list(decode(part, ReadOptions(), pytest.fail))
    assert len(batches) < 4
    assert [text for batch in batches for text in batch.column("text").to_pylist()] == found
    assert [row for batch in batches for row in batch.column("row").to_pylist()] == list(
        range(2000)
    )
