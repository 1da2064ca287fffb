"""nasproxy rank."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zerocost_cli.nasproxy.options import (
    batch_of,
    data_options,
    files_read,
    json_option,
    no_space_options,
    proxies_option,
    space_of,
    split,
)
from zerocost_cli.printing import print_json, print_table, progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from nasproxy.scoring.candidates import Candidate
    from nasproxy.scoring.estimate import Estimate
    from nasproxy.scoring.measuring import Task

__all__ = ["command"]

SHOWN = 10


@click.command("rank")
@click.option("--space", "space_name", help="The space, by name or pkg.module:object.")
@click.option("--all", "every", is_flag=True, help="Every architecture of the space.")
@click.option("--sample", type=int, metavar="N", help="N random functions, by --seed.")
@click.option("--archs", metavar="FILE|benchmark:NAME", help="One architecture a line.")
@click.option(
    "--models",
    type=click.Path(path_type=Path),
    help="Networks of your own, in place of a space: a TOML or JSON list.",
)
@proxies_option
@data_options
@click.option(
    "--seeds",
    default=1,
    show_default=True,
    metavar="K",
    help="Mean and spread over K seeds, counted up from --seed.",
)
@click.option(
    "--jobs", type=int, default=None, help="Single-threaded processes. [default: one a core]"
)
@click.option(
    "--nodes", type=click.Path(path_type=Path), help="Also the value of every node, in a Parquet."
)
@click.option("--estimate", is_flag=True, help="Say how long and how large, and write nothing.")
@click.option("--out", type=click.Path(path_type=Path), help="The score table, a Parquet file.")
@click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
@json_option
def command(
    space_name: str | None,
    every: bool,
    sample: int | None,
    archs: str | None,
    models: Path | None,
    proxies: str | None,
    images: str,
    text: str,
    length: int | None,
    builder: str | None,
    batch_size: int | None,
    seed: int,
    device: str,
    seeds: int,
    jobs: int | None,
    nodes: Path | None,
    estimate: bool,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Score many architectures, or networks of your own, into a table, best first.

    An interrupted run goes on where it stopped when the same command is given again.

    \b
    nasproxy rank --space nasbench201 --sample 300 --images cifar10 --out scores.parquet
    nasproxy rank --models networks.toml --seeds 3 --out scores.parquet
    """
    from nasproxy.proxies import default_of, get_all
    from nasproxy.scoring.rank import rank, seeds_of

    if (space_name is None) == (models is None):
        raise click.UsageError("either --space, or --models with a list of your own networks")
    if models is not None and (every or sample is not None or archs is not None):
        raise click.UsageError("--all, --sample and --archs belong to --space")
    no_space_options("--models", models)
    if out is None and not estimate:
        raise click.UsageError("--out names the table to write (or --estimate, to write none)")
    space = None if space_name is None else space_of(space_name, builder, length)
    named = split(proxies)
    names = list(default_of(space)) if named is None else named
    get_all(names)
    drawn = seeds_of(seed, seeds)
    keep = nodes is not None
    size: Callable[[str], float] | None = None
    task: Task
    if models is not None:
        from nasproxy.scoring.model_list import read_models
        from nasproxy.scoring.own_models import own_models_task

        listed = read_models(models)
        own = own_models_task(
            listed,
            names,
            images=images,
            batch_size=64 if batch_size is None else batch_size,
            seeds=drawn,
            device=device,
            nodes=keep,
        )
        task, entries = own, [model.name for model in listed]
        inputs = [models, *own.sources(), *files_read(images)]
    else:
        from nasproxy.scoring.architectures import architectures_task, multiply_accumulates
        from nasproxy.scoring.choice import choose
        from nasproxy.scoring.readiness import check_batch, check_device

        assert space is not None
        chosen = choose(space, every=every, sample=sample, listed=archs, seed=seed)
        batches = [batch_of(space, images, text, batch_size, each) for each in drawn]
        check_batch(get_all(names), batches[0])
        check_device(device)
        task = architectures_task(space, batches, names, seeds=drawn, device=device, nodes=keep)
        entries, inputs = [str(a) for a in chosen], files_read(images, text, archs)
        size = multiply_accumulates(space)
    workers = min(jobs if jobs is not None else os.cpu_count() or 1, max(1, len(entries)))
    if estimate:
        from nasproxy.scoring.estimate import estimate as estimated

        _print_estimate(estimated(task, entries, jobs=workers, size=size), as_json)
        return
    assert out is not None
    with progress("scoring", len(entries)) as advance:
        done = 0

        def scored(_candidate: Candidate) -> None:
            nonlocal done
            done += 1
            advance(done)

        candidates = rank(
            task,
            entries,
            out,
            jobs=workers,
            nodes=nodes,
            overwrite=overwrite,
            inputs=inputs,
            command=sys.argv,
            on_candidate=scored,
        )
    _print(candidates, out, nodes, as_json)


def _print(candidates: list[Candidate], out: Path, nodes: Path | None, as_json: bool) -> None:
    from nasproxy.scoring.table import missing_reasons, read_scores

    missing = missing_reasons(candidates)
    table = read_scores(out)
    models = table.space == "models"
    scored = any(score is not None for c in candidates for score in c.scores.values())
    if as_json:
        found: dict[str, object] = {"out": str(out), "architectures": len(candidates)}
        if nodes is not None:
            found["nodes"] = str(nodes)
        print_json({**found, "no_score": missing})
        sys.exit(0 if scored else 1)
    columns: dict[str, list[object]] = {}
    for name, scores in table.scores.items():
        columns[name] = [float(score) for score in scores]
        if f"{name}_sd" in table.columns:
            columns["± sd" if len(table.scores) == 1 else f"± {name}"] = list(
                table.columns[f"{name}_sd"]
            )
    print_table(
        ("rank", "model" if models else "architecture", *columns),
        [
            (i + 1, table.architectures[i], *(values[i] for values in columns.values()))
            for i in range(min(SHOWN, len(candidates)))
        ],
        title=f"{len(candidates):,} {'models' if models else 'architectures'} in {out}; the best:",
        apart=None if models else "architecture",
    )
    for reason, count in missing.items():
        click.echo(f"{count:,} without a score: {reason.splitlines()[0]}", err=True)
    if not scored:
        click.echo(f"no {'model' if models else 'architecture'} has a score", err=True)
        sys.exit(1)


def _print_estimate(found: Estimate, as_json: bool) -> None:
    if as_json:
        print_json(asdict(found))
        return
    minutes, seconds = divmod(round(found.seconds), 60)
    hours, minutes = divmod(minutes, 60)
    each = f"{found.seconds_each:.3g} ± {found.spread:.1g} s"
    rows = [
        ("entries", f"{found.entries:,}"),
        ("networks measured", f"{found.networks:,} (entries of one network share its scores)"),
        ("time for one", f"{each} on one core, mean of {found.timed} and its standard error"),
        ("time", f"{hours}:{minutes:02}:{seconds:02} on {found.jobs} processes, one a core"),
        ("score table", _size(found.table_bytes)),
    ]
    if found.node_bytes is not None and found.node_rows is not None:
        rows.append(("table of nodes", f"{_size(found.node_bytes)} ({found.node_rows:,} rows)"))
    print_table(("estimate", ""), rows)


def _size(count: float) -> str:
    units = ["bytes", "kB", "MB", "GB"]
    while count >= 1000 and len(units) > 1:
        count /= 1000
        units.pop(0)
    return f"{count:.3g} {units[0]}"
