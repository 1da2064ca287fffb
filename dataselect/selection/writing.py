"""The selected documents as files of the corpus' own formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dataselect.selection.job import Job
from dataselect.selection.taking import Taken

__all__ = ["write_documents"]


def write_documents(job: Job, taken: Taken, out: Path) -> list[Any]:
    """The shards of the selected documents."""
    from dataselect.corpus import Rewriting, write_selected

    scored = [file for source in job.scores.sources for file in source.files]
    found = [file.address for source in job.sources for file in source.files]
    was = {address: str(file["address"]) for address, file in zip(found, scored, strict=True)}
    sha256 = {address: str(file["sha256"]) for address, file in zip(found, scored, strict=True)}
    number = {file.address: source.number for source in job.sources for file in source.files}
    held: dict[int, dict[str, Any]] = {}

    def keep(address: str) -> Any:
        own = number[address]
        if own not in held:
            held.clear()
            held[own] = _rows_of_source(job.scores, own, taken.selected)
        return held[own].get(was[address], np.zeros(0, dtype=np.int64))

    total, done = len(found), 0

    def on_shard(shard: Any) -> None:
        nonlocal done
        done += 1
        job.say("writing files", done, total)

    return write_selected(
        job.sources,
        keep,
        str(out),
        rewriting=Rewriting(job.options),
        expected=lambda address: sha256[address],
        on_shard=on_shard,
    )


def _rows_of_source(scores: Any, number: int, selected: Sequence[Any]) -> dict[str, Any]:
    """File -> the rows of it that are selected, ascending."""
    found: dict[str, list[Any]] = {}
    for i, part in enumerate(scores.parts):
        if part.source != number or not selected[i].any():
            continue
        if scores.sources[number].format == "text":
            table = scores.part(i, ["source"]).filter(selected[i])
            found |= {name: [np.zeros(1, dtype=np.int64)] for name in table["source"].to_pylist()}
        else:
            rows = scores.part(i, ["row"])["row"].to_numpy()[selected[i]]
            address = str(scores.sources[number].files[0]["address"])
            found.setdefault(address, []).append(rows)
    return {address: np.concatenate(rows) for address, rows in found.items()}
