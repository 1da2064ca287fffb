"""The candidates in the folder of a run: read once, whoever comes back to it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from dataselect.errors import DataselectError
from dataselect.selection.transforms import Missing, Transform
from dataselect.weighting.columns import BothWays, score_columns
from dataselect.weighting.design_run import POOL
from dataselect.weighting.learn_settings import LearnSettings
from dataselect.weighting.pool import ABOUT, save_pool
from dataselect.weighting.reading import read_pool
from dataselect.weighting.validation_sets import read_validation
from zerocost.files import sha256_of, to_json, write_json, write_text

__all__ = ["begin_folder", "candidates_digest", "read_candidates"]

ASKED = "asked.json"

OnStep = Callable[[str, int, int], None]


def begin_folder(folder: Path, asked: dict[str, Any], overwrite: bool) -> None:
    """Begin in a folder, or find that it holds what is asked.

    Args:
        folder: made where it is missing.
        asked: what decides the candidates, as JSON values.
        overwrite: whether candidates of other settings, and their runs, may be removed.

    Raises:
        DataselectError: the folder holds something else, or cannot be made.
    """
    asked = json.loads(to_json(asked))
    path = folder / ASKED
    there = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    if there == asked:
        return
    if there is None and folder.is_dir() and any(folder.iterdir()):
        raise DataselectError(f"{folder} holds other files", accepted="a new or empty folder")
    # Settings that led to nothing, a mistyped column's, bind nobody.
    if there is not None and (folder / POOL / ABOUT).is_file():
        keys = [key for key in asked if there.get(key) != asked[key]]
        if not overwrite:
            shown = "; ".join(
                f"{k}: {str(there.get(k))[:80]} there, {asked[k]!s:.80} now" for k in keys
            )
            raise DataselectError(
                f"the candidates in {folder} were read with other settings: {shown}",
                accepted="the same command, to go on with it",
                hint="give it again, choose another --out, or say --overwrite",
            )
        shutil.rmtree(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise DataselectError(
            f"the folder {folder} cannot be made: {cause.strerror}",
            accepted="a place where you may write",
            hint="choose another --out",
        ) from cause
    write_json(path, asked, overwrite=True)


def read_candidates(
    sources: tuple[Any, ...],
    table: Any,
    settings: LearnSettings,
    folder: Path,
    on_step: OnStep,
) -> None:
    """Read the candidates into a folder; nothing where they are there.

    Args:
        sources: the corpus.
        table: its `ScoreFolder`.
        settings: what is asked.
        folder: of the candidates.
        on_step: called with a step's name, what is done, and how much there is.
    """
    from dataselect.corpus import ReadOptions

    if (folder / ABOUT).is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    columns = score_columns(
        table,
        settings.columns,
        transform=cast(Transform, settings.transform),
        missing=cast(Missing, settings.missing),
        both_ways=cast(BothWays, settings.both_ways),
    )
    validation = read_validation(settings.validation, ReadOptions(**dict(table.index.options)))
    pool, tokenizer = read_pool(sources, table, columns, validation, settings.pool, on_part=on_step)
    write_text(folder / "tokenizer.json", tokenizer.to_str(), overwrite=True)
    save_pool(pool, folder)


def candidates_digest(folder: Path) -> str:
    """Of all that a selection and its losses depend on."""
    files = sorted(path for path in folder.iterdir() if not path.name.startswith(("ngram", ".")))
    return hashlib.sha256("".join(map(sha256_of, files)).encode()).hexdigest()
