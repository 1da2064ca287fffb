"""nasproxy parzc predict."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from zerocost_cli.nasproxy.options import json_option, space_of
from zerocost_cli.nasproxy.parzc.options import (
    feature_options,
    listed_of,
    sources_of,
)
from zerocost_cli.printing import print_json, print_table

__all__ = ["command"]


SHOWN = 10


@click.command("predict")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--space", "space_name", help="[default: the space of the fit]")
@feature_options
@click.option("--out", type=click.Path(path_type=Path), help="A Parquet file for all predictions.")
@click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
@json_option
def command(
    folder: Path,
    space_name: str | None,
    scores: Path | None,
    nodes: Path | None,
    proxies: str | None,
    archs: str | None,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Rank architectures by a predictor that `nasproxy parzc fit` wrote into FOLDER.

    Best first. A higher mean is better, of a latency or a loss as well; it is in the predictor's
    own unit. The spread is how uncertain it is, in the same unit.

    \b
    nasproxy parzc predict runs/predictor --scores all.parquet
                  --nodes all_nodes.parquet --out predictions.parquet
    """
    from nasproxy.prediction.predicting import predict_into
    from nasproxy.prediction.training_set import read_training_set

    space = space_of(space_name or read_training_set(folder).space)
    found = predict_into(
        out,
        folder,
        space,
        sources=sources_of(scores, nodes, proxies),
        architectures=listed_of(space, archs),
        overwrite=overwrite,
        command=sys.argv,
    )
    rows = [
        {
            "architecture": text,
            "mean": float(found.prediction.mean[place]),
            "spread": float(found.prediction.spread[place]),
            "trained": found.trained[place],
        }
        for place, text in enumerate(found.architectures[:SHOWN])
    ]
    if as_json:
        about = {"architectures": len(found.architectures), "without_score": found.lacking}
        print_json({"out": None if out is None else str(out), **about, "best": rows})
        return
    print_table(
        ("rank", "architecture", "mean", "spread", "trained"),
        [
            (i, row["architecture"], row["mean"], row["spread"], "yes" if row["trained"] else "")
            for i, row in enumerate(rows, start=1)
        ],
        title=f"{len(found.architectures):,} architectures predicted by {folder}; the best:",
        apart="architecture",
    )
    if found.lacking:
        click.echo(f"{found.lacking:,} left out: a score is missing", err=True)
    if out is not None:
        click.echo(f"Written: {out}")
