"""RegMix's public runs: the published rank correlations, and what fewer runs tell.

512 training and 256 test runs of models of a million parameters on 17 domains of the Pile, with
13 validation losses each (`mixtures/regmix` under ZEROCOST_DATA_DIR).

python benchmarks/regmix.py published        the 13 values of the notebook, with its settings
python benchmarks/regmix.py fewer --runs 64 --draws 10 [--regressors gp,stack] [--cache FILE]
python benchmarks/regmix.py speed            a million candidates and the optimum, on 2 threads
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import click
import numpy as np

from dataselect.weighting.optimum import direct, published
from dataselect.weighting.regressors import regressor_named
from dataselect.weighting.regressors.trees import fit_as_published
from dataselect.weighting.runs import Runs
from dataselect.weighting.tables import read_tables
from dataselect.weighting.validation import spearman

# In the order of the columns, as the notebook prints them (times 100).
PUBLISHED = (
    99.6, 99.71, 99.08, 99.45, 97.2, 99.77, 99.73, 99.18, 98.92, 96.87, 98.51, 99.19, 99.12,
)  # fmt: skip


def read(part: str) -> Runs:
    folder = Path(os.environ["ZEROCOST_DATA_DIR"]) / "mixtures" / "regmix"
    return read_tables(folder / f"{part}_mixture_1m.csv", folder / f"{part}_pile_loss_1m.csv")


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command("published")
def published_values() -> None:
    train, test = read("train"), read("test")
    same = 0
    for at, (target, printed) in enumerate(zip(train.targets, PUBLISHED, strict=True)):
        fitted = fit_as_published(
            train.weights, train.losses[:, at], test.weights, test.losses[:, at]
        )
        found = round(100 * spearman(fitted.predict(test.weights), test.losses[:, at]), 2)
        same += found == printed
        print(f"{target:45} {found:6.2f}  published {printed:6.2f}  {fitted.trees} trees")
    print(f"{same} of {len(PUBLISHED)} the same")


@main.command("fewer")
@click.option("--runs", default=64, show_default=True)
@click.option("--draws", default=10, show_default=True)
@click.option("--regressors", default="lightgbm,ridge,mixing_law,power_law,gp,stack")
@click.option("--cache", type=click.Path(path_type=Path), help="JSON lines, to go on from.")
def fewer(runs: int, draws: int, regressors: str, cache: Path | None) -> None:
    """Fit to runs drawn from the training runs (seed = number of the draw), test on all 256."""
    train, test = read("train"), read("test")
    known = {}
    if cache is not None and cache.exists():
        for line in cache.read_text().splitlines():
            record = json.loads(line)
            known[tuple(record["key"])] = record["spearman"]
    for name in regressors.split(","):
        found = np.empty((draws, len(train.targets)))
        started = time.process_time()
        for draw in range(draws):
            rows = np.random.default_rng(draw).permutation(len(train.run_ids))[:runs]
            for at, target in enumerate(train.targets):
                key = (name, runs, draw, target)
                if key not in known:
                    fitted = regressor_named(name).fit(
                        train.weights[rows], train.losses[rows, at], seed=draw
                    )
                    known[key] = spearman(fitted.predict(test.weights), test.losses[:, at])
                    if cache is not None:
                        with cache.open("a") as stream:
                            stream.write(json.dumps({"key": key, "spearman": known[key]}) + "\n")
                found[draw, at] = known[key]
        each = found.mean(axis=1)
        spread = ""
        if draws > 1:
            error = each.std(ddof=1) / np.sqrt(draws)
            spread = f" ± {error:.4f} (least {each.min():.4f}, most {each.max():.4f})"
        print(
            f"{runs} runs, {name:10}: mean of {len(train.targets)} targets {each.mean():.4f}"
            f"{spread}, draws: {draws}; {time.process_time() - started:.0f} s of processor time",
            flush=True,
        )
        print("    " + " ".join(f"{value:.3f}" for value in found.mean(axis=0)), flush=True)


@main.command("speed")
@click.option("--regressors", default="lightgbm,gp,stack")
@click.option("--runs", default=512, show_default=True)
@click.option("--candidates", default=1_000_000, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--target", default="pile_cc", show_default=True, help="Part of the target's name.")
def speed(regressors: str, runs: int, candidates: int, threads: int, target: str) -> None:
    """Time of scoring a million draws and taking the best 128, and of the direct search."""
    train = read("train")
    rows = np.arange(runs)
    at = next(i for i, name in enumerate(train.targets) if target in name)
    for name in regressors.split(","):
        started = time.perf_counter()
        fitted = regressor_named(name).fit(train.weights[rows], train.losses[rows, at])
        fit = time.perf_counter() - started
        started = time.perf_counter()
        best = published(fitted.predict, len(train.names), draws=candidates, threads=threads)
        drawn = time.perf_counter() - started
        started = time.perf_counter()
        found = direct(fitted.predict, len(train.names), threads=threads)
        searched = time.perf_counter() - started
        print(
            f"{name}: {candidates:,} candidates and the mean of the best 128 in {drawn:.1f} s "
            f"(loss {best.predicted:.4f}); direct search {searched:.1f} s (loss "
            f"{found.predicted:.4f}); fitted to {runs} runs in {fit:.1f} s; {threads} threads",
            flush=True,
        )


if __name__ == "__main__":
    main()
