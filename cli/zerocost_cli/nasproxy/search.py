"""nasproxy search."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zerocost_cli.nasproxy.buying import buying_options, run_buying
from zerocost_cli.nasproxy.options import (
    batch_of,
    data_options,
    files_read,
    given,
    json_option,
    out_option,
    proxies_option,
    space_of,
    split,
    table_files,
)
from zerocost_cli.nasproxy.showing_costs import cost_heading, plain_cost
from zerocost_cli.printing import Fixed, print_json, print_table, progress

if TYPE_CHECKING:
    from nasproxy.search.limits import Limit
    from nasproxy.search.loop import SearchState
    from nasproxy.search.result import SearchResult

__all__ = ["command"]

FRONT_SHOWN = 30


@click.command("search")
@click.option(
    "--space", "space_name", required=True, help="The space, by name or pkg.module:object."
)
@proxies_option
@click.option("--budget", type=int, metavar="N", help="How many networks to score.")
@click.option(
    "--sampler",
    default="evolution",
    show_default=True,
    help="evolution (regularised), nsga2, tpe, random or exhaustive.",
)
@click.option(
    "--population", default=50, show_default=True, help="Evolution and nsga2: how many live."
)
@click.option(
    "--generations",
    type=int,
    metavar="N",
    help="In place of --budget: N times the population.",
)
@click.option(
    "--mutation",
    type=float,
    metavar="P",
    help="Nsga2: chance of a new value a dimension. [default: 1 / dimensions]",
)
@click.option(
    "--tournament",
    default=10,
    show_default=True,
    help="Evolution: how many compete to be the parent.",
)
@click.option(
    "--combine",
    type=click.Choice(["log", "mean"]),
    default="log",
    show_default=True,
    help="How the ranks of several proxies add up.",
)
@click.option(
    "--objectives",
    default="proxies",
    show_default=True,
    metavar="A,B",
    help="Of: proxies (their rank), a proxy, params, flops, latency:DEVICE; =min or =max.",
)
@click.option("--max-params", metavar="N", help="Such as 15.7M.")
@click.option("--max-flops", metavar="N", help="Multiply-accumulates of one input, such as 60M.")
@click.option(
    "--max-latency",
    multiple=True,
    metavar="DEVICE=MS",
    help="Of a device of hw-nasbench201, or this (measured). May be repeated.",
)
@click.option(
    "--storage",
    metavar="FILE|URL",
    help="Share the search with other processes: a journal file, or an Optuna storage.",
)
@click.option("--study", help="The study's name in --storage. [default: nasproxy]")
@buying_options
@data_options
@click.option("--benchmark", "benchmark_name", help="True values to report beside the scores.")
@click.option("--target", help="A target of the benchmark. [default: its first]")
@out_option("A folder for the results.")
@json_option
def command(
    space_name: str,
    proxies: str | None,
    budget: int | None,
    sampler: str,
    population: int,
    generations: int | None,
    mutation: float | None,
    tournament: int,
    combine: str,
    objectives: str,
    max_params: str | None,
    max_flops: str | None,
    max_latency: tuple[str, ...],
    storage: str | None,
    study: str | None,
    buy: int | None,
    images: str,
    text: str,
    length: int | None,
    builder: str | None,
    batch_size: int | None,
    seed: int,
    device: str,
    benchmark_name: str | None,
    target: str | None,
    out: Path,
    overwrite: bool,
    as_json: bool,
    **bought: object,
) -> None:
    """Search a space for the best network by zero-cost proxies; nothing is trained.

    With --buy, by true accuracies instead: pick, fit a predictor, pick again.

    No two networks that compute the same function are scored. Several proxies are combined by
    their ranks among all networks seen. An interrupted search goes on where it stopped when the
    same command is given again. A benchmark is reported beside and never guides the search.
    Several objectives give a Pareto front; nsga2 is made for them.

    \b
    nasproxy search --space nasbench201 --images cifar10 --budget 500
                    --benchmark nasbench201 --out runs/first
    nasproxy search --space nasbench201 --budget 500 --sampler nsga2
                    --objectives proxies,latency:pixel3 --out runs/front
    nasproxy search --space nasbench201 --buy 100
                    --evaluate "python train.py {arch}" --out runs/bought
    """
    limits = _limits(max_params, max_flops, max_latency)
    if run_buying(
        click.get_current_context(),
        buy,
        space_name=space_name,
        builder=builder,
        length=length,
        inputs=(images, text, batch_size),
        device=device,
        seed=seed,
        benchmark=benchmark_name,
        target=target,
        limits=limits,
        out=out,
        overwrite=overwrite,
        as_json=as_json,
        options=bought,
    ):
        return
    from nasproxy import benchmarks
    from nasproxy.proxies import get_all
    from nasproxy.search.result import RESULT
    from nasproxy.search.run import SharedStudy, search

    if (budget is None) == (generations is None):
        raise click.UsageError("either --budget, or --generations times the --population")
    _refuse_idle(sampler, generations)
    if study is not None and storage is None:
        raise click.UsageError("--study belongs to --storage")
    if target is not None and benchmark_name is None:
        raise click.UsageError("--target belongs to --benchmark; no benchmark is named")
    names = split(proxies)
    get_all(names)
    wanted = budget if budget is not None else population * (generations or 0)
    space = space_of(space_name, builder, length)
    benchmark = None if benchmark_name is None else benchmarks.get(benchmark_name)
    if benchmark is not None and target is None:
        target = next(iter(benchmark.targets))
    batch = batch_of(space, images, text, batch_size, seed)
    with progress("searching", wanted) as advance:

        def evaluated(state: SearchState) -> None:
            scores = state.candidates[state.pick].scores.items()
            known = [f"{name} {value:.5g}" for name, value in scores if value is not None]
            advance(len(state.candidates), f"pick so far: {', '.join(known)}")

        result = search(
            space,
            batch,
            names,
            out,
            budget=wanted,
            sampler=sampler,
            seed=seed,
            population=population,
            tournament=tournament,
            mutation=mutation,
            objectives=split(objectives) or (),
            limits=limits,
            shared=None if storage is None else SharedStudy(storage, study or "nasproxy"),
            combine="log" if combine == "log" else "mean",
            device=device,
            benchmark=benchmark,
            target=target,
            overwrite=overwrite,
            inputs=[*files_read(images, text), *table_files(benchmark)],
            command=sys.argv,
            on_evaluation=evaluated,
        )
    if as_json:
        print_json({"out": str(out), **json.loads((out / RESULT).read_text(encoding="utf-8"))})
    else:
        _print(result, target, out, wanted, shared=storage is not None)


def _refuse_idle(sampler: str, generations: int | None) -> None:
    """Refuse what the sampler would not read."""
    if generations is None and sampler not in ("evolution", "nsga2") and given("population"):
        raise click.UsageError(f"--population belongs to evolution and nsga2, not to {sampler}")
    if sampler != "evolution" and given("tournament"):
        raise click.UsageError(f"--tournament belongs to evolution, not to {sampler}")


def _limits(params: str | None, flops: str | None, latency: tuple[str, ...]) -> list[Limit]:
    from nasproxy.search.limits import latency_limit, size_limit

    sizes = (("params", params), ("flops", flops))
    found = [size_limit(cost, text) for cost, text in sizes if text is not None]
    return found + [latency_limit(text) for text in latency]


def _print(
    result: SearchResult, target: str | None, out: Path, budget: int, *, shared: bool
) -> None:
    from nasproxy.search.result import PICTURE
    from nasproxy.search.run import OUTPUTS

    names = list(result.best[0].scores)
    costs = list(result.costs[0])
    known = [f"{result.quantity.label(str(target))}", "regret"] if result.quantity else []
    several = len(result.objectives) > 1
    shown = range(min(10, len(result.best)))

    def row(place: int) -> list[object]:
        candidate = result.best[place]
        cells: list[object] = [place + 1, candidate.architecture]
        cells += [candidate.scores[name] for name in names]
        cells += [plain_cost(result.costs[place][name]) for name in costs]
        if result.truth is not None:
            true = float(result.truth[place])
            short = result.short_of(true)
            cells += [Fixed(true), None if short is None else Fixed(short)]
        return cells

    columns = ("rank", "architecture", *names, *map(cost_heading, costs), *known)
    outside = f", {result.outside:,} outside the limits" if result.outside else ""
    by = f"by all processes, {result.proposals:,} proposed by this one"
    proposed = by if shared else f"of {result.proposals:,} proposed"
    print_table(
        columns,
        [row(place) for place in shown],
        title=f"{len(result.order):,} networks scored {proposed}{outside}; the best:",
        apart="architecture",
    )
    if several:
        on_it = [place for place in range(len(result.best)) if result.front[place]]
        print_table(
            columns,
            [row(place) for place in on_it[:FRONT_SHOWN]],
            title=f"Pareto front of {', '.join(o.name for o in result.objectives)}: "
            f"{len(on_it):,} networks"
            + (f", the first {FRONT_SHOWN} by rank:" if len(on_it) > FRONT_SHOWN else ":"),
            apart="architecture",
        )
    if len(result.order) < budget:
        within = " within the limits" if result.outside else ""
        click.echo(f"No further function{within} was found: the search ended before its budget.")
    if result.optimum is not None and result.quantity is not None:
        best = f"{result.optimum[1]:.2f} {result.quantity.unit}".rstrip()
        click.echo(f"Best of the benchmark: {best} by {result.optimum[0]}")
    if not (out / PICTURE).exists():
        click.echo("No picture: pip install 'zerocost[plot]' draws best_so_far.png", err=True)
    click.echo(f"Written: {', '.join(str(out / n) for n in OUTPUTS if (out / n).exists())}")
