"""What several proxies together cost, as a ratio to one bare forward and backward.

    python benchmarks/one_traversal.py --cells 30 --threads 1 --at-most 1.4 1.6 3.5
    python benchmarks/one_traversal.py --cells 10 --device cuda --size 256

For each cell both sides build the network, run in the same memory format (channels last), dtype
and number of threads, in turn, several times; the ratio of a cell is that of the medians. Exits
with 1 where the median over the cells of one of the first sets is above its ``--at-most``. On a
CUDA device both sides are without TF32, as scores are.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from nasproxy import evaluate, spaces
from nasproxy.batch import Batch
from nasproxy.images import load_batch

SETS = (
    ("grad_norm", "snip", "naswot", "l2_norm"),
    ("grad_norm", "snip", "plain", "fisher", "l2_norm", "jacob_cov", "epe_nas", "naswot"),
    # the eight of zero-cost-nas
    ("grad_norm", "snip", "grasp", "fisher", "jacob_cov", "plain", "synflow", "l2_norm"),
    ("grad_norm",),
    ("naswot",),
    ("synflow",),
    ("flops",),
    ("plain",),
    ("fisher",),
    ("jacob_cov",),
    ("epe_nas",),
    ("grasp",),
)
AT_MOST = (1.4, 1.6, 3.5)
"""Limits of the first sets: what the median over the cells may be."""


def bare(build: Callable[[], nn.Module], batch: Batch) -> None:
    network = build().to(memory_format=torch.channels_last).train()
    images, labels = batch.tensors[0], batch.labels
    assert labels is not None
    F.cross_entropy(network(images), labels).backward()


def score(build: Callable[[], nn.Module], batch: Batch, asked: tuple[str, ...]) -> None:
    evaluate(build(), batch, asked)


def seconds(run: Callable[[], object], device: str) -> float:
    began = time.perf_counter()
    run()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--images", default="digits")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", type=int, default=64, help="of a batch")
    parser.add_argument(
        "--at-most",
        type=float,
        nargs=len(AT_MOST),
        default=AT_MOST,
        help="limits of the first sets of proxies",
    )
    parser.add_argument("--limits-only", action="store_true", help="the first sets alone")
    options = parser.parse_args()
    sets = SETS[: len(AT_MOST)] if options.limits_only else SETS
    torch.set_num_threads(options.threads)
    space = spaces.get("nasbench201")
    rng = np.random.default_rng(0)
    cells = [space.simplified(space.sample(rng)) for _ in range(options.cells)]
    batch = load_batch(options.images, size=options.size)
    images, labels = batch.tensors[0], batch.labels
    assert labels is not None
    last = Batch(
        images.to(options.device, memory_format=torch.channels_last),
        labels.to(options.device),
        batch.classes,
    )
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]
    evaluate(
        space.build(cells[0], seed=0).to(options.device),
        batch,
        {name for asked in sets for name in asked},
    )  # compile the kernels
    ratios: list[list[float]] = [[] for _ in sets]
    bares = []
    for cell in cells:

        def build(cell: object = cell) -> nn.Module:
            return space.build(cell, seed=0).to(options.device)

        times = np.array(
            [
                [
                    seconds(partial(bare, build, last), options.device),
                    *(
                        seconds(partial(score, build, batch, asked), options.device)
                        for asked in sets
                    ),
                ]
                for _ in range(options.repeats)
            ]
        )
        middle = np.median(times, axis=0)
        bares.append(middle[0])
        for i in range(len(sets)):
            ratios[i].append(middle[i + 1] / middle[0])
    print(
        f"{options.cells} cells, batch of {options.size}, {options.device}, "
        f"{options.threads} thread(s); one bare forward and "
        f"backward: median {np.median(bares) * 1000:.0f} ms\n"
    )
    print("| proxies asked for | ratio, median | lower quartile | upper quartile |")
    print("|---|---|---|---|")
    for asked, found in zip(sets, ratios, strict=True):
        low, middle_ratio, high = np.quantile(found, [0.25, 0.5, 0.75])
        print(f"| {', '.join(asked)} | {middle_ratio:.2f} | {low:.2f} | {high:.2f} |")
    for asked, found, limit in zip(sets, ratios, options.at_most, strict=False):
        if np.median(found) > limit:
            raise SystemExit(f"{', '.join(asked)}: {np.median(found):.2f} is above {limit}")


if __name__ == "__main__":
    main()
