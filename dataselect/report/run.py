"""A score folder's page, written whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from dataselect.report.gather import Gathered, Rules, gather
from dataselect.report.page import render
from dataselect.report.texts import read_texts
from dataselect.selection.aggregate import check_columns
from zerocost.files import write_text

__all__ = ["write_report"]


def write_report(
    scores: str,
    out: Path,
    recipes: Sequence[Rules] = (),
    *,
    all_recipes: bool = False,
    texts: bool = True,
    title: str | None = None,
    overwrite: bool = False,
    on_part: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Write one HTML page about a score folder, and return what it says in numbers.

    Args:
        scores: the folder.
        out: the page; it needs no other file.
        recipes: what to apply; those that read columns which are not there are passed over and
            named in the result.
        all_recipes: whether such a recipe is refused instead.
        texts: whether to read the documents at the ends of each column from the corpus.
        title: of the page; None takes the folder's name.
        overwrite: whether an existing page may be replaced.
        on_part: see `gather`.

    Raises:
        DataselectError: there is no such folder, or a recipe's column is not in it;
            ZerocostError: the page exists.
    """
    from dataselect.scores import open_scores

    folder = open_scores(scores)
    known = [column.name for column in folder.columns]
    if all_recipes:
        for recipe in recipes:
            where = f"{scores}, to which the recipe {recipe.name} is to be applied,"
            check_columns(dict.fromkeys(recipe.columns), dict.fromkeys(known), where)
    fitting = [recipe for recipe in recipes if set(recipe.columns) <= {*known}]
    gathered = gather(folder, fitting, on_part=on_part)
    places = [
        place
        for own in gathered.columns
        for place in [*own.extremes.high.tolist(), *own.extremes.low.tolist()]
    ]
    shown, why = read_texts(folder, places, texts=texts)
    page = render(
        gathered,
        title=title or Path(scores).resolve().name,
        sources=_sources(folder),
        shown=shown,
        without_texts=why,
        version=_version(),
    )
    write_text(out, page, overwrite=overwrite)
    return _numbers(gathered, out, page) | {
        "texts_missing": why,
        "recipes_without_columns": {
            recipe.name: sorted(set(recipe.columns) - {*known})
            for recipe in recipes
            if recipe not in fitting
        },
    }


def _sources(folder: Any) -> list[dict[str, Any]]:
    """One line a file of JSON lines or Parquet, one for a run of text files."""
    return [
        {
            "address": str(source.files[0]["address"])
            + (f" and {len(source.files) - 1:,} more" if len(source.files) > 1 else ""),
            "bytes": sum(int(file["bytes"]) for file in source.files),
            "documents": source.documents,
            "quarantined": dict(source.quarantined),
        }
        for source in folder.sources
    ]


def _version() -> str:
    try:
        return version("zerocost")
    except PackageNotFoundError:
        return ""


def _numbers(gathered: Gathered, out: Path, page: str) -> dict[str, Any]:
    return {
        "out": str(out),
        "bytes": len(page.encode()),
        "documents": gathered.documents,
        "columns": len(gathered.columns),
        "recipes": {
            own.rules.name: {
                "rejected": own.overlap.rejected,
                "broken": dict(
                    zip(own.rules.rules, own.overlap.together.diagonal().tolist(), strict=True)
                ),
            }
            for own in gathered.recipes
        },
    }
