"""dataselect importance."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from zerocost_cli.printing import print_json, print_table, progress

__all__ = ["command"]

SHOWN = 10


@click.command("importance")
@click.argument("retrievals", type=click.Path(path_type=Path))
@click.option("--k", default=10, show_default=True, help="Answers that the model looks at.")
@click.option(
    "--groups",
    type=click.Path(path_type=Path),
    help='One value a group: JSON lines {"name": ..., "elements": [...]}.',
)
@click.option(
    "--group-game",
    type=click.Choice(["average", "exact"]),
    default="average",
    show_default=True,
    help="average: as published. exact: the players are the groups.",
)
@click.option(
    "--match",
    default="exact",
    show_default=True,
    metavar="RULE",
    help="When answers are equal: exact, casefold, squad or pkg.module:function.",
)
@click.option(
    "--value",
    type=click.Choice(["learned", "banzhaf", "shapley", "loo"]),
    default="learned",
    show_default=True,
    help="What to work out.",
)
@click.option(
    "--learning-rate",
    type=float,
    help="Of the ascent; 500 is published. [default: chosen on held-out validation queries]",
)
@click.option("--epochs", default=50, show_default=True, help="Of the ascent, at the most.")
@click.option(
    "--tolerance", default=0.0, show_default=True, help="Stop after 3 epochs that gain less."
)
@click.option(
    "--repeats",
    type=click.Choice(["independent", "first"]),
    default="independent",
    show_default=True,
    help="Positions of one list with one item: independent draws, or the first only.",
)
@click.option("--epsilon", type=float, help="The error of a derivative that is allowed.")
@click.option("--delta", default=0.05, show_default=True, help="How often it may be exceeded.")
@click.option(
    "--sampling",
    type=click.Choice(["none", "hoeffding", "bernstein"]),
    default="none",
    show_default=True,
    help="Draw queries, as far as --epsilon and --delta allow.",
)
@click.option("--prune", is_flag=True, help="Choose what to remove; accuracy before and after.")
@click.option(
    "--unseen",
    type=click.Choice(["keep", "drop"]),
    default="keep",
    show_default=True,
    help="What pruning does with items of which nothing is known.",
)
@click.option("--test", type=click.Path(path_type=Path), help="Lists to measure on only.")
@click.option(
    "--test-share", default=0.0, show_default=True, help="Or this share of the queries, drawn."
)
@click.option("--seed", default=0, show_default=True, help="Of all draws.")
@click.option("--threads", type=int, help="The result does not depend on it. [default: one a core]")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A Parquet file.")
@click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(
    retrievals: Path,
    k: int,
    groups: Path | None,
    group_game: Any,
    match: str,
    value: Any,
    learning_rate: float | None,
    epochs: int,
    tolerance: float,
    repeats: Any,
    epsilon: float | None,
    delta: float,
    sampling: Any,
    prune: bool,
    unseen: Any,
    test: Path | None,
    test_share: float,
    seed: int,
    threads: int | None,
    out: Path,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Learn how much each retrieved item helps, and which share of them to remove.

    RETRIEVALS holds one query a line or row, as JSON lines or Parquet: a list "retrieved" (or
    "retrieved_websites"), best rank first, and either "utility", a number an item, or
    "retrieved_answers" and "correct_answers". An interrupted run goes on where it stopped when
    the same command is given again.

    \b
    dataselect importance retrievals.jsonl --groups domains.jsonl --prune --test-share 0.5
        --out importance.parquet
    """
    from dataselect.errors import DataselectError
    from dataselect.importance.approximation import Approximation
    from dataselect.importance.run import Settings, run_importance

    if epsilon is None and sampling != "none":
        raise DataselectError(
            f"--sampling {sampling} without --epsilon",
            accepted="an error that is allowed",
            hint="--epsilon 0.001 on derivatives of at most 1/k",
        )
    settings = Settings(
        k=k,
        match=match,
        value=value,
        learning_rate=learning_rate,
        epochs=epochs,
        tolerance=tolerance,
        repeats=repeats,
        group_game=group_game,
        approximation=None if epsilon is None else Approximation(epsilon, delta, sampling),
        prune=prune,
        unseen=unseen,
        test_share=test_share,
        seed=seed,
    )
    with progress("learning", epochs) as advance:
        result = run_importance(
            retrievals,
            out,
            settings,
            test=test,
            groups=groups,
            threads=threads,
            overwrite=overwrite,
            command=sys.argv,
            on_epoch=lambda done, objective: advance(done, f"objective {objective:.4f}"),
        )
    if as_json:
        print_json(result)
        return
    _print(result, out)


def _print(result: dict[str, Any], out: Path) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(out)
    names = [n for n in ("item", "group", "importance", "retrieved") if n in table.column_names]
    first = table.slice(0, SHOWN).select(names).to_pylist()
    print_table(
        names,
        [[row[name] for name in names] for row in first],
        title=f"{result['items']:,} items in {out}, {result['unseen_items']:,} of them never "
        f"retrieved; the first {len(first)}:",
    )
    parts = [name for name in ("validation", "test") if name in result]
    if parts:
        columns = [c for c in ("before", "pruned", "reweighted") if c in result[parts[0]]]
        matching = f", answers matched: {result['matching']}" if result["matching"] else ""
        print_table(
            ("queries of", "n", *columns),
            [(p, result[p]["queries"], *(result[p][c] for c in columns)) for p in parts],
            title=f"{result['measure']}{matching}; removed: {result['prune']['share']:.0%} of "
            f"positions, {result['prune']['removed_items']:,} items",
        )
    if "learning_rate" in result:
        objective = result["objective"]
        click.echo(
            f"step size {result['learning_rate']:g}, objective {objective[0]:.4f} to "
            f"{objective[-1]:.4f} in {len(objective) - 1} epochs (stopped: {result['stopped']})"
        )
