"""``--overwrite`` removes what it replaces: no input, no other file, nothing for a refused call."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from scored_corpus import documents, score, write_corpus

from dataselect.corpus.apart import check_apart, check_not_read, same_place
from dataselect.corpus.output import locked, output_folder
from dataselect.errors import DataselectError
from dataselect.filtering.recipe import filter_of
from dataselect.filtering.run import filter_corpus
from dataselect.selection.budget import Budget, quotas_of
from dataselect.selection.run import run_selection
from dataselect.selection.settings import Settings

TEN = Settings(by="good", budget=Budget("docs", Fraction(10)))


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def copied(scored: tuple[Any, ...], tmp_path: Path) -> tuple[Path, Path]:
    """A corpus and its score folder that may be lost."""
    _, corpus, scores = scored
    there = Path(corpus[0])
    place = shutil.copytree(there if there.is_dir() else there.parent, tmp_path / "corpus")
    return place, Path(shutil.copytree(scores, tmp_path / "scores"))


@pytest.mark.parametrize("which", ["out", "rejected"])
def test_filter_keeps_its_corpus(copied: tuple[Path, Path], tmp_path: Path, which: str) -> None:
    corpus, _ = copied
    before = files_of(corpus)
    where = {"out": str(tmp_path / "new"), "rejected": None} | {which: str(corpus)}
    with pytest.raises(DataselectError, match="which is to be read"):
        filter_corpus(
            [str(corpus)],
            str(where["out"]),
            filter_of("c4"),
            rejected=where["rejected"],
            overwrite=True,
        )
    assert files_of(corpus) == before
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("inside", [".", "documents", ".."])
def test_select_keeps_its_scores(copied: tuple[Path, Path], inside: str) -> None:
    corpus, scores = copied
    before = files_of(scores)
    with pytest.raises(DataselectError, match="to be read"):
        run_selection([str(corpus)], str(scores), scores / inside, TEN, overwrite=True)
    assert files_of(scores) == before


def test_select_keeps_its_corpus(copied: tuple[Path, Path]) -> None:
    corpus, scores = copied
    before = files_of(corpus)
    with pytest.raises(DataselectError, match="to be read"):
        run_selection([str(corpus)], str(scores), corpus, TEN, overwrite=True)
    assert files_of(corpus) == before


def test_a_name_that_begins_alike_is_apart(tmp_path: Path) -> None:
    check_apart(str(tmp_path / "out"), files=[str(tmp_path / "out2" / "a")])
    check_apart("s3://b/out", files=["s3://b/out2/a.jsonl"], folders=["s3://b/scores"])
    with pytest.raises(DataselectError, match="holds"):
        check_apart("s3://b/out/", files=["s3://b/out/a.jsonl"])
    assert same_place(f"{tmp_path}/a/", f"{tmp_path}/b/../a")
    assert not same_place(f"{tmp_path}/a", f"{tmp_path}/b")


def selected(copied: tuple[Path, Path], out: Path, settings: Settings = TEN) -> dict[str, Any]:
    return run_selection([str(copied[0])], str(copied[1]), out, settings, overwrite=True)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"quotas": quotas_of(["wikj=0.5"], "domain")}, "did you mean wiki"),
        ({"quotas": quotas_of(["none.jsonl=0.5"], "source")}, "no document has the source"),
        ({"exclude": (Path("none.jsonl"),)}, "none.jsonl does not exist"),
        ({"tokens": "noise"}, "'noise' holds float64 .fraction., which counts no tokens"),
        ({"by": "god"}, "did you mean good"),
    ],
)
def test_a_refused_call_leaves_the_earlier_selection(
    copied: tuple[Path, Path], tmp_path: Path, asked: dict[str, Any], said: str
) -> None:
    selected(copied, tmp_path / "out")
    before = files_of(tmp_path / "out")
    for out in ("out", "new"):
        with pytest.raises(DataselectError, match=said):
            selected(copied, tmp_path / out, replace(TEN, **asked))
    assert files_of(tmp_path / "out") == before
    assert not (tmp_path / "new").exists()


def test_only_listed_shards_go_and_only_once_the_folder_is_held(
    copied: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    selected(copied, out)
    (out / "documents" / "mine.txt").write_text("foreign")
    before = files_of(out)
    with locked(str(out)), pytest.raises(DataselectError, match="another run is writing"):
        selected(copied, out, replace(TEN, seed=1))
    assert files_of(out) == before
    # Another corpus, whose shards have other names.
    corpus = write_corpus(tmp_path / "more", documents(30, seed=2))
    other = Path(corpus[0]).rename(tmp_path / "more" / "z.jsonl")
    scores = score([str(other)], tmp_path / "scores2")
    run_selection([str(other)], scores, out, Settings(by="good", threshold=-1.0), overwrite=True)
    assert {name for name in files_of(out) if name.startswith("documents")} == {
        "documents/mine.txt",
        "documents/z.jsonl",
    }


def test_files_of_an_interrupted_run_go_too(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    held = output_folder(out, {"a": 1}, ["d/x", "y"])
    held.__enter__()
    (tmp_path / "out" / "d").mkdir()
    for name in ("d/x", "kept"):
        (tmp_path / "out" / name).write_text("made")
    held.__exit__(KeyError, KeyError(), None)
    with output_folder(out, {"a": 2}, ["z"], overwrite=True):
        assert files_of(tmp_path / "out").keys() == {"begun.json", "kept"}
        assert not (tmp_path / "out" / "d").exists()


@pytest.mark.parametrize("listed", [["../x", "/x", "a/../../x", "", 3], "x", None])
def test_a_manifest_never_leads_out_of_its_folder(tmp_path: Path, listed: object) -> None:
    for name in ("x", "out/x", "out/a"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("foreign")
    (tmp_path / "out" / "manifest.json").write_text(json.dumps({"files": listed}))
    with output_folder(str(tmp_path / "out"), {}, [], overwrite=True):
        pass
    assert files_of(tmp_path).keys() == {"x", "out/x", "out/a", "out/manifest.json"}


def test_filter_replaces_the_files_of_another_corpus(
    copied: tuple[Path, Path], tmp_path: Path
) -> None:
    corpus, _ = copied
    recipe = tmp_path / "any.toml"
    recipe.write_text('[[rule]]\nsignal = "noise"\nmin = 0.5\nmissing = "pass"\n')
    folders = [tmp_path / "kept", tmp_path / "gone"]

    def run(name: str) -> None:
        scores = score([str(corpus / name)], tmp_path / f"scores of {name}")
        filter_corpus(
            [str(corpus / name)],
            str(folders[0]),
            filter_of(str(recipe)),
            rejected=str(folders[1]),
            scores=scores,
            overwrite=True,
        )

    run("a.jsonl")
    assert all((folder / "a.jsonl").exists() for folder in folders)
    (folders[1] / "mine.txt").write_text("foreign")
    run("b.jsonl")
    assert not any((folder / "a.jsonl").exists() for folder in folders)
    assert (folders[1] / "mine.txt").exists()
    assert {row["id"] for folder in folders for row in read_lines(folder / "b.jsonl")} == {
        f"d{i}" for i in range(100, 200)
    }


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("out", "path", "taken"),
    [
        ("c/scores", "c", True),
        ("c", "c/", True),
        ("c/.scores", "c", False),
        ("c2", "c", False),
        ("c/scores", "c/a.jsonl", False),
        ("c/scores", "c/*.jsonl", False),
        ("c/scores", "c/*/*.jsonl", True),
        ("c/scores", "c/**/*.jsonl", True),
        ("c/.scores", "c/**/*.jsonl", False),
        ("c/scores", "c/**/*.parquet", True),
        ("s3://b/c/scores", "s3://b/c", True),
        ("s3://b/scores", "s3://b/c", False),
    ],
)
def test_what_is_written_is_no_part_of_the_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, path: str, taken: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("quarantine.jsonl", "documents/part-000000-000000.parquet")
    if taken:
        with pytest.raises(DataselectError, match="would be read as a part of it"):
            check_not_read(out, [path], names)
    else:
        check_not_read(out, [path], names)


def test_scores_in_the_corpus_are_refused(
    copied: tuple[Path, Path], dataselect: Callable[..., tuple[int, str, str]]
) -> None:
    corpus, scores = copied
    for command in (
        ("score", corpus),
        ("filter", corpus, "--recipe", "c4"),
        ("select", corpus, "--scores", scores, "--by", "good", "--docs", 3),
    ):
        code, _, err = dataselect(*command, "--out", corpus / "inside")
        assert code == 2
        assert "lies in the corpus" in err
    assert not (corpus / "inside").exists()
