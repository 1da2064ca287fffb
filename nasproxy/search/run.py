"""A search with its outputs: journal, table, result, picture; continued after an interruption."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from jaxtyping import Float64

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.proxies import get_all
from nasproxy.scoring.candidates import Candidate, score_candidate
from nasproxy.scoring.correlation import check_same_space
from nasproxy.scoring.readiness import batch_identity, check_batch, check_device
from nasproxy.scoring.table import candidates_table, missing_reasons, write_table
from nasproxy.search.loop import Search, SearchState
from nasproxy.spaces.space import SearchSpace
from zerocost.files import whole_file, write_json
from zerocost.journal import Journal, holds_records
from zerocost.manifest import Counts, begin, finish, write_manifest

if TYPE_CHECKING:
    from nasproxy.benchmarks.table import BenchmarkTable

__all__ = ["OUTPUTS", "SearchResult", "search"]

A = TypeVar("A", bound=Hashable)

JOURNAL = "journal.jsonl"
TABLE = "evaluations.parquet"
RESULT = "result.json"
PICTURE = "best_so_far.png"
MANIFEST = "manifest.json"
OUTPUTS = (TABLE, RESULT, PICTURE, MANIFEST)


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        best: the candidates best first; the first is the pick.
        fitness: their rank aggregates, float64 ``[n]``, best first.
        picks: for each evaluation, the index in ``order`` of the pick at that moment.
        order: the candidates in the order of their evaluation.
        proposals: how often the sampler was asked.
        truth: the benchmark's value of each of ``best``, float64 ``[n]``, NaN where unknown; None
            without a benchmark.
        optimum: the benchmark's best architecture and its value; None without a benchmark.
    """

    best: tuple[Candidate, ...]
    fitness: Float64[np.ndarray, " n"]
    picks: tuple[int, ...]
    order: tuple[Candidate, ...]
    proposals: int
    truth: Float64[np.ndarray, " n"] | None
    optimum: tuple[str, float] | None

    @property
    def regret(self) -> float | None:
        """How far the pick's true value is from the optimum; None where it is not known."""
        if self.truth is None or self.optimum is None or np.isnan(self.truth[0]):
            return None
        return self.optimum[1] - float(self.truth[0])


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
            that is not there, a batch too small for a proxy, outputs that exist, or no network of
            the search has a score. All but the last are found before anything is written.
        ZerocostError: the disk is full, or an interrupted search had other settings.
    """
    asked = get_all(proxies)
    names = [proxy.name for proxy in asked]
    if benchmark is not None and target is None:
        target = next(iter(benchmark.targets))
    if benchmark is not None:
        check_same_space(space.name, benchmark)
    optimum = None if benchmark is None or target is None else benchmark.best(target)
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
    }
    manifest = begin(
        "nasproxy",
        command=command,
        configuration=settings | {"budget": budget},
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
    result = _result(loop.state, picks, benchmark, target, optimum)
    _write(result, out, target, settings | {"budget": budget})
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
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise NasproxyError(
            f"the folder {out} cannot be made: {cause.strerror}",
            accepted="a folder, or the name of a new one where you may write",
            hint="choose another --out",
        ) from cause


def _result(
    state: SearchState,
    picks: list[int],
    benchmark: BenchmarkTable | None,
    target: str | None,
    optimum: tuple[str, float] | None,
) -> SearchResult:
    if all(value is None for c in state.candidates for value in c.scores.values()):
        reason = next(iter(state.candidates[0].reasons.values()))
        raise NasproxyError(
            f"none of the {len(state.candidates)} networks has a score; the first: {reason}",
            bad_input=False,
        )
    order = np.lexsort((np.arange(len(state.fitness)), -state.fitness))
    best = tuple(state.candidates[i] for i in order)
    truth = None
    if benchmark is not None and target is not None:
        truth = benchmark.lookup([candidate.architecture for candidate in best], target)
    return SearchResult(
        best,
        state.fitness[order],
        tuple(picks),
        state.candidates,
        state.proposals,
        truth,
        optimum,
    )


def _write(
    result: SearchResult, out: Path, target: str | None, settings: Mapping[str, object]
) -> None:
    import pyarrow as pa

    table = candidates_table(
        str(settings["space"]),
        result.best,
        list(result.best[0].scores),
        combine="log" if settings["combine"] == "log" else "mean",
    )
    evaluated = {c.architecture: i + 1 for i, c in enumerate(result.order)}
    table = table.append_column(
        "evaluation", pa.array([evaluated[c.architecture] for c in result.best])
    )
    if result.truth is not None:
        table = table.append_column(str(target), pa.array(result.truth, from_pandas=True))
    write_table(table, out / TABLE, overwrite=True)
    picture = _picture(result, target)
    if picture is not None:
        with whole_file(out / PICTURE, overwrite=True) as partial:
            partial.write_bytes(picture)
    write_json(out / RESULT, as_json(result, target, settings), overwrite=True)


def as_json(
    result: SearchResult, target: str | None, settings: Mapping[str, object]
) -> dict[str, Any]:
    """The result as plain values: what ``search --json`` prints."""
    return {
        "settings": dict(settings),
        "evaluations": len(result.order),
        "proposals": result.proposals,
        "target": target,
        "optimum": None
        if result.optimum is None
        else {"architecture": result.optimum[0], "value": result.optimum[1]},
        "regret": result.regret,
        "best": [
            {
                "architecture": candidate.architecture,
                "scores": dict(candidate.scores),
                "fitness": float(result.fitness[i]),
                "true": None
                if result.truth is None or np.isnan(result.truth[i])
                else float(result.truth[i]),
            }
            for i, candidate in enumerate(result.best[:10])
        ],
    }


def _picture(result: SearchResult, target: str | None) -> bytes | None:
    """True values of the picks, or without a benchmark the first proxy's scores of them."""
    from nasproxy.plots import best_so_far

    values: Float64[np.ndarray, " n"]
    if result.truth is not None and not np.isnan(result.truth).all():
        of = dict(zip((c.architecture for c in result.best), result.truth, strict=True))
        values = np.array([of[c.architecture] for c in result.order])
        quantity, optimum = f"{target} (%)", None if result.optimum is None else result.optimum[1]
    else:
        quantity, optimum = next(iter(result.order[0].scores)), None
        values = np.array([c.scores[quantity] for c in result.order], dtype=np.float64)
    curve = values[list(result.picks)]
    if not np.isfinite(curve[-1]):
        return None
    try:
        return best_so_far({"pick of the search": curve}, quantity=quantity, optimum=optimum)
    except NasproxyError:  # matplotlib is an extra; a search without it has no picture
        return None
