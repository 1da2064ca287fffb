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
from dataselect.filtering.decisions import Decided, broken_type
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
    broken = [
        [
            {"signal": "n", "value": float(n), "bound": bound, "limit": limit}
            for bound, limit in (("min", 10.0), ("max", 30.0))
            if (n < limit if bound == "min" else n > limit or n % 2 == 1)
        ]
        for n in table["n"].to_pylist()
    ]
    kept = np.array([not rules for rules in broken])
    return Decided(kept, pa.array(broken, broken_type()))


ASKED = Filter("mine", {"name": "mine"}, ("n",), Length(), decide)
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
    expected = [i for i in range(40) if 10 <= i <= 30 and i % 2 == 0]
    kept = [json.loads(line) for line in (out / "a.jsonl").read_text().splitlines()]
    assert [line["more"] for line in kept] == [[i] for i in expected]
    lines = [json.loads(line) for line in (rejected / "a.jsonl").read_text().splitlines()]
    assert [line["more"][0] for line in lines] == [i for i in range(40) if i not in expected]
    assert lines[9] == {
        "text": "x" * 9,
        "more": [9],
        "rejected_by": [
            {"signal": "n", "value": 9.0, "bound": "min", "limit": 10.0},
            {"signal": "n", "value": 9.0, "bound": "max", "limit": 30.0},
        ],
    }
    assert pq.read_table(out / "b.parquet")["more"].to_pylist() == expected[:10]
    table = pq.read_table(rejected / "b.parquet")
    assert table["rejected_by"].to_pylist()[-1] == [
        {"signal": "n", "value": 29.0, "bound": "max", "limit": 30.0}
    ]
    assert sorted(p.name for p in out.iterdir()) == [
        "a.jsonl",
        "b.parquet",
        "c.txt",
        "e.txt",
        "manifest.json",
        "quarantine.jsonl",
    ]
    assert json.loads((rejected / "d.txt.rejected_by.json").read_text())[0]["value"] == 3.0
    assert (summary.documents, summary.kept, summary.rejected) == (73, 11 + 10 + 2, 50)
    assert summary.rules == {"n min": 10 + 10 + 1, "n max": 24 + 15 + 1}
    assert summary.alone == {"n min": 5 + 5, "n max": 19 + 10}
    counts = json.loads((out / "manifest.json").read_text())["counts"]
    assert counts == {
        "taken": 74,
        "given": 23,
        "rejected": {"recipe mine": 50, "malformed_json": 1},
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
            [str(corpus)], str(tmp_path / "cut"), Filter("b", {}, ("n",), Length(), decide)
        )
    run("cut")
    for kind in ("", "-rejected"):
        assert _contents(tmp_path / f"cut{kind}") == _contents(tmp_path / f"whole{kind}")


def test_an_edit_changes_what_is_written_and_nothing_else(corpus: Path, tmp_path: Path) -> None:
    def doubled(texts: Any) -> Any:
        return pc.binary_join_element_wise(texts, texts, "")

    asked = Filter("double", {"edit": "double"}, ("n",), Length(), decide, edit=doubled)
    rejected = tmp_path / "rejected"
    summary = filtering.filter_corpus(
        [str(corpus)], str(tmp_path / "out"), asked, rejected=str(rejected), options=OPTIONS
    )
    assert summary.kept == 23
    lines = (tmp_path / "out" / "a.jsonl").read_text().splitlines()
    assert [len(json.loads(line)["text"]) for line in lines] == list(range(20, 61, 4))
    assert pq.read_table(tmp_path / "out" / "b.parquet")["text"][0].as_py() == "y" * 20
    assert (rejected / "d.txt").read_text() == "zzz"
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


def test_a_wrong_column_removes_nothing_and_leaves_nothing(corpus: Path, tmp_path: Path) -> None:
    wrong, fresh, out = ReadOptions(text="txt"), tmp_path / "fresh", tmp_path / "out"
    lines = corpus / "a.jsonl"
    with pytest.raises(DataselectError, match="no document in 41 rows"):
        filtering.filter_corpus([str(lines)], str(fresh), ASKED, options=wrong)
    assert not [*fresh.iterdir()]
    filtering.filter_corpus([str(lines)], str(fresh), ASKED)
    filtering.filter_corpus([str(corpus)], str(out), ASKED)
    before = _contents(out)
    with pytest.raises(DataselectError, match="no column 'txt'"):
        filtering.filter_corpus([str(corpus)], str(out), ASKED, options=wrong, overwrite=True)
    assert _contents(out) == before
