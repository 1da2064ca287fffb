"""Compare the proxies with their published values and with the true accuracy of the same cells.

    python benchmarks/published_values.py --cells 300 --images cifar10

300 cells, each of another function and with public values, are scored with one batch of 64 images
and one seed; Spearman's rho against the published value of the same proxy (NAS-Bench-Suite-Zero,
one batch and one initialisation of their own), Kendall's tau_b and Spearman's rho against the
200-epoch test accuracy. Printed as a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

PUBLISHED = {
    "params": "params",
    "flops": "flops",
    "l2_norm": "l2_norm",
    "grad_norm": "grad_norm",
    "snip": "snip",
    "plain": "plain",
    "fisher": "fisher",
    "nasproxy.proxies.fisher:FISHER_OF_WEIGHTS": "fisher",
    "jacob_cov": "jacov",
    "epe_nas": "epe_nas",
    "grasp": "grasp",
    "zen": "zen",
    "naswot": "nwot",
    "synflow": "synflow",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=300)
    parser.add_argument("--images", default="cifar10")
    parser.add_argument("--target", default="cifar10")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()

    from nasproxy import benchmarks, proxies, spaces
    from nasproxy.benchmarks import published
    from nasproxy.images import load_batch
    from nasproxy.ranking import agreement
    from nasproxy.scoring.rank import rank_architectures

    space = spaces.get("nasbench201")
    public = published.load()
    of_class = {space.canonical(space.parse(text)): text for text in reversed(public.architectures)}
    rng = np.random.default_rng(options.seed)
    texts = [str(t) for t in rng.choice(sorted(of_class.values()), options.cells, replace=False)]
    batch = load_batch(options.images, size=64, seed=options.seed)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        candidates = rank_architectures(
            space,
            [space.parse(text) for text in texts],
            batch,
            list(PUBLISHED),
            Path(folder) / "scores.parquet",
            seed=options.seed,
            jobs=options.jobs,
        )
    seconds = time.perf_counter() - began
    truth = benchmarks.get("nasbench201").lookup(texts, options.target)
    print(
        f"{options.cells} cells, {batch.source}, batch of 64, seed {options.seed}; "
        f"{seconds:.0f} s with {options.jobs} processes\n"
    )
    print("| proxy | with its published values: Spearman | with accuracy: tau_b | Spearman | n |")
    print("|---|---|---|---|---|")
    for asked, column in PUBLISHED.items():
        name = proxies.get(asked).name
        ours = np.array([c.scores[name] for c in candidates], dtype=np.float64)
        theirs = public.lookup(texts, column)
        same = agreement(ours, theirs, name=name).spearman
        true = agreement(ours, truth, name=name)
        print(
            f"| {name} | {same.value:.3f} [{same.low:.3f}, {same.high:.3f}] "
            f"| {true.kendall.value:.3f} [{true.kendall.low:.3f}, {true.kendall.high:.3f}] "
            f"| {true.spearman.value:.3f} [{true.spearman.low:.3f}, {true.spearman.high:.3f}] "
            f"| {true.n} |"
        )


if __name__ == "__main__":
    main()
