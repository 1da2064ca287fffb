"""dataselect score, as a user runs it."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataselect.scores import open_scores

Command = Callable[..., Any]
HERE = Path(__file__).parent


@pytest.fixture
def score(here: Path, dataselect: Command) -> Command:
    shutil.copy(HERE / "own_scorers.py", here / "mine.py")

    def call(*arguments: object) -> Any:
        for name in ("mine", "more", "bad"):
            sys.modules.pop(name, None)
        named = () if "--scorers" in arguments else ("--scorers", "mine:Length")
        return dataselect("score", *arguments, *named)

    return call


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    (folder / "deep").mkdir(parents=True)
    lines = [json.dumps({"id": f"a{i}", "text": "word " * i, "n": i}) for i in range(40)]
    lines[7] = '{"text": "\\ud800"}'
    lines[9] = "{"
    (folder / "a.jsonl").write_text("\n".join(lines))
    texts = [f"text {i}" for i in range(30)]
    pq.write_table(
        pa.table({"text": texts, "id": list(range(30)), "domain": ["x"] * 30}),
        folder / "deep" / "b.parquet",
    )
    (folder / "c.md").write_text("# c\n")
    (folder / "d.txt").write_text("d é\n", encoding="utf-8")
    (folder / "e.csv").write_text("not read")
    (folder / ".hidden.jsonl").write_text("{}")
    return folder


def test_a_folder_of_all_formats_becomes_a_score_folder(corpus: Path, score: Command) -> None:
    done = score("corpus", "--out", "scores", "--json", "--workers", 2)
    assert done.code == 0, done.err
    assert done.err == ""
    summary = json.loads(done.out)
    assert summary["documents"] == 38 + 30 + 2
    assert summary["quarantined"] == {"invalid_utf8": 1, "malformed_json": 1}
    scores = open_scores("scores")
    assert scores.documents == 70
    table = scores.scan().collect()
    assert table["source"].unique(maintain_order=True).to_list() == [
        "corpus/a.jsonl",
        "corpus/c.md",
        "corpus/d.txt",
        "corpus/deep/b.parquet",
    ]
    assert table["row"].to_list()[:10] == [0, 1, 2, 3, 4, 5, 6, 8, 10, 11]
    assert table["id"].to_list()[-1] == "29"
    assert table["domain"].to_list()[-1] == "x"
    assert table["bytes"].to_list()[36:40] == [38 * 5, 39 * 5, 4, 5]
    assert table["own_length"].to_list()[38:40] == [4, 4]
    lines = Path("scores/quarantine.jsonl").read_text().splitlines()
    quarantined = [json.loads(line) for line in lines]
    assert [(q["source"], q["row"], q["reason"]) for q in quarantined] == [
        ("corpus/a.jsonl", 7, "invalid_utf8"),
        ("corpus/a.jsonl", 9, "malformed_json"),
    ]
    manifest = json.loads(Path("scores/manifest.json").read_text())
    assert manifest["counts"] == {
        "taken": 72,
        "given": 70,
        "rejected": {"invalid_utf8": 1, "malformed_json": 1},
    }
    assert {found["path"] for found in manifest["inputs"]} == set(table["source"])
    assert all(len(found["sha256"]) == 64 for found in manifest["outputs"])
    left = {path.name for path in Path("scores").iterdir()}
    assert left == {"documents", "length", "index.json", "manifest.json", "quarantine.jsonl"}


def test_torch_is_not_imported(corpus: Path, score: Command, process: Command) -> None:
    watch = (
        "import atexit, sys; "
        "atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))"
    )
    asked = ("score", "corpus", "--out", "scores", "--scorers", "mine:Length,signals")
    done = process(*asked, command="dataselect", limit=watch)
    assert (done.code, done.err.strip()) == (0, "False")
    assert open_scores("scores").scan().collect()["rps_doc_word_count"].null_count() < 70


def test_what_is_printed_for_people(corpus: Path, score: Command) -> None:
    done = score("corpus", "--out", "scores")
    assert done.code == 0, done.err
    assert "70 documents" in done.out
    assert "malformed_json" in done.out
    assert "scores/quarantine.jsonl" in done.out
    estimated = score("corpus", "--estimate")
    assert estimated.code == 0, estimated.err
    assert "4 files" in estimated.out


def test_scorers_are_added_and_what_is_there_is_not_done_again(
    corpus: Path, score: Command
) -> None:
    Path("more.py").write_text(
        "from dataclasses import replace\nfrom mine import *\n"
        "OTHER = Length(name='other', columns=(replace(LENGTH_COLUMN, name='other'),))\n"
    )
    assert score("corpus", "--out", "scores").code == 0
    before = {p: p.stat().st_mtime_ns for p in Path("scores").rglob("*.parquet")}
    added = score("corpus", "--out", "scores", "--scorers", "more:OTHER", "--json")
    assert added.code == 0, added.err
    assert json.loads(added.out)["scorers"] == ["length", "other"]
    assert {p: p.stat().st_mtime_ns for p in before} == before
    table = open_scores("scores").scan(["own_length", "other"]).collect()
    assert table["own_length"].to_list() == table["other"].to_list()
    again = score("corpus", "--out", "scores", "--json")
    assert again.code == 0
    assert json.loads(again.out)["fresh"] == 0
    assert sorted(p.name for p in Path("scores").glob("manifest*")) == [
        "manifest-2.json",
        "manifest-3.json",
        "manifest.json",
    ]


def test_another_corpus_or_reading_or_version_is_refused(corpus: Path, score: Command) -> None:
    assert score("corpus", "--out", "scores").code == 0
    for changed, named in (
        (("corpus/a.jsonl", "--out", "scores"), "corpus/c.md: 4 bytes there, absent now"),
        (("corpus", "--out", "scores", "--lossy"), "lossy: False there, True now"),
    ):
        refused = score(*changed)
        assert refused.code == 2
        assert named in refused.err
        assert "--overwrite" in refused.err
    text = Path("mine.py").read_text()
    # Longer too: bytecode of a file of the same second and length would be taken for it.
    Path("mine.py").write_text(text.replace('fingerprint: str = "1"', 'fingerprint: str = "new"'))
    refused = score("corpus", "--out", "scores")
    assert refused.code == 2
    assert "length by another version" in refused.err
    assert score("corpus", "--out", "scores", "--overwrite").code == 0
    lines = (corpus / "a.jsonl").read_bytes()
    (corpus / "a.jsonl").write_bytes(lines.replace(b"word", b"wort"))
    refused = score("corpus", "--out", "scores")
    assert refused.code == 2
    assert "corpus/a.jsonl has changed since" in refused.err
    assert score("corpus", "--out", "fresh").code == 0


def test_wrong_input_is_answered(corpus: Path, score: Command) -> None:
    for arguments, answer in (
        (("nowhere", "--out", "scores"), "nowhere does not exist"),
        (("corpus/e.csv", "--out", "scores"), "of a kind that is not read"),
        (("corpus", "--out", "corpus/a.jsonl"), "is a file"),
        (("corpus", "--out", "corpus"), "lies in the corpus"),
        (("corpus/c.md", "--out", "corpus"), "holds other files"),
        (("corpus", "--out", "scores", "--text-column", "txt"), "no column 'txt'"),
        (("corpus", "--out", "scores", "--scorers", "signal"), "signals"),
        (("corpus", "--out", "scores", "--scorers", "signals,"), "an empty name"),
        (("corpus", "--out", "scores", "--scorers", "mine:LENGTH_COLUMN"), "is no scorer"),
        (("corpus", "--out", "scores", "--scorers", "judge:x"), "no kind of scorer named 'judge'"),
        (("corpus", "--out", "scores", "--max-document-bytes", "many"), "64M"),
        (("corpus", "--out", "stopped", "--strict"), "a.jsonl, row 7: invalid_utf8"),
        (("corpus",), "--out"),
    ):
        found = score(*arguments)
        assert found.code == 2, (arguments, found.err)
        assert answer in found.err, (arguments, found.err)
        assert "Traceback" not in found.err
        assert found.out == ""


def test_a_scorer_that_fails_or_lies_ends_the_run_and_says_where(
    corpus: Path, score: Command
) -> None:
    Path("bad.py").write_text(
        "from mine import *\n"
        "class Failing(Length):\n    def score(self, batch): raise KeyError('x')\n"
        "class Short(Length):\n    def score(self, batch): return super().score(batch.slice(1))\n"
    )
    failed = score("corpus", "--out", "scores", "--scorers", "bad:Failing")
    assert failed.code == 1
    assert "the scorer length failed on corpus/a.jsonl" in failed.err
    short = score("corpus", "--out", "other", "--scorers", "bad:Short")
    assert short.code == 1
    assert "gave 37 rows" in short.err


def test_a_corpus_without_any_document_is_refused_and_leaves_nothing(
    corpus: Path, score: Command, here: Path
) -> None:
    (corpus / "d.txt").unlink()
    (corpus / "c.md").unlink()
    (corpus / "deep" / "b.parquet").write_bytes(b"PAR1 cut off")
    wrong = ("corpus", "--out", "scores", "--text-column", "body")
    for _ in range(2):
        done = score(*wrong)
        assert (done.code, done.out) == (2, "")
        assert (
            "no document in 40 rows of the corpus: no_text 39, malformed_json 1, unreadable 1"
            in done.err
        )
        assert "the first is corpus/a.jsonl, row 0: no 'body'" in done.err.replace(str(here), "")
        assert "--text-column names another" in done.err
        assert not [path for path in (here / "scores").rglob("*") if path.is_file()]
    assert score("corpus", "--out", "scores").code == 0
    (here / "none").mkdir()
    (here / "none" / "a.jsonl").write_text("\n \n")
    assert score("none", "--out", "empty", "--json").code == 0
