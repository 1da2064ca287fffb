"""nasproxy correlate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zerocost_cli.nasproxy.options import json_option, space_of
from zerocost_cli.printing import print_json, print_table

if TYPE_CHECKING:
    from nasproxy.ranking import Agreement

__all__ = ["command"]


@click.command("correlate")
@click.argument("scores", type=click.Path(path_type=Path))
@click.option("--benchmark", "benchmark_name", required=True, help="The table of true values.")
@click.option("--target", help="A target of the benchmark. [default: its first]")
@click.option(
    "--strata",
    metavar="COLUMN",
    help="Also within each value of this column. [default: the space's own strata, if any]",
)
@click.option("--builder", metavar="B", help="Of the space, for the baselines; as in rank.")
@click.option("--resamples", default=1000, show_default=True, help="Of the bootstrap.")
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap.")
@click.option(
    "--plots", type=click.Path(path_type=Path), help="A folder for one rank scatter a proxy."
)
@click.option("--overwrite", is_flag=True, help="Replace existing plots.")
@json_option
def command(
    scores: Path,
    benchmark_name: str,
    target: str | None,
    strata: str | None,
    builder: str | None,
    resamples: int,
    seed: int,
    plots: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Compare a table of scores with true results: Kendall's tau_b and Spearman's rho.

    \b
    nasproxy correlate scores.parquet --benchmark nasbench201 --target cifar10
    """
    from nasproxy import benchmarks, spaces
    from nasproxy.scoring.correlation import correlate_with, true_values
    from nasproxy.scoring.table import read_scores

    table = read_scores(scores)
    benchmark = benchmarks.get(benchmark_name)
    # A table of somebody's own says no space; what is correlated is then of the benchmark's.
    space = table.space or benchmark.space
    found = correlate_with(
        table,
        benchmark,
        target,
        space=space_of(space, builder) if space in spaces.names() else None,
        strata=strata,
        resamples=resamples,
        seed=seed,
    )
    target = target or next(iter(benchmark.targets))
    quantity = benchmark.quantity(target)
    if plots is not None:
        from nasproxy.plots import rank_scatter
        from nasproxy.scoring.readiness import make_folder
        from zerocost.files import whole_file

        truth = true_values(table, benchmark, target)
        if not quantity.higher_is_better:
            truth = -truth
        make_folder(plots)
        for name in found.proxies:
            values = table.scores[name]
            sign = 1 if table.higher_is_better[name] else -1
            picture = rank_scatter(sign * values, truth, name=name, target=quantity.label(target))
            with whole_file(
                plots / f"{name.replace('/', '_')}.png", overwrite=overwrite
            ) as partial:
                partial.write_bytes(picture)
    if as_json:
        about = {"unit": quantity.unit, "higher_is_better": quantity.higher_is_better}
        print_json({"benchmark": benchmark.name, "target": target, **about, **found.as_json()})
        return
    better = "" if quantity.higher_is_better else " (less is better)"
    groups = [("proxy", found.proxies), ("baseline", found.baselines)]
    title = f"{scores} against {target}{better} of {benchmark.name}"
    print_table(_COLUMNS, _rows(groups), title=title)
    for name, reason in found.undefined.items():
        click.echo(f"{name} has no correlation: {reason}", err=True)
    for stratum, part in found.strata.items():
        groups = [("proxy", part.proxies), ("baseline", part.baselines)]
        print_table(
            _COLUMNS,
            _rows(groups),
            title=f"within {'' if strata is None else f'{strata} = '}{stratum}",
        )
        for name, reason in part.undefined.items():
            click.echo(f"{name} has no correlation here: {reason}", err=True)


_COLUMNS = ("", "name", "Kendall tau_b", "95 % interval", "Spearman rho", "95 % interval", "n")


def _rows(groups: list[tuple[str, Mapping[str, Agreement]]]) -> list[tuple[object, ...]]:
    return [
        (kind, name, *_interval(a.kendall), *_interval(a.spearman), a.n)
        for kind, group in groups
        for name, a in group.items()
    ]


def _interval(estimate: object) -> tuple[str, str]:
    value, low, high = (getattr(estimate, key) for key in ("value", "low", "high"))
    return f"{value:.3f}", f"{low:.3f} to {high:.3f}"
