"""Chosen documents come out as they went in."""

import gzip
import json
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from dataselect.corpus import (
    AddedColumn,
    ReadOptions,
    Rewriting,
    find_corpus,
    output_folder,
    read_parts,
    shard_names,
    write_selected,
)
from dataselect.errors import DataselectError

AS_IS = Rewriting(ReadOptions(part_bytes=64))
LINES = [
    b'{"text": "a", "n": 1.50, "z": [NaN, 1]}',
    b' { "id" : 7, "text":"b\\u0041" } \r',
    b"",
    b'{"text": "c"}',
    b'{"text": "last"}',
]


def _rows(*rows: int) -> Any:
    return lambda _: np.array(rows, np.int64)


@pytest.mark.parametrize("codec", ["", ".gz", ".zst"])
def test_lines_come_out_byte_for_byte(tmp_path: Path, codec: str) -> None:
    content = b"\xef\xbb\xbf" + b"\n".join(LINES)
    packed = {
        "": content,
        ".gz": gzip.compress(content),
        ".zst": pa.compress(content, "zstd", asbytes=True),
    }[codec]
    path = tmp_path / f"a.jsonl{codec}"
    path.write_bytes(packed)
    sources = find_corpus([str(path)])
    (shard,) = write_selected(sources, _rows(0, 1, 4), str(tmp_path / "out"), rewriting=AS_IS)
    written = Path(shard.address).read_bytes()
    assert shard.documents == 3
    assert Path(shard.address).name == path.name
    unpacked = {
        "": lambda: written,
        ".gz": lambda: gzip.decompress(written),
        ".zst": lambda: pa.CompressedInputStream(pa.BufferReader(written), "zstd").read(),
    }[codec]()
    assert unpacked == b"\n".join([LINES[0], LINES[1], LINES[4], b""])
    write_selected(sources, _rows(0, 1, 4), str(tmp_path / "again"), rewriting=AS_IS)
    assert (tmp_path / "again" / path.name).read_bytes() == written


def test_lines_change_only_where_they_are_asked_to(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(LINES))
    sources = find_corpus([str(tmp_path / "a.jsonl")])
    added = AddedColumn("why", pa.int64(), lambda _, rows: [row * 10 for row in rows])
    change = Rewriting(ReadOptions(), edit=pc.utf8_upper, added=added)
    (shard,) = write_selected(sources, _rows(1, 3), str(tmp_path / "out"), rewriting=change)
    assert Path(shard.address).read_bytes().split(b"\n") == [
        b'{"id":7,"text":"BA","why":10}',
        b'{"text":"C","why":30}',
        b"",
    ]
    only = Rewriting(ReadOptions(), added=added)
    (shard,) = write_selected(sources, _rows(0), str(tmp_path / "only"), rewriting=only)
    assert Path(shard.address).read_bytes() == LINES[0][:-1] + b',"why":0}\n'


def test_lossy_lines_come_out_as_valid_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(
        b'{"text": "a\xff", "n": 1}\n{"text": "\\ud800"}\n{"text": "\\ud83d\\ude00 ok"}\n'
    )
    sources = find_corpus([str(tmp_path / "a.jsonl")])
    change = Rewriting(ReadOptions(lossy=True))
    (shard,) = write_selected(sources, _rows(0, 1, 2), str(tmp_path / "out"), rewriting=change)
    (part,) = read_parts(find_corpus([shard.address])[0])
    assert part.batch.column("text").to_pylist() == ["a\ufffd", "\ufffd", "\U0001f600 ok"]
    assert not part.quarantined


