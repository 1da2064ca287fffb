"""Parquet as a corpus: types, cuts, what is no document, and what a page may expand to."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataselect.corpus import ReadOptions, find_corpus, read_parts, tables
from dataselect.corpus.parquet_pages import rows_at_a_time
from dataselect.errors import DataselectError


def _read(path: Path, **options: Any) -> list[Any]:
    return list(read_parts(find_corpus([str(path)])[0], ReadOptions(**options)))


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.dictionary(pa.int32(), pa.string()),
    ],
)
def test_every_type_of_text_is_read(tmp_path: Path, kind: pa.DataType) -> None:
    texts = ["a", "é\0", None, "", "文" * 50, "a"]
    column = pa.array(texts, pa.string()).cast(kind)
    pq.write_table(pa.table({"text": column, "n": range(6)}), tmp_path / "a.parquet")
    (part,) = _read(tmp_path / "a.parquet", max_document_bytes=149)
    assert part.batch.column("text").to_pylist() == ["a", "é\0", "", "a"]
    assert part.batch.column("row").to_pylist() == [0, 1, 3, 5]
    assert [(q.row, q.reason, q.bytes) for q in part.quarantined] == [
        (2, "no_text", None),
        (4, "too_large", 150),
    ]


def test_invalid_utf8_in_a_string_column(tmp_path: Path) -> None:
    raw = pa.array([b"ok", b"\xff", b"a\xed\xa0\x80", b"fine"], pa.binary())
    broken = pa.Array.from_buffers(pa.string(), 4, raw.buffers())
    ids = pa.Array.from_buffers(pa.string(), 4, raw.buffers())
    pq.write_table(pa.table({"text": broken, "id": ids}), tmp_path / "a.parquet")
    (part,) = _read(tmp_path / "a.parquet")
    assert part.batch.column("text").to_pylist() == ["ok", "fine"]
    assert part.batch.column("id").to_pylist() == ["ok", "fine"]
    assert [(q.row, q.reason, q.bytes) for q in part.quarantined] == [
        (1, "invalid_utf8", 1),
        (2, "invalid_utf8", 4),
    ]
    (lossy,) = _read(tmp_path / "a.parquet", lossy=True)
    assert lossy.batch.column("text").to_pylist() == ["ok", "\ufffd", "a\ufffd\ufffd\ufffd", "fine"]


@pytest.mark.parametrize("groups", [7, 1000])
@pytest.mark.parametrize("part_bytes", [20, 333, 10**6])
def test_cuts_do_not_depend_on_how_rows_are_batched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups: int, part_bytes: int
) -> None:
    rng = np.random.default_rng(0)
    texts = ["x" * int(n) for n in rng.integers(0, 40, 120)]
    table = pa.table({"id": range(120), "text": texts, "domain": ["d"] * 120})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=groups)
    found = []
    for rows in (1, 13, 1024):
        monkeypatch.setattr(tables, "rows_at_a_time", lambda *_, _rows=rows: _rows)
        parts = _read(tmp_path / "a.parquet", part_bytes=part_bytes)
        found.append([(p.number, p.first_row, p.rows) for p in parts])
        read = [row for p in parts for row in p.batch.to_pylist()]
        assert [row["text"] for row in read] == texts
        assert [row["id"] for row in read] == [str(i) for i in range(120)]
        assert {row["domain"] for row in read} == {"d"}
    assert found[0] == found[1] == found[2]
    sizes, expected, first = 0, [], 0
    for row, text in enumerate(texts):  # a part ends with the row that fills it
        sizes += len(text)
        if sizes >= part_bytes or row == 119:
            expected.append((len(expected), first, row + 1 - first))
            sizes, first = 0, row + 1
    assert found[0] == expected


def test_ids_of_any_type_become_text(tmp_path: Path) -> None:
    for kind, ids in (
        (pa.int64(), [1, None]),
        (pa.list_(pa.int64()), [[1, 2], None]),
        (pa.struct([pa.field("a", pa.int64())]), [{"a": 1}, None]),
    ):
        pq.write_table(
            pa.table({"text": ["a", "b"], "id": pa.array(ids, kind)}), tmp_path / "a.parquet"
        )
        (part,) = _read(tmp_path / "a.parquet")
        first = {"1": "1", "[1, 2]": "[1, 2]", "{'a': 1}": '{"a": 1}'}[str(ids[0])]
        assert part.batch.column("id").to_pylist() == [first, None]


def test_a_damaged_file_is_quarantined_from_there_on(tmp_path: Path) -> None:
    table = pa.table({"text": ["word " * 200] * 500 + ["other " * 200] * 500})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=500, use_dictionary=False)
    raw = bytearray((tmp_path / "a.parquet").read_bytes())
    second = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(1).column(0)
    raw[second.data_page_offset + 2 : second.data_page_offset + 60] = b"\xff" * 58
    (tmp_path / "a.parquet").write_bytes(raw)
    (part,) = _read(tmp_path / "a.parquet")
    assert len(part.batch) == 500
    assert [(q.row, q.reason) for q in part.quarantined] == [(500, "unreadable")]
    (tmp_path / "b.parquet").write_bytes(b"PAR1 not really")
    (part,) = _read(tmp_path / "b.parquet")
    assert [(q.row, q.reason) for q in part.quarantined] == [(0, "unreadable")]


def test_the_wrong_column_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [1], "body": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(DataselectError, match="holds int64"):
        _read(tmp_path / "a.parquet")
    with pytest.raises(DataselectError, match=r"no column 'txt' \(there is text, body\)"):
        _read(tmp_path / "a.parquet", text="txt")
    (part,) = _read(tmp_path / "a.parquet", text="body")
    assert part.batch.column("text").to_pylist() == ["x"]


def test_few_rows_are_taken_where_a_dictionary_could_expand(tmp_path: Path) -> None:
    def rows(texts: list[str], **options: Any) -> int:
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"n": range(len(texts)), "text": texts}), path, **options)
        with path.open("rb") as stream:
            return rows_at_a_time(pq.ParquetFile(stream), stream, 0, "text")

    size = 4 << 20
    assert rows(["x" * size] * 3) == (128 << 20) // (size + 4)
    assert rows(["x" * size] * 3, compression="none") == (128 << 20) // (size + 4)
    assert rows(["x" * size] * 3, use_dictionary=False) == 4096
    assert rows(["x"] * 3) == 4096


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), pa.binary()])
def test_many_rows_are_taken_where_no_text_of_a_dictionary_is_long(
    tmp_path: Path, kind: pa.DataType
) -> None:
    longest = 100_000
    texts = [*(f"{k:01000}" for k in range(900)), *["a"] * 4000, "x" * longest]
    column = pa.array(texts, pa.string()).cast(kind)
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    with (tmp_path / "a.parquet").open("rb") as stream:
        rows = rows_at_a_time(pq.ParquetFile(stream), stream, 0, "text")
    assert rows == (128 << 20) // longest
    (part,) = _read(tmp_path / "a.parquet")
    assert part.batch.column("text").to_pylist() == texts


@pytest.mark.parametrize("name", ["text", "id", "domain"])
def test_two_columns_of_one_name_are_refused(tmp_path: Path, name: str) -> None:
    columns = ["text", "id", "domain", name]
    table = pa.Table.from_arrays([pa.array(["a"])] * 4, names=columns)
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataselectError, match=f"has 2 columns '{name}'"):
        _read(tmp_path / "a.parquet")
    other = pa.Table.from_arrays([pa.array(["a"])] * 3, names=["text", "n", "n"])
    pq.write_table(other, tmp_path / "b.parquet")
    assert len(_read(tmp_path / "b.parquet")[0].batch) == 1
