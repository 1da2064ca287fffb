"""nasproxy search."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zerocost_cli.nasproxy.options import (
    batch_of,
    data_options,
    files_read,
    json_option,
    out_option,
    proxies_option,
    space_of,
    split,
    table_files,
)
from zerocost_cli.printing import Fixed, print_json, print_table, progress

if TYPE_CHECKING:
    from nasproxy.search.loop import SearchState
    from nasproxy.search.result import SearchResult

__all__ = ["command"]


@click.command("search")
@click.option(
    "--space", "space_name", required=True, help="The space, by name or pkg.module:object."
)
@proxies_option
@click.option("--budget", required=True, type=int, help="How many networks to score.")
@click.option(
    "--sampler", default="evolution", show_default=True, help="evolution (regularised) or random."
)
@click.option("--population", default=50, show_default=True, help="Evolution: how many live.")
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
@data_options
@click.option("--benchmark", "benchmark_name", help="True values to report beside the scores.")
@click.option("--target", help="A target of the benchmark. [default: its first]")
@out_option("A folder for the results.")
@json_option
def command(
    space_name: str,
    proxies: str | None,
    budget: int,
    sampler: str,
    population: int,
    tournament: int,
    combine: str,
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
) -> None:
    """Search a space for the best network by zero-cost proxies; nothing is trained.

    No two networks that compute the same function are scored. Several proxies are combined by
    their ranks among all networks seen. An interrupted search goes on where it stopped when the
    same command is given again. A benchmark is reported beside and never guides the search.

    \b
    nasproxy search --space nasbench201 --images cifar10 --budget 500
                    --benchmark nasbench201 --out runs/first
    """
    from nasproxy import benchmarks
    from nasproxy.proxies import get_all
    from nasproxy.search.result import RESULT
    from nasproxy.search.run import search

    if target is not None and benchmark_name is None:
        raise click.UsageError("--target belongs to --benchmark; no benchmark is named")
    names = split(proxies)
    get_all(names)
    space = space_of(space_name, builder, length)
    benchmark = None if benchmark_name is None else benchmarks.get(benchmark_name)
    if benchmark is not None and target is None:
        target = next(iter(benchmark.targets))
    batch = batch_of(space, images, text, batch_size, seed)
    with progress("searching", budget) as advance:

        def evaluated(state: SearchState) -> None:
            scores = state.candidates[state.pick].scores.items()
            known = [f"{name} {value:.5g}" for name, value in scores if value is not None]
            advance(len(state.candidates), f"pick so far: {', '.join(known)}")

        result = search(
            space,
            batch,
            names,
            out,
            budget=budget,
            sampler=sampler,
            seed=seed,
            population=population,
            tournament=tournament,
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
        _print(result, target, out, budget)


def _print(result: SearchResult, target: str | None, out: Path, budget: int) -> None:
    from nasproxy.search.result import PICTURE
    from nasproxy.search.run import OUTPUTS

    names = list(result.best[0].scores)
    known = result.truth is not None
    optimum = result.optimum[1] if result.optimum else None
    rows = []
    for i, candidate in enumerate(result.best[:10]):
        row = [i + 1, candidate.architecture, *(candidate.scores[name] for name in names)]
        if result.truth is not None and optimum is not None:
            true = float(result.truth[i])
            row += [Fixed(true), Fixed(optimum - true)]
        rows.append(row)
    print_table(
        ("rank", "architecture", *names, *((f"{target} (%)", "regret") if known else ())),
        rows,
        title=f"{len(result.order):,} networks scored of {result.proposals:,} proposed; the best:",
        apart="architecture",
    )
    if len(result.order) < budget:
        click.echo("The space holds no further function: the search ended before its budget.")
    if result.optimum is not None:
        click.echo(f"Best of the benchmark: {result.optimum[1]:.2f} % by {result.optimum[0]}")
    if not (out / PICTURE).exists():
        click.echo("No picture: pip install 'zerocost[plot]' draws best_so_far.png", err=True)
    click.echo(f"Written: {', '.join(str(out / n) for n in OUTPUTS if (out / n).exists())}")
