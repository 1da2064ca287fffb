"""The four steps of a recipe, each done once, whatever interrupts them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dataselect.corpus.output import locked
from dataselect.errors import DataselectError
from dataselect.pipeline.recipe import Recipe
from dataselect.selection.run import run_selection
from dataselect.selection.settings import Settings
from dataselect.selection.weights import read_weights
from dataselect.weighting.learn_run import learn_weights
from zerocost.files import to_json, write_json

__all__ = ["STEPS", "run_recipe"]

STEPS = ("score", "learn", "select", "report")
ASKED, DONE = "recipe.json", "done"
OnStep = Callable[[str, int, int], None]


def run_recipe(
    recipe: Recipe,
    *,
    overwrite: bool = False,
    command: Sequence[str] = (),
    on_step: OnStep | None = None,
) -> dict[str, Any]:
    """Score the corpus, learn weights, select by them, write the page; what is done stays done.

    In ``out``: ``scores/``, ``weights.json`` with ``weights.runs/``, ``selection/``,
    ``report.html`` about the scores, ``recipe.json`` with what was asked, and in ``done/`` what
    each finished step said. The same call after an interruption goes on inside the step where it
    stopped, and a finished run answers at once.

    Args:
        recipe: of `read_recipe`.
        overwrite: whether the outputs of another recipe may be replaced.
        command: the command line, for the manifests.
        on_step: called with what is done, how much, and how much there is.

    Returns:
        What each step said, by its name.

    Raises:
        DataselectError: bad input, or ``out`` holds the outputs of another recipe.
    """
    with locked(str(recipe.out)):
        replaced = _begin(recipe, overwrite)
        found: dict[str, Any] = {}
        for name, step in zip(STEPS, (_score, _learn, _select, _report), strict=True):
            done = recipe.out / DONE / f"{name}.json"
            if not done.is_file():
                said = step(recipe, replaced, command, on_step)
                write_json(done, said, overwrite=True)
            found[name] = json.loads(done.read_text(encoding="utf-8"))
    return {"out": str(recipe.out)} | found


def _begin(recipe: Recipe, overwrite: bool) -> bool:
    """Begin, or find the same recipe begun; whether outputs that are there are to be replaced."""
    asked = json.loads(to_json(_asked(recipe)))
    path, done = recipe.out / ASKED, recipe.out / DONE
    there = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    if there == asked:
        return bool((recipe.out / DONE / "replacing").exists())
    if there is None and any(recipe.out.iterdir()):
        raise DataselectError(
            f"{recipe.out} holds other files", accepted="a new or empty folder as out"
        )
    if there is not None and not overwrite:
        differing = [key for key in asked if there.get(key) != asked[key]]
        raise DataselectError(
            f"{recipe.out} was begun with another recipe; {', '.join(differing)} differ",
            accepted="the recipe as it was, to go on with it",
            hint="put it back, choose another out, or say --overwrite",
        )
    done.mkdir(exist_ok=True)
    for name in STEPS:
        (done / f"{name}.json").unlink(missing_ok=True)
    if there is not None:  # kept on disk: an interrupted run has to go on replacing
        (done / "replacing").touch()
    write_json(path, asked, overwrite=True)
    return there is not None


def _asked(recipe: Recipe) -> dict[str, Any]:
    return {
        "corpus": list(recipe.corpus),
        "read": recipe.read.as_dict(),
        "score": recipe.scorers,
        "learn": recipe.learn.as_dict(),
        "select": dict(recipe.select),
        "report": {"title": recipe.title, "texts": recipe.texts},
        "seed": recipe.seed,
    }


def _score(
    recipe: Recipe, replaced: bool, command: Sequence[str], on_step: OnStep | None
) -> dict[str, Any]:
    from dataselect.scorers.named import scorers_of
    from dataselect.scores.run import Progress, score_corpus

    def show(at: Progress) -> None:
        if on_step is not None:
            on_step("scoring, MB", at.done // 10**6, at.total // 10**6)

    summary = score_corpus(
        recipe.corpus,
        str(recipe.out / "scores"),
        scorers_of(recipe.scorers),
        options=recipe.read,
        workers=recipe.workers,
        overwrite=replaced,
        command=command,
        on_progress=show,
    )
    said = asdict(summary)
    return {name: said[name] for name in said if name not in ("fresh", "out")}


def _learn(
    recipe: Recipe, replaced: bool, command: Sequence[str], on_step: OnStep | None
) -> dict[str, Any]:
    out = recipe.out / "weights.json"
    # Weights without the word that they are done: the run was stopped between the two.
    found = learn_weights(
        recipe.corpus,
        str(recipe.out / "scores"),
        out,
        recipe.learn,
        jobs=recipe.workers,
        overwrite=replaced or out.exists(),
        command=command,
        on_step=on_step,
    )
    return {name: own for name, own in found.summary.items() if name not in ("out", "folder")}


def _select(
    recipe: Recipe, replaced: bool, command: Sequence[str], on_step: OnStep | None
) -> dict[str, Any]:
    settings: Settings = recipe.selection(read_weights(recipe.out / "weights.json"))
    out = recipe.out / "selection"
    finished = (out / "manifest.json").is_file() and not (out / "begun.json").exists()
    result = run_selection(
        recipe.corpus,
        str(recipe.out / "scores"),
        out,
        settings,
        workers=recipe.workers,
        overwrite=replaced or finished,
        command=command,
        on_part=on_step,
    )
    return {name: own for name, own in result.items() if name != "out"}


def _report(
    recipe: Recipe, replaced: bool, command: Sequence[str], on_step: OnStep | None
) -> dict[str, Any]:
    from dataselect.report.recipes import recipes_of
    from dataselect.report.run import write_report

    out: Path = recipe.out / "report.html"
    result = write_report(
        str(recipe.out / "scores"),
        out,
        recipes_of(()),
        texts=recipe.texts,
        title=recipe.title or recipe.out.resolve().name,
        overwrite=replaced or out.exists(),
        on_part=on_step,
    )
    return {name: result[name] for name in ("documents", "columns", "recipes")}