def test_tables_keep_their_schema_and_rows(tmp_path: Path) -> None:
    table = pa.table(
        {
            "n": pa.array(range(200), pa.int16()),
            "text": pa.array([f"text {i}" for i in range(200)], pa.large_string()),
            "more": pa.array([[{"x": i}] for i in range(200)]),
        }
    ).replace_schema_metadata({"made by": "a test"})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=70, compression="gzip")
    sources = find_corpus([str(tmp_path / "a.parquet")])
    rows = [0, 3, 69, 70, 150, 199]
    (shard,) = write_selected(sources, _rows(*rows), str(tmp_path / "out"), rewriting=AS_IS)
    written = pq.read_table(shard.address)
    read = pq.read_table(tmp_path / "a.parquet")
    assert written.equals(read.take(rows), check_metadata=True)
    assert pq.ParquetFile(shard.address).metadata.row_group(0).column(0).compression == "GZIP"
    added = AddedColumn("why", pa.list_(pa.string()), lambda _, rows: [[str(r)] for r in rows])
    change = Rewriting(ReadOptions(), edit=pc.utf8_upper, added=added)
    (shard,) = write_selected(sources, _rows(2, 198), str(tmp_path / "new"), rewriting=change)
    written = pq.read_table(shard.address)
    assert written["text"].to_pylist() == ["TEXT 2", "TEXT 198"]
    assert written["why"].to_pylist() == [["2"], ["198"]]
    assert written.schema.field("text").type == pa.large_string()


def test_shards_lie_below_the_deepest_folder_of_all(tmp_path: Path) -> None:
    for name in ("x/a.jsonl", "x/y/a.jsonl", "x/y/b.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"text": "a"}')
    sources = find_corpus([str(tmp_path / "x")])
    assert list(shard_names(sources).values()) == ["a.jsonl", "y/a.jsonl", "y/b.txt"]
    assert list(shard_names(find_corpus([str(tmp_path / "x/y/b.txt")])).values()) == ["b.txt"]
    shards = write_selected(sources, _rows(0), str(tmp_path / "out"), rewriting=AS_IS)
    assert [Path(s.address).relative_to(tmp_path / "out").as_posix() for s in shards] == [
        "a.jsonl",
        "y/a.jsonl",
        "y/b.txt",
    ]
    assert (tmp_path / "out/y/b.txt").read_text() == '{"text": "a"}'


def test_shards_at_an_fsspec_address(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"\n".join(LINES)))
    sources = find_corpus([str(tmp_path / "a.jsonl.gz")])
    with output_folder("memory://out", {"a": 1}, ["a.jsonl.gz"]):
        (shard,) = write_selected(sources, _rows(3), "memory://out", rewriting=AS_IS)
    system = fsspec.filesystem("memory")
    assert gzip.decompress(system.cat("/out/a.jsonl.gz")) == LINES[3] + b"\n"
    assert shard.address == "memory://out/a.jsonl.gz"
    assert [Path(name).name for name in system.find("/out")] == ["a.jsonl.gz"]
    with (
        pytest.raises(DataselectError, match="holds files"),
        output_folder("memory://out", {"a": 1}, []),
    ):
        pass
    system.rm("/out", recursive=True)


def test_a_file_that_has_changed_leaves_no_shard(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(LINES))
    sources = find_corpus([str(tmp_path / "a.jsonl")])
    with pytest.raises(DataselectError, match="has changed since it was scored"):
        write_selected(
            sources, _rows(0), str(tmp_path / "o"), rewriting=AS_IS, expected=lambda _: "0" * 64
        )
    assert not list((tmp_path / "o").iterdir())


def test_an_output_folder_goes_on_or_is_refused(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    held = output_folder(out, {"a": 1}, ["x"])
    assert not held.__enter__()
    (tmp_path / "out" / "x").write_text("made")
    assert not held.__exit__(KeyError, KeyError(), None)
    with output_folder(out, {"a": 1}, ["x"]) as continued:
        assert continued
        assert (tmp_path / "out" / "x").exists()
        with (
            pytest.raises(DataselectError, match="another run is writing"),
            output_folder(out, {"a": 1}, []),
        ):
            pass
    with pytest.raises(DataselectError, match="--overwrite"), output_folder(out, {"a": 1}, []):
        pass
    with output_folder(out, {"a": 2}, ["x"], overwrite=True) as continued:
        assert not continued
        assert not (tmp_path / "out" / "x").exists()
    assert json.loads(json.dumps(sorted(p.name for p in (tmp_path / "out").iterdir()))) == []
