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
from dataselect.selection.evaluation import read_evaluation
from dataselect.selection.run import run_selection
from dataselect.selection.settings import Settings
from dataselect.selection.weights import ColumnWeight, Weights, read_weights
from dataselect.weighting.learn_run import learn_weights
from dataselect.weighting.validation_sets import content_of
from zerocost.files import to_json, write_json

__all__ = ["STEPS", "run_recipe"]

STEPS = ("score", "learn", "select", "report")
ASKED, DONE, REPLACING = "recipe.json", "done", "replacing.json"
DECIDES = {
    **dict.fromkeys(("corpus", "read", "score"), STEPS),
    **dict.fromkeys(("learn", "seed"), ("learn", "select")),
    **dict.fromkeys(("select", "exclude"), ("select",)),
    "report": ("report",),
}
"""What has to be done again where a part of the recipe is another."""
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
        overwrite: whether the outputs of another recipe may be replaced; only the steps that the
            difference touches are done again.
        command: the command line, for the manifests.
        on_step: called with what is done, how much, and how much there is.

    Returns:
        What each step said, by its name.

    Raises:
        DataselectError: bad input, or ``out`` holds the outputs of another recipe.
    """
    with locked(str(recipe.out)):
        replacing = _begin(recipe, overwrite)
        if not (recipe.out / DONE / "select.json").is_file():
            # Sets that cannot be kept out would otherwise be refused after hours of training.
            read_evaluation(recipe.selection(Weights({"any": ColumnWeight(1.0)})), recipe.read)
        found: dict[str, Any] = {}
        for name, step in zip(STEPS, (_score, _learn, _select, _report), strict=True):
            done = recipe.out / DONE / f"{name}.json"
            if not done.is_file():
                said = step(recipe, name in replacing, command, on_step)
                write_json(done, said, overwrite=True)
            found[name] = json.loads(done.read_text(encoding="utf-8"))
    return {"out": str(recipe.out)} | found


def _begin(recipe: Recipe, overwrite: bool) -> set[str]:
    """Begin, or find the same recipe begun; the steps whose outputs are to be replaced."""
    asked = json.loads(to_json(_asked(recipe)))
    path, done = recipe.out / ASKED, recipe.out / DONE
    there = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    kept = done / REPLACING
    replacing = set(json.loads(kept.read_text(encoding="utf-8"))) if kept.is_file() else set()
    if there == asked:
        return replacing
    if there is None and any(recipe.out.iterdir()):
        raise DataselectError(
            f"{recipe.out} holds other files", accepted="a new or empty folder as out"
        )
    done.mkdir(exist_ok=True)
    if there is not None:
        differing = [key for key in {**asked, **there} if there.get(key) != asked.get(key)]
        if not overwrite:
            raise DataselectError(
                f"{recipe.out} was begun with another recipe; {', '.join(differing)} differ",
                accepted="the recipe as it was, to go on with it",
                hint="put it back, choose another out, or say --overwrite",
            )
        again = {step for key in differing for step in DECIDES[key]}
        # Kept on disk before anything is undone: an interrupted run has to go on replacing.
        replacing |= again
        write_json(kept, sorted(replacing), overwrite=True)
        for name in again:
            (done / f"{name}.json").unlink(missing_ok=True)
    write_json(path, asked, overwrite=True)
    return replacing


def _asked(recipe: Recipe) -> dict[str, Any]:
    return {
        "corpus": list(recipe.corpus),
        "read": recipe.read.as_dict(),
        "score": recipe.scorers,
        "learn": recipe.learn.as_dict(),
        "select": dict(recipe.select),
        "report": {"title": recipe.title, "texts": recipe.texts},
        "seed": recipe.seed,
    } | _contents(recipe.select["exclude"])


def _contents(exclude: Sequence[str]) -> dict[str, Any]:
    return {"exclude": [content_of(Path(path)) for path in exclude]} if exclude else {}


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
