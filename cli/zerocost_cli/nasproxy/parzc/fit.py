"""nasproxy parzc fit."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from zerocost_cli.nasproxy.options import json_option, out_option, space_of
from zerocost_cli.nasproxy.parzc.options import (
    feature_options,
    listed_of,
    predictor_option,
    sources_of,
    truth_of,
    truth_options,
)
from zerocost_cli.printing import print_json

__all__ = ["command"]


@click.command("fit")
@click.option("--space", "space_name", required=True, help="By name or pkg.module:object.")
@predictor_option
@feature_options
@truth_options
@click.option("--target", help="Of the accuracies. [default: the first]")
@click.option("--train", type=int, metavar="N", help="N random classes. [default: all]")
@click.option("--seed", default=0, show_default=True, help="Of draw and fit.")
@out_option("A folder for the predictor.")
@json_option
def command(
    space_name: str,
    predictor_name: str,
    scores: Path | None,
    nodes: Path | None,
    proxies: str | None,
    archs: str | None,
    benchmark_name: str | None,
    accuracies: Path | None,
    lower: bool,
    target: str | None,
    train: int | None,
    seed: int,
    out: Path,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Fit a predictor on architectures of known accuracy, one for each class.

    \b
    nasproxy rank --space nasbench201 --sample 500 --images cifar10
                  --proxies naswot,synflow,grad_norm,snip
                  --out scores.parquet --nodes nodes.parquet
    nasproxy parzc fit --space nasbench201 --scores scores.parquet
                  --nodes nodes.parquet --benchmark nasbench201
                  --train 156 --out runs/predictor
    """
    from nasproxy.prediction import get
    from nasproxy.prediction.fitting import fit_into

    predictor = get(predictor_name)
    space = space_of(space_name)
    truth = truth_of(space.name, benchmark_name, accuracies, lower=lower)
    training = fit_into(
        out,
        predictor,
        space,
        truth,
        target or next(iter(truth.targets)),
        sources=sources_of(scores, nodes, proxies),
        architectures=listed_of(space, archs),
        train=train,
        seed=seed,
        overwrite=overwrite,
        command=sys.argv,
    )
    found = {
        "out": str(out),
        "predictor": predictor_name,
        "trained": len(training.architectures),
        "benchmark": training.benchmark,
        "target": training.target,
    }
    if as_json:
        print_json(found)
        return
    click.echo(
        f"{predictor_name} fitted on {len(training.architectures):,} classes, {training.target} of "
        f"{training.benchmark}"
    )
    click.echo(f"Written: {out}")
