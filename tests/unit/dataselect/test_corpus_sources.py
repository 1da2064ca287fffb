"""Which files a corpus is."""

from pathlib import Path

import fsspec
import pytest

from dataselect.corpus import ReadOptions, find_corpus, read_parts, sources
from dataselect.errors import DataselectError


def test_order_hidden_files_and_files_found_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b/z.jsonl", "b/a.jsonl.gz", "b/c/d.parquet", "b/.x.jsonl", "b/.git/y.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "b" / "notes.csv").write_text("")
    (tmp_path / "a.jsonl").write_text("")
    found = find_corpus(["b/z.jsonl", "b", "a.jsonl", "b/*.jsonl"])
    assert [s.address for s in found] == [
        "b/z.jsonl",
        "b/a.jsonl.gz",
        "b/c/d.parquet",
        "a.jsonl",
    ]
    assert [s.number for s in found] == [0, 1, 2, 3]
    assert [(s.format, s.codec) for s in found[:3]] == [
        ("jsonl", None),
        ("jsonl", "gzip"),
        ("parquet", None),
    ]
    assert [s.address for s in find_corpus([f"file://{tmp_path}/b/**/d.parquet"])] == [
        str(tmp_path / "b/c/d.parquet")
    ]


def test_text_files_that_follow_one_another_are_one_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(7):
        (tmp_path / f"{i}.txt").write_text(f"text {i}")
    (tmp_path / "3a.jsonl").write_text("")
    monkeypatch.setattr(sources, "_TEXTS", 3)
    found = find_corpus([str(tmp_path)])
    assert [(s.format, len(s.files)) for s in found] == [
        ("text", 3),
        ("text", 1),
        ("jsonl", 1),
        ("text", 3),
    ]
    monkeypatch.setattr(sources, "_TEXT_BYTES", 13)
    assert [len(s.files) for s in find_corpus([f"{tmp_path}/*.txt"])] == [2, 2, 2, 1]


def test_text_files_as_documents(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\n")
    (tmp_path / "b.md").write_bytes(b"\xff\xfe")
    (tmp_path / "c.txt").write_bytes(b"x" * 11)
    (tmp_path / "d.txt").write_bytes(b"")
    source = find_corpus([str(tmp_path)])[0]
    (part,) = read_parts(source, ReadOptions(max_document_bytes=10))
    assert part.batch.to_pydict() == {
        "source": [str(tmp_path / "a.txt"), str(tmp_path / "d.txt")],
        "row": [0, 0],
        "id": [None, None],
        "domain": [None, None],
        "text": ["one\r\n", ""],
    }
    assert [(Path(q.source).name, q.reason, q.bytes) for q in part.quarantined] == [
        ("b.md", "invalid_utf8", 2),
        ("c.txt", "too_large", 11),
    ]
    (lossy,) = read_parts(source, ReadOptions(max_document_bytes=10, lossy=True))
    assert lossy.batch.column("text").to_pylist() == ["one\r\n", "\ufffd\ufffd", ""]
    cut = list(read_parts(source, ReadOptions(part_bytes=5)))
    assert [p.rows for p in cut] == [1, 2, 1]


def test_addresses_of_fsspec() -> None:
    system = fsspec.filesystem("memory")
    for name in ("/corpus/a.jsonl", "/corpus/deep/b.txt", "/corpus/.c.txt"):
        system.pipe(name, b'{"text": "x"}')
    found = find_corpus(["memory://corpus"])
    assert [s.address for s in found] == ["memory:///corpus/a.jsonl", "memory:///corpus/deep/b.txt"]
    assert [s.bytes for s in found] == [13, 13]
    assert [s.address for s in find_corpus(["memory://corpus/*.jsonl"])] == [found[0].address]
    (part,) = read_parts(found[0])
    assert part.batch.column("text").to_pylist() == ["x"]
    for wrong, answer in (
        ("memory://corpus/none", "does not exist"),
        ("nothing://x", "cannot be opened"),
    ):
        with pytest.raises(DataselectError, match=answer):
            find_corpus([wrong])
    system.rm("/corpus", recursive=True)


def test_what_is_no_corpus_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("")
    for wrong, answer in (
        (str(tmp_path / "none"), "does not exist"),
        (str(tmp_path), r"holds no file of a corpus \(there are files with the suffix .csv\)"),
        (str(tmp_path / "x.csv"), "of a kind that is not read"),
        (str(tmp_path / "*.jsonl"), "holds no file"),
    ):
        with pytest.raises(DataselectError, match=answer):
            find_corpus([wrong])
    with pytest.raises(DataselectError, match="three different names"):
        ReadOptions(text="id")
    with pytest.raises(DataselectError, match="at most 0 bytes"):
        ReadOptions(max_document_bytes=0)
