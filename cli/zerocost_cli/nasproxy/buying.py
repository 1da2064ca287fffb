"""nasproxy search --buy."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zerocost_cli.nasproxy.options import batch_of, files_read, given, space_of, table_files
from zerocost_cli.nasproxy.showing_costs import cost_heading, plain_cost
from zerocost_cli.printing import Fixed, print_json, print_table, progress

if TYPE_CHECKING:
    from nasproxy.search.bought_result import BoughtResult
    from nasproxy.search.buying import Purchase
    from nasproxy.search.limits import Limit

__all__ = ["buying_options", "run_buying"]

F = TypeVar("F", bound=Callable[..., Any])

_OWN = (
    "evaluate",
    "scores",
    "nodes",
    "predictor",
    "acquisition",
    "first",
    "every",
    "pool",
    "lower",
)
_SHARED = ("space_name", "builder", "length", "seed", "benchmark_name", "target")
_LIMITS = ("max_params", "max_flops", "max_latency")
_FOR_LIMITS = ("images", "text", "batch_size", "device")
_ALL = {"buy", "out", "overwrite", "as_json", *_OWN, *_SHARED, *_LIMITS}


def buying_options(command: F) -> F:
    """``--buy`` and what belongs to it."""
    options = [
        click.option("--buy", type=int, metavar="N", help="Spend N true accuracies instead."),
        click.option(
            "--evaluate",
            metavar="CMD",
            help="Buy: a command with {arch} in it that prints an accuracy last. "
            "[default: look into --benchmark]",
        ),
        click.option(
            "--scores",
            type=click.Path(path_type=Path),
            help="Buy: a score table of rank, for the predictor to read.",
        ),
        click.option(
            "--nodes",
            type=click.Path(path_type=Path),
            help="Buy: a table of nodes of rank, for mabn and mabn+topology.",
        ),
        click.option(
            "--predictor",
            default="gp",
            show_default=True,
            help="Buy: gp, trees or best; with --nodes mabn or mabn+topology.",
        ),
        click.option(
            "--acquisition", default="ei", show_default=True, help="Buy: ei, ucb or thompson."
        ),
        click.option("--first", default=10, show_default=True, help="Buy: how many at random."),
        click.option(
            "--every", type=int, help="Buy: how many between fits. [default: 1 in 20 bought]"
        ),
        click.option(
            "--pool", default=2000, show_default=True, help="Buy: candidates, of a large space."
        ),
        click.option("--lower", is_flag=True, help="Buy: of --evaluate, lower is better."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def run_buying(
    context: click.Context,
    buy: int | None,
    *,
    space_name: str,
    builder: str | None,
    length: int | None,
    inputs: tuple[str, str, int | None],
    device: str,
    seed: int,
    benchmark: str | None,
    target: str | None,
    limits: list[Limit],
    out: Path,
    overwrite: bool,
    as_json: bool,
    options: Mapping[str, Any],
) -> bool:
    """Buy where ``--buy`` is given; whether it was. ``inputs``: images, text, batch size."""
    _check(context, buy is not None, options)
    if buy is None:
        return False
    from nasproxy import benchmarks
    from nasproxy.search.bought_result import RESULT
    from nasproxy.search.bought_run import spend
    from nasproxy.search.buying import BuyingOptions
    from nasproxy.search.shop import shop_of

    table = None if benchmark is None else benchmarks.get(benchmark)
    if table is not None and target is None:
        target = next(iter(table.targets))
    shop = shop_of(options["evaluate"], table, target, higher_is_better=not options["lower"])
    space = space_of(space_name, builder, length)
    images, text, size = inputs
    batch = batch_of(space, images, text, size, seed) if limits else None
    with progress("training", buy) as advance:

        def bought(purchases: tuple[Purchase, ...]) -> None:
            values = [purchase.accuracy for purchase in purchases]
            best = max(values) if shop.higher_is_better else min(values)
            advance(len(purchases), f"best so far: {best:.5g}")

        result = spend(
            space,
            shop,
            out,
            budget=buy,
            predictor=options["predictor"],
            options=BuyingOptions(
                seed=seed,
                first=options["first"],
                every=options["every"],
                acquisition=options["acquisition"],
                pool=options["pool"],
            ),
            scores=options["scores"],
            nodes=options["nodes"],
            benchmark=table,
            target=target,
            limits=limits,
            batch=batch,
            device=device,
            overwrite=overwrite,
            inputs=[*(files_read(images, text) if limits else []), *table_files(table)],
            command=sys.argv,
            on_purchase=bought,
        )
    if as_json:
        print_json({"out": str(out), **json.loads((out / RESULT).read_text(encoding="utf-8"))})
    else:
        _print(result, target, out, buy)
    return True


def _check(context: click.Context, buying: bool, options: Mapping[str, Any]) -> None:
    """What belongs to the other kind of search is refused, not ignored."""
    typed = {name for name in context.params if given(name)}
    names = {p.name: p.opts[0] for p in context.command.params if p.name is not None}
    mine = _ALL | set(_FOR_LIMITS) if typed & set(_LIMITS) else _ALL
    stray = sorted(names[name] for name in (typed - mine if buying else typed & set(_OWN)))
    if stray:
        raise click.UsageError(
            f"{', '.join(stray)} does not go with --buy; proxies come in by --scores"
            if buying
            else f"{', '.join(stray)} belongs to --buy, the search by true accuracies"
        )
    if not buying:
        return
    if options["evaluate"] is None and context.params["benchmark_name"] is None:
        raise click.UsageError("--buy needs --evaluate 'CMD {arch}', or a --benchmark")
    if options["lower"] and options["evaluate"] is None:
        raise click.UsageError("--lower belongs to --evaluate; a benchmark knows its direction")
    if context.params["target"] is not None and context.params["benchmark_name"] is None:
        raise click.UsageError("--target belongs to --benchmark; no benchmark is named")


def _print(result: BoughtResult, target: str | None, out: Path, budget: int) -> None:
    from nasproxy.search.bought_run import OUTPUTS

    sign = -1 if result.higher_is_better else 1
    order = sorted(
        range(len(result.purchases)), key=lambda i: (sign * result.purchases[i].accuracy, i)
    )
    costs = list(result.purchases[0].costs)
    beside = [] if result.truth is None else [f"true {target}"]

    def row(rank: int, i: int) -> list[object]:
        purchase = result.purchases[i]
        cells: list[object] = [rank, purchase.architecture, Fixed(purchase.accuracy), i + 1]
        cells += [plain_cost(purchase.costs[name]) for name in costs]
        return cells if result.truth is None else [*cells, Fixed(float(result.truth[i]))]

    print_table(
        ("rank", "architecture", "bought", "training", *map(cost_heading, costs), *beside),
        [row(rank, i) for rank, i in enumerate(order[:10], start=1)],
        title=f"{len(order):,} accuracies bought; the best:",
        apart="architecture",
    )
    if len(order) < budget:
        within = " within the limits" if costs else ""
        click.echo(f"There is no further candidate{within}: the search ended before its budget.")
    if result.optimum is not None and result.regret is not None:
        best = "Best of the benchmark, limits aside" if costs else "Best of the benchmark"
        value, architecture = result.optimum[1], result.optimum[0]
        click.echo(f"{best}: {value:.2f} by {architecture}; regret {result.regret:.2f}")
    click.echo(f"Written: {', '.join(str(out / n) for n in OUTPUTS if (out / n).exists())}")
