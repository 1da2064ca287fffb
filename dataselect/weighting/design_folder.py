"""A design on disk: what is to be run, and a record of each run that is done."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from dataselect.errors import DataselectError
from dataselect.weighting.designs import Design
from dataselect.weighting.proxies.proxy import Proxy
from dataselect.weighting.runs import Runs, join
from zerocost.files import to_json, write_json

__all__ = ["DesignFolder", "begin_design", "open_design"]

DESIGN, RECORDS, CLAIMS = "design.json", "records", "claims"


@dataclass(frozen=True)
class DesignFolder:
    """What is asked, in a folder.

    Attributes:
        folder: where.
        design: weight vectors by run id.
        proxy: its settings.
        tokens: the budget of every selection.
        seed: of every run: with the same seed all start from the same weights, and the losses
            differ by the selections alone.
        digest: changes whenever any of these, or the candidates, do.
    """

    folder: Path
    design: Design
    proxy: dict[str, Any]
    tokens: int
    seed: int
    digest: str

    def groups(self, at_once: int) -> list[tuple[str, ...]]:
        """Runs that are trained together: always the same ones, whoever trains them."""
        ids = self.design.run_ids
        return [ids[start : start + at_once] for start in range(0, len(ids), at_once)]

    def record(self, run_id: str) -> Path:
        """Where the record of a run is, once it is done."""
        return self.folder / RECORDS / f"{quote(run_id, safe='')}.json"

    def done(self, run_ids: Sequence[str]) -> bool:
        """Whether all these runs have a record."""
        return all(self.record(run_id).is_file() for run_id in run_ids)

    def write_record(self, run_id: str, losses: dict[str, float], about: dict[str, Any]) -> None:
        """Keep what a run led to; null for the loss of a model that diverged.

        Raises:
            DataselectError: the folder holds another design by now.
        """
        if open_design(self.folder).digest != self.digest:
            raise DataselectError(
                f"another command has begun another design in {self.folder}",
                accepted="one design a folder",
                hint="give the command of that design, to help with it",
                bad_input=False,
            )
        kept = {name: loss if math.isfinite(loss) else None for name, loss in losses.items()}
        found = {"run_id": run_id, "design": self.digest, "losses": kept, **about}
        write_json(self.record(run_id), found, overwrite=True)

    def records(self) -> dict[str, dict[str, Any]]:
        """The records there are, by run id, in the design's order.

        Raises:
            DataselectError: one is damaged, or of another design.
        """
        found = {}
        for run_id in self.design.run_ids:
            path = self.record(run_id)
            if not path.is_file():
                continue
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
                whole = record["run_id"] == run_id and record["design"] == self.digest
            except (ValueError, KeyError, TypeError):
                whole = False
            if not whole:
                raise DataselectError(
                    f"{path} is damaged, or a record of another design",
                    accepted="records as they were written",
                    hint="remove the file, and the same command runs it again",
                )
            found[run_id] = record
        return found

    def losses(self) -> dict[str, dict[str, float]]:
        """What is done: run id -> target -> loss, NaN where a model diverged."""
        return {
            run_id: {
                name: math.nan if loss is None else loss for name, loss in own["losses"].items()
            }
            for run_id, own in self.records().items()
        }

    def runs(self) -> Runs:
        """The table of what is done, joined by run id; runs that diverged are left out."""
        return join(self.design, self.losses())


def begin_design(
    folder: Path,
    design: Design,
    proxy: Proxy,
    *,
    tokens: int,
    seed: int,
    candidates: str,
    overwrite: bool = False,
) -> DesignFolder:
    """Begin a design in a folder, or go on with it.

    Args:
        folder: made where it is missing.
        design: the weight vectors.
        proxy: what is trained.
        tokens: the budget of every selection.
        seed: of every run.
        candidates: a digest of what is selected from.
        overwrite: whether the runs of another design may be removed.

    Raises:
        DataselectError: the folder holds runs of another design.
    """
    asked = {
        "proxy": proxy.as_dict(),
        "tokens": tokens,
        "seed": seed,
        "candidates": candidates,
        "names": list(design.names),
        "runs": dict(zip(design.run_ids, design.weights.tolist(), strict=True)),
    }
    (folder / RECORDS).mkdir(parents=True, exist_ok=True)
    path = folder / DESIGN
    if path.is_file():
        there = json.loads(path.read_text(encoding="utf-8"))
        differing = [key for key in asked if there.get(key) != json.loads(to_json(asked))[key]]
        runs = list((folder / RECORDS).glob("*.json"))
        if differing and runs and not overwrite:
            raise DataselectError(
                f"{folder} holds runs of another design; {', '.join(differing)} differ",
                accepted="the command that the design was begun with",
                hint="give it again, choose another folder, or say --overwrite",
            )
        if differing:
            for record in runs:
                record.unlink()
            write_json(path, asked, overwrite=True)
    else:
        write_json(path, asked)
    return open_design(folder)


def open_design(folder: Path) -> DesignFolder:
    """The design in a folder.

    Raises:
        DataselectError: there is none.
    """
    path = folder / DESIGN
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text)
        weights = np.array(list(found["runs"].values()), dtype=np.float64)
        design = Design(tuple(found["names"]), tuple(found["runs"]), weights)
        return DesignFolder(
            folder,
            design,
            found["proxy"],
            int(found["tokens"]),
            int(found["seed"]),
            hashlib.sha256(text.encode()).hexdigest(),
        )
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise DataselectError(
            f"{path} is no design: {cause}",
            accepted="a folder in which `dataselect learn-weights` has begun a design",
            hint="begin it on one machine; others join when it has read the corpus",
        ) from cause
