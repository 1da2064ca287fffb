"""nasproxy rank."""

from __future__ import annotations

import os
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
)
from zerocost_cli.printing import print_json, print_table, progress

if TYPE_CHECKING:
    from nasproxy.scoring.candidates import Candidate

__all__ = ["command"]

SHOWN = 10


@click.command("rank")
@click.option(
    "--space", "space_name", required=True, help="The space, by name or pkg.module:object."
)
@click.option("--all", "every", is_flag=True, help="Every architecture of the space.")
@click.option("--sample", type=int, metavar="N", help="N random functions, by --seed.")
@click.option("--archs", metavar="FILE|benchmark:NAME", help="One architecture a line.")
@proxies_option
@data_options
@click.option(
    "--jobs", type=int, default=None, help="Single-threaded processes. [default: one a core]"
)
@out_option("The score table, a Parquet file.")
@json_option
def command(
    space_name: str,
    every: bool,
    sample: int | None,
    archs: str | None,
    proxies: str | None,
    images: str,
    text: str,
    length: int | None,
    builder: str | None,
    batch_size: int | None,
    seed: int,
    device: str,
    jobs: int | None,
    out: Path,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Score many architectures into a table, best first.

    An interrupted run goes on where it stopped when the same command is given again.

    \b
    nasproxy rank --space nasbench201 --sample 300 --images cifar10 --out scores.parquet
    """
    from nasproxy.proxies import get_all
    from nasproxy.scoring.choice import choose
    from nasproxy.scoring.table import missing_reasons, rank_architectures, read_scores

    names = split(proxies)
    asked = get_all(names)
    space = space_of(space_name, builder, length)
    chosen = choose(space, every=every, sample=sample, listed=archs, seed=seed)
    batch = batch_of(space, images, text, batch_size, seed)
    with progress("scoring", len(chosen)) as advance:
        done = 0

        def scored(_candidate: Candidate) -> None:
            nonlocal done
            done += 1
            advance(done)

        candidates = rank_architectures(
            space,
            chosen,
            batch,
            names if names is not None else [proxy.name for proxy in asked],
            out,
            seed=seed,
            jobs=min(jobs if jobs is not None else os.cpu_count() or 1, max(1, len(chosen))),
            device=device,
            overwrite=overwrite,
            inputs=files_read(images, text, archs),
            command=sys.argv,
            on_candidate=scored,
        )
    missing = missing_reasons(candidates)
    table = read_scores(out)
    if as_json:
        print_json({"out": str(out), "architectures": len(candidates), "no_score": missing})
        return
    print_table(
        ("rank", "architecture", *table.scores),
        [
            (i + 1, table.architectures[i], *(float(s[i]) for s in table.scores.values()))
            for i in range(min(SHOWN, len(candidates)))
        ],
        title=f"{len(candidates):,} architectures in {out}; the best:",
        apart="architecture",
    )
    for reason, count in missing.items():
        click.echo(f"{count:,} without a score: {reason.splitlines()[0]}", err=True)
