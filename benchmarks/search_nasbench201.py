"""What a search finds: the true accuracy of its pick, over seeds, beside the obvious baselines.

    python benchmarks/search_nasbench201.py --seeds 10 --budget 500 --images cifar10

Each run draws its own batch, initialisation and proposals from its seed and scores ``--budget``
networks of NAS-Bench-201, each of another function. The pick is looked up in the benchmark
afterwards. Beside the proxies by evolution stand random search with the same proxies, and
evolution by parameters alone and by multiply-accumulates alone, at the same budget. "best seen" is
the most accurate network that the search scored, which only a perfect score would have picked.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

RUNS = (
    ("evolution", None),
    ("random", None),
    ("evolution", "params"),
    ("evolution", "flops"),
)


def pick(task: tuple[str, str, int, int, str, str]) -> tuple[float, float]:
    """Accuracy of the pick and of the best network seen, in percent."""
    import torch

    from nasproxy import benchmarks, spaces
    from nasproxy.images import load_batch
    from nasproxy.search.run import search

    sampler, proxies, seed, budget, images, target = task
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        result = search(
            spaces.get("nasbench201"),
            load_batch(images, size=64, seed=seed),
            proxies.split(","),
            Path(folder) / "run",
            budget=budget,
            sampler=sampler,
            seed=seed,
            benchmark=benchmarks.get("nasbench201"),
            target=target,
        )
    assert result.truth is not None
    return float(result.truth[0]), float(np.nanmax(result.truth))


def main() -> None:
    from nasproxy.proxies import DEFAULT

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--budget", type=int, default=500)
    parser.add_argument("--images", default="cifar10")
    parser.add_argument("--target", default="cifar10")
    parser.add_argument("--proxies", default=",".join(DEFAULT))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--alone", action="store_true", help="evolution by --proxies, nothing else")
    options = parser.parse_args()
    print(
        f"{options.seeds} seeds, {options.budget} evaluations, batch of 64 of {options.images}, "
        f"test accuracy of {options.target} in percent\n"
    )
    print("| search | by | pick, mean | sd | min | max | best seen, mean |")
    print("|---|---|---|---|---|---|---|", flush=True)
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        for sampler, named in RUNS[:1] if options.alone else RUNS:
            proxies = named or options.proxies
            tasks = [
                (sampler, proxies, seed, options.budget, options.images, options.target)
                for seed in range(options.seeds)
            ]
            picks, seen = np.array(list(pool.map(pick, tasks))).T
            spread = picks.std(ddof=1) if len(picks) > 1 else 0.0
            print(
                f"| {sampler} | {proxies} | {picks.mean():.2f} | {spread:.2f} "
                f"| {picks.min():.2f} | {picks.max():.2f} | {seen.mean():.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
