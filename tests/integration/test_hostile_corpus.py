"""Hostile text through all of scoring: no crash, no stall, and the counts add up."""

import gzip
import json
import runpy
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataselect.corpus import ReadOptions
from dataselect.scorers.named import scorers_of
from dataselect.scores import open_scores
from dataselect.scores.run import score_corpus

Command = Callable[..., Any]
HOSTILE = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "hostile_corpus.py"))
MIB = 1 << 20


def test_thousands_of_hostile_lines_add_up_with_every_signal(tmp_path: Path) -> None:
    expected = HOSTILE["write_hostile"](tmp_path / "hostile.jsonl", 6000, 1, 200_000)
    summary = score_corpus(
        [str(tmp_path / "hostile.jsonl")],
        str(tmp_path / "scores"),
        scorers_of("signals"),
        options=ReadOptions(part_bytes=MIB // 4),
        workers=2,
    )
    expected.pop("blank")
    assert Counter(summary.quarantined) + Counter(document=summary.documents) == expected
    assert len(expected) == 6
    table = open_scores(str(tmp_path / "scores")).scan().collect()
    assert len(table) == summary.documents
    lines = (tmp_path / "hostile.jsonl").read_bytes().split(b"\n")
    for row in table.sample(50, seed=0).iter_rows(named=True):
        assert len(json.loads(lines[row["row"]])["text"].encode()) == row["bytes"]


def test_a_huge_line_a_bomb_and_a_bomb_of_repeats_stay_small(here: Path, process: Command) -> None:
    shutil.copy(Path(__file__).parent / "own_scorers.py", here)
    with gzip.open(here / "bomb.jsonl.gz", "wb", 1) as stream:
        stream.write(b'{"text": "before"}\n')
        for _ in range(300):
            stream.write(b"\0" * MIB)
        stream.write(b'\n{"text": "after"}\n')
    with (here / "line.jsonl").open("wb") as plain:
        plain.truncate(1 << 29)  # half a gigabyte of NUL in one line, as a hole in the file
        plain.seek(0, 2)
        plain.write(b'\n{"text": "after"}')
    # A dictionary of one text of 8 MB that 300 rows repeat: 2.4 GB, in a file of kilobytes.
    repeated = pa.DictionaryArray.from_arrays(
        pa.array([0] * 300, pa.int32()), pa.array(["word " * 1_600_000])
    )
    # Without Arrow's own schema in it, as other tools write it: its readers expand the column.
    pq.write_table(
        pa.table({"text": repeated}),
        here / "repeats.parquet",
        compression="zstd",
        store_schema=False,
    )
    watch = (
        "import atexit, pathlib, re, sys; atexit.register(lambda: print(int(re.search("
        "'VmHWM:[^0-9]*([0-9]+)', pathlib.Path('/proc/self/status').read_text()"
        ")[1]) // 1024, file=sys.stderr))"
    )
    done = process(
        *("score", "bomb.jsonl.gz", "line.jsonl", "repeats.parquet", "--out", "scores"),
        *("--scorers", "own_scorers:Length", "--workers", 1),
        *("--max-document-bytes", "4M", "--json"),
        command="dataselect",
        limit=watch,
    )
    assert done.code == 0, done.err
    summary = json.loads(done.out)
    assert summary["documents"] == 3
    assert summary["quarantined"] == {"too_large": 302}
    assert int(done.err.split()[-1]) < 900
