"""Rounds: what a fit to the runs proposes is tried with the same proxy, and the fit made anew."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from dataselect.weighting.choice import UNIFORM, finalists
from dataselect.weighting.claims import claimed
from dataselect.weighting.design_folder import (
    CLAIMS,
    DESIGN,
    RECORDS,
    DesignFolder,
    begin_design,
    open_design,
)
from dataselect.weighting.design_run import POOL, complete
from dataselect.weighting.designs import Design
from dataselect.weighting.learning import LEAST_RUNS, objective_of, weighed_losses
from dataselect.weighting.pool import open_pool
from dataselect.weighting.proposals import propose
from dataselect.weighting.proxies.proxy import Proxy
from dataselect.weighting.run_table import joined, write_tables
from dataselect.weighting.runs import Runs
from zerocost.files import write_json

__all__ = ["EACH", "SEEDS", "Trials", "begin_rounds", "run_rounds"]

EACH, SEEDS = 8, 3
ASKED, FOLDER = "rounds.json", "rounds"
_POLL_SECONDS = 0.2

OnStep = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Trials:
    """All that was tried.

    Attributes:
        design: its runs.
        rounds: those of each round.
        repeats: the finalists again, a further seed each; empty without rounds.
    """

    design: DesignFolder
    rounds: tuple[DesignFolder, ...] = ()
    repeats: tuple[DesignFolder, ...] = ()

    @property
    def parts(self) -> tuple[DesignFolder, ...]:
        """The design and the rounds: what is learned from."""
        return (self.design, *self.rounds)

    def runs(self) -> Runs:
        """One table of the design and the rounds, by run id."""
        return joined(self.parts)


def begin_rounds(folder: Path, rounds: int, target: str, *, overwrite: bool = False) -> None:
    """Say how many rounds are to follow the design in a folder, and for which target.

    Args:
        folder: of `begin_design`.
        rounds: how many; 0 leaves rounds that are there unused.
        target: ``mean`` of the validation sets, or the name of one.
        overwrite: whether rounds of another target or design may be removed.

    Raises:
        DataselectError: there are some, and they may not.
    """
    path = folder / ASKED
    asked = {"rounds": rounds, "target": target, "design": open_design(folder).digest}
    there = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else asked
    if not rounds:
        write_json(path, there | {"rounds": 0}, overwrite=True)
        return
    differing = [key for key in ("target", "design") if there[key] != asked[key]]
    if differing:
        done = any((folder / FOLDER).glob(f"*/{RECORDS}/*.json"))
        if done and not overwrite:
            raise DataselectError(
                f"the rounds in {folder} are for "
                + (f"the target {there['target']}" if "target" in differing else "another design"),
                accepted="the command that they were begun with",
                hint="give it again, choose another --out, or say --overwrite, which runs other "
                "rounds and keeps the design",
            )
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
    write_json(path, asked, overwrite=True)


def run_rounds(
    folder: Path, proxy: Proxy, *, jobs: int = 1, on_step: OnStep | None = None
) -> Trials:
    """Run a design, then the rounds that `begin_rounds` asked for, and write the table.

    After the design each round tries eight vectors that the runs before it speak for (`propose`).
    Then the best are trained again with three further seeds. Like `run_design` this is work that
    any number of calls share, that goes on after an interruption, and that ends with the same
    table: what a round tries follows from the records before it and the seed, and is written down
    before it is tried.

    Args:
        folder: of the design, its candidates in ``pool/``.
        proxy: that the design was begun with.
        jobs: processes, each with one thread.
        on_step: called with (what, done, total).

    Raises:
        DataselectError: no such design, or a run failed.
    """
    pool = folder / POOL

    def run(part: Path, name: str) -> DesignFolder:
        def say(done: int, total: int) -> None:
            if on_step is not None:
                on_step(name, done, total)

        return complete(part, proxy, pool, jobs=jobs, on_run=say)

    own = run(folder, "proxy runs")
    parts, repeats = [own], []
    asked = _asked(folder, own.digest)
    for number in range(1, asked["rounds"] + 1):
        part = folder / FOLDER / str(number)
        make = partial(_round, number, tuple(parts), asked)
        _begin(part, parts[-1], proxy, make, own.seed)
        parts.append(run(part, f"round {number}"))
    if asked["rounds"]:
        runs = joined(parts)
        ids = finalists(runs.run_ids, _losses(runs, asked))
        again = _again(runs, ids)
        named = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:12]
        for seed in range(own.seed + 1, own.seed + 1 + SEEDS):
            part = folder / FOLDER / f"again-{named}-{seed}"
            _begin(part, own, proxy, lambda: again, seed)
            repeats.append(run(part, f"again with seed {seed}"))
    write_tables(folder, parts, repeats)
    return Trials(own, tuple(parts[1:]), tuple(repeats))


def _asked(folder: Path, digest: str) -> dict[str, Any]:
    path = folder / ASKED
    if not path.is_file():
        return {"rounds": 0}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    # A command that was killed before it asked for rounds of its own design asked for none.
    return found if found["design"] == digest else {"rounds": 0}


def _losses(runs: Runs, asked: dict[str, Any]) -> Float64[np.ndarray, " runs"]:
    return weighed_losses(runs, objective_of(runs, asked["target"]))


def _round(number: int, parts: tuple[DesignFolder, ...], asked: dict[str, Any]) -> Design:
    """What a round tries; the first tries uniform weights, too, where the design has not."""
    own, runs = parts[0], joined(parts)
    losses = _losses(runs, asked)
    if len(losses) < LEAST_RUNS or np.ptp(losses) == 0:
        planned = sum(len(part.design.run_ids) for part in parts)
        raise DataselectError(
            f"{len(losses)} of {planned} runs have a loss, {len(np.unique(losses))} of them "
            "different: there is nothing to go by in a round",
            accepted=f"{LEAST_RUNS} runs or more with losses that differ",
            hint="more --runs or --tokens, or a lower learning rate where models diverge",
        )
    candidates = open_pool(own.folder / POOL)

    def usable(weights: Float64[np.ndarray, " scores"]) -> bool:
        try:
            return bool(len(candidates.select(weights, own.tokens)))
        except DataselectError:  # the best document is longer than the budget
            return False

    seed = (own.seed, number)
    found = propose(runs.weights, losses, EACH, seed=seed, usable=usable)
    ids = tuple(f"round-{number}-{at:04d}" for at in range(len(found)))
    k = len(runs.names)
    if number == 1 and UNIFORM not in own.design.run_ids and usable(np.full(k, 1 / k)):
        found, ids = np.vstack([np.full((1, k), 1 / k), found]), (UNIFORM, *ids)
    return Design(runs.names, ids, found)


def _again(runs: Runs, ids: tuple[str, ...]) -> Design:
    rows = [runs.run_ids.index(run_id) for run_id in ids]
    return Design(runs.names, ids, runs.weights[rows])


def _begin(
    part: Path, before: DesignFolder, proxy: Proxy, make: Callable[[], Design], seed: int
) -> None:
    """Write down what a part tries; of several that come to it one does, the others wait."""
    while not (part / DESIGN).is_file():
        with claimed(part.parent / CLAIMS, part.name) as claim:
            if claim is None:
                time.sleep(_POLL_SECONDS)
            elif not (part / DESIGN).is_file():
                begin_design(
                    part, make(), proxy, tokens=before.tokens, seed=seed, candidates=before.digest
                )
