"""A search with bought accuracies and its outputs; no accuracy is ever paid for twice."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import zerocost
from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.parzc.node_table import table_architectures
from nasproxy.prediction.predictor import get
from nasproxy.scoring.correlation import check_same_space
from nasproxy.search.bought_result import (
    PICTURE,
    RESULT,
    TABLE,
    BoughtResult,
    result_of_purchases,
    write_purchases,
)
from nasproxy.search.buying import BuyingOptions, Purchase, buy, check_predictor
from nasproxy.search.costs import THIS, costs_of
from nasproxy.search.folder import claimed
from nasproxy.search.limits import (
    LATENCY,
    Limit,
    costs_as_json,
    costs_of_json,
    finite_or_nan,
    most_of,
)
from nasproxy.search.pool import Pool, listed_pool, table_pool, with_nodes
from nasproxy.search.shop import Shop
from nasproxy.spaces.space import SearchSpace
from zerocost.files import sha256_of
from zerocost.journal import Journal, holds_records
from zerocost.manifest import Counts, begin, finish, write_manifest

if TYPE_CHECKING:
    from nasproxy.benchmarks.table import BenchmarkTable

__all__ = ["OUTPUTS", "spend"]

A = TypeVar("A", bound=Hashable)

JOURNAL = "bought.jsonl"
MANIFEST = "manifest.json"
OUTPUTS = (TABLE, RESULT, PICTURE, MANIFEST)


def spend(
    space: SearchSpace[A],
    shop: Shop,
    out: Path,
    *,
    budget: int,
    predictor: str = "gp",
    options: BuyingOptions | None = None,
    scores: Path | None = None,
    nodes: Path | None = None,
    benchmark: BenchmarkTable | None = None,
    target: str | None = None,
    limits: Sequence[Limit] = (),
    batch: Batch | None = None,
    device: str = "cpu",
    overwrite: bool = False,
    inputs: Sequence[Path] = (),
    command: Sequence[str] = (),
    on_purchase: Callable[[tuple[Purchase, ...]], None] | None = None,
) -> BoughtResult:
    """Buy accuracies by ``nasproxy.search.buying.buy`` and write what was found to a folder.

    Each accuracy is in the folder's journal before anything else happens, and stays there: the
    same call after an interruption or a failed training proposes the same architectures, takes
    what is there, goes on, and ends with the same files. A larger budget with ``overwrite`` goes
    on from a finished search.

    Args:
        space: where to search.
        shop: where accuracies come from.
        out: the folder; made where it does not exist.
        budget: how many accuracies in all.
        predictor: a registered one.
        options: how the budget is spent.
        scores: a score table, whose proxies the predictor reads beside the description; only its
            architectures are candidates.
        nodes: a table of nodes, for predictors that read them; only its architectures are
            candidates.
        benchmark: true values to report beside.
        target: of the benchmark; its first where None.
        limits: the highest costs allowed; nothing outside them is trained.
        batch: whose first input costs are found with; needed for limits.
        device: where latency is measured.
        overwrite: whether the outputs of a finished search may be replaced.
        inputs: files that were read, for the manifest.
        command: the command line, for the manifest.
        on_purchase: called with all purchases after each.

    Raises:
        NasproxyError: a budget below 1, an unknown name, a benchmark or scores of another space,
            outputs that exist, limits without a batch or that no candidate keeps, a predictor
            that cannot be fitted on the first trainings (nothing is paid for), or a training that
            failed.
        ZerocostError: the journal is of a search with other settings, or the disk is full.
    """
    chosen, wanted = get(predictor), options or BuyingOptions()
    if benchmark is not None:
        check_same_space(space.name, benchmark)
        target = target or next(iter(benchmark.targets))
        benchmark.best(target)
    if budget < 1:
        raise NasproxyError(f"a budget of {budget} trainings", accepted="1 or more")
    measure, most = None, most_of(limits)
    if limits:
        if batch is None:
            raise NasproxyError("limits without a batch to find costs with", accepted="a batch")
        measure = costs_of(space, batch, list(most), device=device)
    pool = _candidates(space, shop, wanted.seed, scores, nodes)
    check_predictor(space, chosen, budget, wanted, pool)
    unfinished = holds_records(out / JOURNAL) and not (out / MANIFEST).exists()
    kept = ", which keeps what was bought and goes on to a larger --buy"
    claimed(out, OUTPUTS, anew=overwrite or unfinished, overwriting=kept)
    settings: dict[str, object] = {
        "space": space.name,
        "bought": shop.name,
        "higher_is_better": shop.higher_is_better,
        "predictor": predictor,
        "scores": None if scores is None else sha256_of(scores),
        **({} if nodes is None else {"nodes": sha256_of(nodes)}),
        **asdict(wanted),
        **({"limits": most} if most else {}),
        "version": zerocost.__version__,
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
        seeds={"search": wanted.seed},
        inputs=[*inputs, *(path for path in (scores, nodes) if path is not None)],
        libraries=("numpy", "scipy", "scikit-learn"),
    )
    purchases: tuple[Purchase, ...] = ()
    with Journal(out / JOURNAL, settings) as journal:
        paid = {r["function"]: r["accuracy"] for r in journal.records if "accuracy" in r}
        measured = {
            r["function"]: costs_of_json(r["costs"]) for r in journal.records if "costs" in r
        }
        again_the_same = all(limit.cost != LATENCY + THIS for limit in limits)

        def costs(architecture: A, function: str) -> Mapping[str, float]:
            if measure is None:
                return {}
            if function not in measured:
                measured[function] = finite_or_nan(measure(architecture))
                if not again_the_same:  # what a clock said is kept, or another run goes elsewhere
                    kept = costs_as_json(measured[function])
                    journal.append({"function": function, "costs": kept})
            return dict(measured[function])

        def train(text: str, function: str) -> float:
            if function not in paid:
                if len(paid) >= budget:
                    raise _other_proposals(text, len(paid), out)
                accuracy = shop.train(text, function)
                record = {"architecture": text, "function": function, "accuracy": accuracy}
                journal.append(record)
                paid[function] = accuracy
            return float(paid[function])

        for purchases in buy(
            space,
            train,
            budget,
            chosen,
            wanted,
            pool=pool,
            higher_is_better=shop.higher_is_better,
            costs=costs if limits else None,
            limits=limits,
        ):
            if on_purchase is not None:
                on_purchase(purchases)
    result = result_of_purchases(purchases, shop, benchmark, target)
    (out / MANIFEST).unlink(missing_ok=True)  # until the outputs are whole
    write_purchases(result, out, shop, target, configuration)
    outputs = [out / name for name in OUTPUTS if name != MANIFEST and (out / name).exists()]
    manifest = finish(manifest, outputs=outputs, counts=Counts(len(purchases), len(purchases)))
    write_manifest(manifest, out / MANIFEST, overwrite=True)
    return result


def _other_proposals(text: str, paid: int, out: Path) -> NasproxyError:
    return NasproxyError(
        f"all {paid:,} trainings of the budget are paid for, and this run proposes another: "
        f"{text}; predictions differ from those of the run that it continues",
        accepted="the versions of libraries and the number of threads of that run",
        hint=f"their accuracies are in {out / JOURNAL}; a larger --buy pays for more",
        bad_input=False,
    )


def _candidates(
    space: SearchSpace[A], shop: Shop, seed: int, scores: Path | None, nodes: Path | None
) -> Pool[A] | None:
    """All the candidates; None where they are drawn anew for every fit."""
    if nodes is not None:
        texts = None if scores is not None else table_architectures(nodes)
        pool = _of_tables(space, shop, seed, scores, texts)
        return None if pool is None else with_nodes(space, pool, nodes)
    return _of_tables(space, shop, seed, scores, None)


def _of_tables(
    space: SearchSpace[A],
    shop: Shop,
    seed: int,
    scores: Path | None,
    texts: Sequence[str] | None,
) -> Pool[A] | None:
    within = None if shop.within is None else set(shop.within)
    if scores is not None:
        from nasproxy.scoring.table import read_scores

        table = read_scores(scores)
        if table.space and table.space != space.name:
            raise NasproxyError(
                f"{scores} holds scores of the space {table.space!r}",
                accepted=f"scores of the space {space.name!r}",
            )
        return table_pool(space, table.architectures, seed, scores=table.scores, within=within)
    if texts is not None:
        return table_pool(space, texts, seed, within=within)
    if shop.within is not None:
        return table_pool(space, list(dict.fromkeys(shop.within)), seed, within=within)
    return listed_pool(space, seed)
