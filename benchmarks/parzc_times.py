"""How long a fit takes, and what node features cost beside one bare forward and backward.

    python benchmarks/parzc_times.py fit --nodes nodes.parquet --levels scores.parquet --train 781
    python benchmarks/parzc_times.py nodes --cells 30

``fit``: the seconds of fitting and of predicting every class, by predictor. A table with fewer
classes than ``--train`` is repeated until it has as many: the time does not depend on the values.

``nodes``: for each cell both sides build the network and run it on 16 images in channels last, in
turn, several times; the ratio of a cell is that of the medians.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from parzc_nasbench201 import measured, predictor, truth
from torch import nn
from torch.nn import functional as F

from nasproxy import spaces
from nasproxy.batch import Batch
from nasproxy.evaluation import outcomes
from nasproxy.images import load_batch
from nasproxy.spaces.nasbench201.order import all_cells

PUBLISHED = ("grad_norm", "snip", "synflow")
ALL = ("grad_norm", "snip", "plain", "fisher", "grasp", "synflow")


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def time_fits(arguments: argparse.Namespace) -> None:
    features, classes = measured(arguments.nodes, arguments.levels.split(","), truth(None))
    rows = np.resize(np.random.default_rng(0).permutation(len(classes)), arguments.train)
    accuracies = classes.accuracies["cifar10"][rows]
    accuracies = accuracies + 1e-6 * np.arange(len(rows))  # no class twice
    training = features.take(rows)
    everyone = features.take(np.resize(np.arange(len(classes)), 6466))
    print(f"{arguments.train} of {len(classes):,} classes, {torch.get_num_threads()} threads\n")
    print("| predictor | fit, s | predict 6,466, s |\n|---|---|---|")
    for name in arguments.predictors.split(","):
        began = time.perf_counter()
        fitted = predictor(name).fit(training, accuracies, seed=0)
        fit = time.perf_counter() - began
        print(f"| {name} | {fit:.1f} | {seconds(partial(fitted.predict, everyone)):.1f} |")


def bare(build: Callable[[], nn.Module], batch: Batch) -> None:
    network = build().to(memory_format=torch.channels_last).train()
    images, labels = batch.tensors[0], batch.labels
    assert labels is not None
    F.cross_entropy(network(images), labels).backward()


def time_nodes(arguments: argparse.Namespace) -> None:
    space = spaces.get("nasbench201")
    rng = np.random.default_rng(0)
    drawn = rng.choice(len(all_cells()), arguments.cells, replace=False)
    batch = load_batch(arguments.images, size=16)
    last = Batch(
        batch.tensors[0].contiguous(memory_format=torch.channels_last), batch.labels, batch.classes
    )
    sides = {"bare": None, "published three": PUBLISHED, "all six": ALL}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for place, index in enumerate([drawn[0], *drawn]):
        cell = space.simplified(all_cells()[index])
        build = partial(space.build, cell, seed=0)
        taken: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(arguments.repeats):
            for name, asked in sides.items():
                run = (
                    partial(bare, build, last)
                    if asked is None
                    else lambda asked=asked, build=build: outcomes(build(), batch, asked)
                )
                taken[name].append(seconds(run))
        if place:  # the first cell compiles the kernels
            for name, found in taken.items():
                times[name].append(float(np.median(found)))
    bares = np.array(times["bare"])
    print(f"{len(drawn)} cells, batch 16, {torch.get_num_threads()} threads\n")
    print("| node features | a cell, ms | ratio to a bare forward and backward: median, 90 % |")
    print("|---|---|---|")
    for name in sides:
        ratio = np.array(times[name]) / bares
        low, high = np.quantile(ratio, [0.05, 0.95])
        each = 1000 * np.mean(times[name])
        print(f"| {name} | {each:.0f} | {np.median(ratio):.2f} ({low:.2f} to {high:.2f}) |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["fit", "nodes"])
    parser.add_argument("--nodes", type=Path)
    parser.add_argument("--levels", default="published", metavar="published|FILE,...")
    parser.add_argument("--train", type=int, default=781)
    parser.add_argument("--predictors", default="mabn,mabn+topology,gp,trees")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cells", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--images", default="cifar10")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    (time_fits if arguments.what == "fit" else time_nodes)(arguments)


if __name__ == "__main__":
    main()
