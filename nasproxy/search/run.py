"""A search with its outputs: journal, table, result, picture; continued after an interruption."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import torch

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.proxies import get_all
from nasproxy.scoring.candidates import Candidate, score_candidate
from nasproxy.scoring.correlation import check_same_space
from nasproxy.scoring.readiness import batch_identity, check_batch, check_device, make_folder
from nasproxy.scoring.table import missing_reasons
from nasproxy.search.loop import Search, SearchState
from nasproxy.search.result import PICTURE, RESULT, TABLE, SearchResult, result_of, write_result
from nasproxy.spaces.space import SearchSpace
from zerocost.journal import Journal, holds_records
from zerocost.manifest import Counts, begin, finish, write_manifest

if TYPE_CHECKING:
    from nasproxy.benchmarks.table import BenchmarkTable

__all__ = ["OUTPUTS", "search"]

A = TypeVar("A", bound=Hashable)

JOURNAL = "journal.jsonl"
MANIFEST = "manifest.json"
OUTPUTS = (TABLE, RESULT, PICTURE, MANIFEST)


def search(
    space: SearchSpace[A],
    batch: Batch,
    proxies: Sequence[str] | None,
    out: Path,
    *,
    budget: int,
    sampler: str = "evolution",
    seed: int = 0,
    population: int = 50,
    tournament: int = 10,
    combine: Literal["log", "mean"] = "log",
    device: str = "cpu",
    benchmark: BenchmarkTable | None = None,
    target: str | None = None,
    overwrite: bool = False,
    inputs: Sequence[Path] = (),
    command: Sequence[str] = (),
    on_evaluation: Callable[[SearchState], None] | None = None,
) -> SearchResult:
    """Search a space by zero-cost proxies and write what was found to a folder.

    Each score is in the folder's journal as soon as it is known. The same call after an
    interruption proposes the same architectures, takes the scores that are there, goes on, and
    ends with the same files as an uninterrupted one.

    Args:
        space: where to search.
        batch: inputs and labels.
        proxies: names; the default set for None.
        out: the folder; made where it does not exist.
        budget: how many networks to score, 1 or more.
        sampler: "evolution" or "random".
        seed: of the proposals, of the initialisations and of draws in the passes.
        population: of evolution.
        tournament: of evolution.
        combine: how the proxies' ranks are combined.
        device: where networks run.
        benchmark: a table of true values to report beside; it does not guide the search.
        target: one of its targets; the first where None.
        overwrite: whether the outputs of a finished search may be replaced.
        inputs: the files that were read, for the manifest.
        command: the command line, for the manifest.
        on_evaluation: called after each evaluation.

    Returns:
        The result, as written to ``result.json`` and ``evaluations.parquet``.

    Raises:
        NasproxyError: a budget below 1, an unknown name, a benchmark of another space, a device
            that is not there, a batch too small for a proxy, outputs that exist, a folder that
            cannot be made, or no network of the search has a score. All but the last are found
            before anything is written.
        ZerocostError: the disk is full, or an interrupted search had other settings.
    """
    asked = get_all(proxies)
    names = [proxy.name for proxy in asked]
    if benchmark is not None and target is None:
        target = next(iter(benchmark.targets))
    if benchmark is not None:
        check_same_space(space.name, benchmark)
        benchmark.best(str(target))  # an unknown target is refused before anything is scored
    if budget < 1:
        raise NasproxyError(
            f"a budget of {budget} evaluations", accepted="1 or more", hint="--budget 500"
        )
    check_batch(asked, batch)
    check_device(device)

    def loop_of(score: Callable[[A], Candidate]) -> Search[A]:
        return Search(
            space,
            score,
            asked,
            sampler=sampler,
            seed=seed,
            population=population,
            tournament=tournament,
            combine=combine,
        )

    def unscored(architecture: A) -> Candidate:
        return score_candidate(space, architecture, batch, asked, seed=seed, device=device)

    loop_of(unscored)  # an unknown sampler is refused before a folder is made
    _prepare(out, overwrite)
    settings: dict[str, object] = {
        "space": space.name,
        "proxies": names,
        "images": batch_identity(batch),
        "sampler": sampler,
        "seed": seed,
        "population": population,
        "tournament": tournament,
        "combine": combine,
        "device": device,
        "threads": torch.get_num_threads(),  # sums of one and of two threads differ
    }
    configuration = settings | {
        "budget": budget,
        "benchmark": None if benchmark is None else benchmark.name,
        "target": target,
    }
    manifest = begin(
        "nasproxy",
        command=command,
        configuration=configuration,
        seeds={"search": seed},
        inputs=inputs,
        libraries=("numpy", "torch", "optuna"),
    )
    with Journal(out / JOURNAL, settings) as journal:
        scored = {record["architecture"]: Candidate(**record) for record in journal.records}

        def score(architecture: A) -> Candidate:
            text = str(architecture)
            if text not in scored:
                scored[text] = unscored(architecture)
                journal.append(asdict(scored[text]))
            return scored[text]

        loop = loop_of(score)
        picks = []
        for state in loop.run(budget):
            picks.append(state.pick)
            if on_evaluation is not None:
                on_evaluation(state)
    result = result_of(loop.state, picks, benchmark, target)
    write_result(result, out, asked, target, configuration)
    counts = Counts(result.proposals, len(result.order), missing_reasons(result.order))
    outputs = [out / name for name in OUTPUTS if name != MANIFEST and (out / name).exists()]
    manifest = finish(manifest, outputs=outputs, counts=counts)
    write_manifest(manifest, out / MANIFEST, overwrite=True)
    (out / JOURNAL).unlink()
    return result


def _prepare(out: Path, overwrite: bool) -> None:
    if out.is_file():
        raise NasproxyError(f"{out} is a file", accepted="a folder", hint="choose another --out")
    existing = [name for name in OUTPUTS if (out / name).exists()]
    if existing and not overwrite and not holds_records(out / JOURNAL):
        raise NasproxyError(
            f"{out} holds a finished search ({', '.join(existing)})",
            accepted="a new folder, or one with an interrupted search",
            hint="choose another --out, or say --overwrite",
        )
    make_folder(out)
