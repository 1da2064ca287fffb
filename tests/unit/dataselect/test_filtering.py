"""Filtering with a rule of one's own: what is kept, what is rejected and why, and going on."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from dataselect.corpus import ReadOptions
from dataselect.errors import DataselectError
from dataselect.filtering import run as filtering
from dataselect.filtering.decisions import Decided
from dataselect.filtering.writing import Filter
from dataselect.scorers.scorer import Column
from dataselect.scores.run import score_corpus

COLUMN = Column("n", "int64", "characters", 0.0, math.inf, 0, "characters", "a test")


@dataclass(frozen=True)
class Length:
    name: str = "length"
    fingerprint: str = "1"
    columns: tuple[Column, ...] = field(default=(COLUMN,))

    def score(self, batch: Any) -> Any:
        lengths = pc.utf8_length(batch.column("text")).cast(pa.int64())
        return pa.RecordBatch.from_arrays([lengths], names=["n"])


def decide(table: pa.Table) -> Decided:
    n = table["n"].to_numpy()
    broken = {"short": n < 10, "odd": n % 2 == 1}

    def reasons(row: int) -> list[dict[str, Any]]:
        return [
            {"rule": rule, "value": float(n[row]), "limit": "a limit"}
            for rule, mask in broken.items()
            if mask[row]
        ]

    return Decided(~(broken["short"] | broken["odd"]), broken, reasons)


ASKED = Filter("mine", {"name": "mine"}, Length(), decide)
OPTIONS = ReadOptions(part_bytes=200)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    lines = [json.dumps({"text": "x" * i, "more": [i]}) for i in range(40)]
    lines.insert(13, "{")
    (folder / "a.jsonl").write_text("\n".join(lines))
    pq.write_table(
        pa.table({"text": ["y" * i for i in range(30)], "more": range(30)}), folder / "b.parquet"
    )
    for name, size in (("c.txt", 12), ("d.txt", 3), ("e.txt", 14)):
        (folder / name).write_text("z" * size)
    return folder


def _contents(folder: Path) -> dict[str, bytes]:
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: p.read_bytes() for name, p in files.items() if name != "manifest.json"}


def test_kept_and_rejected_documents(corpus: Path, tmp_path: Path) -> None:
    out, rejected = tmp_path / "out", tmp_path / "rejected"
    summary = filtering.filter_corpus(
        [str(corpus)], str(out), ASKED, rejected=str(rejected), options=OPTIONS, workers=2
    )
    expected = [i for i in range(40) if i >= 10 and i % 2 == 0]
    kept = [json.loads(line) for line in (out / "a.jsonl").read_text().splitlines()]
    assert [line["more"] for line in kept] == [[i] for i in expected]
    lines = [json.loads(line) for line in (rejected / "a.jsonl").read_text().splitlines()]
    assert [line["more"][0] for line in lines] == [i for i in range(40) if i not in expected]
    assert lines[9] == {
        "text": "x" * 9,
        "more": [9],
        "rejected_by": [
            {"rule": "short", "value": 9.0, "limit": "a limit"},
            {"rule": "odd", "value": 9.0, "limit": "a limit"},
        ],
    }
    assert pq.read_table(out / "b.parquet")["more"].to_pylist() == expected[:10]
    table = pq.read_table(rejected / "b.parquet")
    assert table["rejected_by"].to_pylist()[-1] == [
        {"rule": "odd", "value": 29.0, "limit": "a limit"}
    ]
    assert sorted(p.name for p in out.iterdir()) == [
        "a.jsonl",
        "b.parquet",
        "c.txt",
        "e.txt",
        "manifest.json",
        "quarantine.jsonl",
    ]
    assert json.loads((rejected / "d.txt.rejected_by.json").read_text())[0]["rule"] == "short"
    assert (summary.documents, summary.kept, summary.rejected) == (73, 15 + 10 + 2, 46)
    assert summary.rules == {"short": 10 + 10 + 1, "odd": 20 + 15 + 1}
    assert summary.alone == {"short": 5 + 5, "odd": 15 + 10}
    counts = json.loads((out / "manifest.json").read_text())["counts"]
    assert counts == {
        "taken": 74,
        "given": 27,
        "rejected": {"recipe mine": 46, "malformed_json": 1},
    }


def test_scores_that_are_there_are_used(corpus: Path, tmp_path: Path) -> None:
    scores = str(tmp_path / "scores")
    score_corpus([str(corpus)], scores, [Length()], options=OPTIONS)
    plain, used = tmp_path / "plain", tmp_path / "used"
    filtering.filter_corpus([str(corpus)], str(plain), ASKED, options=OPTIONS)
    filtering.filter_corpus([str(corpus)], str(used), ASKED, scores=scores, options=OPTIONS)
    assert _contents(plain) == _contents(used)
    with pytest.raises(DataselectError, match="scores of another corpus"):
        filtering.filter_corpus(
            [str(corpus / "a.jsonl")], str(tmp_path / "x"), ASKED, scores=scores, options=OPTIONS
        )
    (corpus / "a.jsonl").write_text((corpus / "a.jsonl").read_text().replace("x", "w"))
    with pytest.raises(DataselectError, match="has changed since it was scored"):
        filtering.filter_corpus(
            [str(corpus)], str(tmp_path / "y"), ASKED, scores=scores, options=OPTIONS
        )


@pytest.mark.parametrize("stop_at", ["scoring", "kept", "rejected", "summary"])
def test_interrupted_anywhere_it_goes_on_and_ends_with_the_same_bytes(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: str
) -> None:
    def run(where: str, **options: Any) -> None:
        filtering.filter_corpus(
            [str(corpus)],
            str(tmp_path / where),
            ASKED,
            rejected=str(tmp_path / f"{where}-rejected"),
            options=OPTIONS,
            workers=1,
            **options,
        )

    def stop(*_: Any) -> Any:
        raise KeyboardInterrupt

    run("whole")
    names = {"kept": "write_kept", "rejected": "write_rejected", "summary": "_summary"}
    with monkeypatch.context() as patched:
        if stop_at in names:
            patched.setattr(filtering, names[stop_at], stop)
        with pytest.raises(KeyboardInterrupt):
            run("cut", on_progress=stop if stop_at == "scoring" else None)
    with pytest.raises(DataselectError, match="was begun with other settings"):
        filtering.filter_corpus(
            [str(corpus)], str(tmp_path / "cut"), Filter("b", {}, Length(), decide)
        )
    run("cut")
    for kind in ("", "-rejected"):
        assert _contents(tmp_path / f"cut{kind}") == _contents(tmp_path / f"whole{kind}")


def test_texts_that_are_edited_are_judged_and_written_so(corpus: Path, tmp_path: Path) -> None:
    def doubled(texts: Any) -> Any:
        return pc.binary_join_element_wise(texts, texts, "")

    asked = Filter("double", {"edit": "double"}, Length(), decide, edit=doubled)
    summary = filtering.filter_corpus([str(corpus)], str(tmp_path / "out"), asked, options=OPTIONS)
    assert summary.rules == {"short": 5 + 5 + 1, "odd": 0}
    lines = (tmp_path / "out" / "a.jsonl").read_text().splitlines()
    assert [len(json.loads(line)["text"]) for line in lines] == list(range(10, 80, 2))
    assert pq.read_table(tmp_path / "out" / "b.parquet")["text"][0].as_py() == "y" * 10
    assert (tmp_path / "out" / "c.txt").read_text() == "z" * 24


def test_outputs_are_not_mixed(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "other").write_text("")
    with pytest.raises(DataselectError, match=r"holds files \(other"):
        filtering.filter_corpus([str(corpus)], str(tmp_path / "full"), ASKED)
    with pytest.raises(DataselectError, match="both to go to"):
        filtering.filter_corpus(
            [str(corpus)], str(tmp_path / "o"), ASKED, rejected=str(tmp_path / "o")
        )
    filtering.filter_corpus([str(corpus)], str(tmp_path / "out"), ASKED)
    before = _contents(tmp_path / "out")
    with pytest.raises(DataselectError, match="--overwrite"):
        filtering.filter_corpus([str(corpus)], str(tmp_path / "out"), ASKED)
    filtering.filter_corpus([str(corpus)], str(tmp_path / "out"), ASKED, overwrite=True)
    assert _contents(tmp_path / "out") == before
    assert np.all([name in before for name in ("a.jsonl", "b.parquet")])
