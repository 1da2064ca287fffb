"""A search with its outputs: journal, table, result, pictures; continued after an interruption."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from jaxtyping import Float64

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.proxies import default_of, get_all
from nasproxy.scoring.candidates import Candidate, score_candidate
from nasproxy.scoring.correlation import check_same_space
from nasproxy.scoring.readiness import (
    batch_identity,
    check_batch,
    check_device,
    versions,
)
from nasproxy.scoring.table import missing_reasons
from nasproxy.scoring.workers import single_thread
from nasproxy.search.costs import THIS, costs_of
from nasproxy.search.evaluation import Evaluate, Evaluation, evaluator, from_record
from nasproxy.search.folder import JOURNAL, MANIFEST, OUTPUTS, prepared
from nasproxy.search.ledger import Ledger
from nasproxy.search.limits import LATENCY, Limit, most_of
from nasproxy.search.loop import Search, SearchState
from nasproxy.search.objectives import FITNESS, objectives_of
from nasproxy.search.picks import picks_of
from nasproxy.search.result import SearchResult, result_of, write_result
from nasproxy.search.samplers import SamplerOptions, sampler_of
from nasproxy.search.shared_ledger import SharedLedger
from nasproxy.search.studies import SharedStudy, shared_studies
from nasproxy.spaces.space import SearchSpace
from nasproxy.tracing.earlier import EarlierResults
from zerocost.journal import Journal
from zerocost.manifest import Counts, begin, finish, write_manifest

if TYPE_CHECKING:
    from optuna.study import Study

    from nasproxy.benchmarks.table import BenchmarkTable

__all__ = ["OUTPUTS", "SharedStudy", "search"]

A = TypeVar("A", bound=Hashable)

# Networks outside the limits, and none within, after which a search gives up: in each case minutes.
_HOPELESS, _HOPELESS_IF_MEASURED = 10_000, 200


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
    mutation: float | None = None,
    combine: Literal["log", "mean"] = "log",
    objectives: Sequence[str] = (FITNESS,),
    limits: Sequence[Limit] = (),
    shared: SharedStudy | None = None,
    device: str = "cpu",
    benchmark: BenchmarkTable | None = None,
    target: str | None = None,
    overwrite: bool = False,
    inputs: Sequence[Path] = (),
    command: Sequence[str] = (),
    on_evaluation: Callable[[SearchState], None] | None = None,
) -> SearchResult:
    """Search a space by zero-cost proxies and write what was found to a folder.

    Each evaluation is in the folder's journal as soon as it is known. The same call after an
    interruption proposes the same architectures, takes the evaluations that are there, goes on,
    and, where no other process takes part, ends with the same files as an uninterrupted one.
    Networks are scored with one of torch's threads, since the sums of several differ in their
    last digits.

    With a shared study the evaluations are there and not in a journal; every process ends when
    all of the budget are scored, and writes the same table into its own folder. What was ended
    while it wrote is finished by the same call.

    Args:
        space: where to search.
        batch: inputs and labels.
        proxies: names; the default set of the space for None.
        out: the folder; made where it does not exist.
        budget: how many networks to score, 1 or more.
        sampler: one of ``nasproxy.search.samplers.SAMPLERS``.
        seed: of the proposals, of the initialisations and of draws in the passes.
        population: of evolution and nsga2.
        tournament: of evolution.
        mutation: of nsga2.
        combine: how the proxies' ranks are combined.
        objectives: as ``objectives_of`` takes them.
        limits: the highest costs allowed.
        shared: a study that other processes work at too.
        device: where networks run.
        benchmark: a table of true values to report beside; it does not guide the search.
        target: one of its targets; the first where None.
        overwrite: whether the outputs of a finished search may be replaced.
        inputs: the files that were read, for the manifest.
        command: the command line, for the manifest.
        on_evaluation: called after each evaluation of this process.

    Returns:
        The result, as written to ``result.json`` and ``evaluations.parquet``.

    Raises:
        NasproxyError: a budget below 1, an unknown name, a benchmark of another space, a device
            that is not there, a batch too small for a proxy, outputs that exist, a folder that
            cannot be made or holds an unfinished search of another kind: all found before
            anything is written. Then: the storage cannot be opened, the study has other settings,
            no network of the search is within the limits or has a score, or another search has
            finished in the folder meanwhile.
        ZerocostError: the disk is full, an interrupted search had other settings, or another
            process without a shared study writes into the folder.
    """
    asked = get_all(default_of(space) if proxies is None else proxies)
    if benchmark is not None and target is None:
        target = next(iter(benchmark.targets))
    if benchmark is not None:
        check_same_space(space.name, benchmark)
        benchmark.best(str(target))  # an unknown target is refused before anything is scored
    if budget < 1:
        raise NasproxyError(
            f"a budget of {budget} evaluations", accepted="1 or more", hint="--budget 500"
        )
    options = SamplerOptions(sampler, seed, population, tournament, mutation)
    sampler_of(space, options, lambda _: _nothing())  # a wrong option is refused now
    wanted = objectives_of(objectives, {p.name: p.higher_is_better for p in asked})
    most = most_of(limits)
    priced = [*most, *(o.name for o in wanted if o.is_cost)]
    costs = costs_of(space, batch, priced, device=device)
    check_batch(asked, batch)
    check_device(device)

    earlier = EarlierResults()  # mutations have most layers in common with their parents

    def score(architecture: A) -> Candidate:
        with single_thread():
            return score_candidate(
                space, architecture, batch, asked, seed=seed, device=device, earlier=earlier
            )

    folder = prepared(out, shared, overwrite=overwrite)
    settings: dict[str, object] = {
        "space": space.name,
        **({"builder": builder} if (builder := getattr(space, "builder", None)) else {}),
        "proxies": [proxy.name for proxy in asked],
        "images": batch_identity(batch),
        "sampler": sampler,
        "seed": seed,
        "population": population,
        "tournament": tournament,
        "mutation": mutation,
        "combine": combine,
        "objectives": list(objectives),
        "limits": most,
        "device": device,
        "versions": versions(),
    }
    configuration = settings | {
        "budget": budget,
        "benchmark": None if benchmark is None else benchmark.name,
        "target": target,
    }
    manifest = begin(
        "nasproxy",
        command=command if shared is None else [shared.hidden(word) for word in command],
        configuration=configuration | {"shared": None if shared is None else shared.described()},
        seeds={"search": seed},
        inputs=inputs,
        libraries=("numpy", "torch", "optuna"),
    )
    directions = [objective.higher_is_better for objective in wanted]
    with _kept(out, settings, shared, directions, evaluator(score, costs, limits)) as kept:
        evaluate, ledger, study = kept
        loop = Search(
            space,
            evaluate,
            asked,
            options=options,
            objectives=wanted,
            combine=combine,
            ledger=ledger,
            study=study,
            hopeless=_HOPELESS_IF_MEASURED if LATENCY + THIS in priced else _HOPELESS,
        )
        for state in loop.run(budget):
            if on_evaluation is not None:
                on_evaluation(state)
    result = result_of(
        loop.state,
        picks_of(loop.state.candidates, asked, combine),
        wanted,
        benchmark,
        target,
    )
    folder.begin_writing()
    write_result(result, out, asked, target, configuration)
    counts = Counts(result.proposals, len(result.order), missing_reasons(result.order))
    outputs = [out / name for name in OUTPUTS if name != MANIFEST and (out / name).exists()]
    manifest = finish(manifest, outputs=outputs, counts=counts)
    write_manifest(manifest, out / MANIFEST, overwrite=True)
    folder.end_writing()
    return result


@contextmanager
def _kept(
    out: Path,
    settings: dict[str, object],
    shared: SharedStudy | None,
    directions: Sequence[bool],
    evaluate: Evaluate[A],
) -> Iterator[tuple[Evaluate[A], Ledger | None, Study | None]]:
    """Where evaluations are kept: in the folder's journal, or in a study that others share."""
    if shared is not None:
        study, events = shared_studies(shared.storage, shared.name, directions)
        ledger = SharedLedger(events, settings, stale_after=shared.stale_after)
        yield evaluate, ledger, study
        return
    with Journal(out / JOURNAL, settings) as journal:
        known = {record["function"]: from_record(record) for record in journal.records}

        def journalled(architecture: A, function: str) -> Evaluation:
            if function not in known:
                known[function] = evaluate(architecture, function)
                journal.append(known[function].as_record())
            return known[function]

        yield journalled, None, None


def _nothing() -> Float64[np.ndarray, "0 1"]:
    return np.empty((0, 1))
