"""``--overwrite`` never removes what is to be read."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from dataselect.corpus.apart import check_apart, same_place
from dataselect.errors import DataselectError
from dataselect.filtering.recipe import filter_of
from dataselect.filtering.run import filter_corpus
from dataselect.selection.budget import Budget
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
