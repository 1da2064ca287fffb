"""What a search finds over seeds of its proposals, with each network scored once for all of them.

    python benchmarks/search_cached.py --proxies layer_decorrelation,act_decorrelation \\
        --seeds 10 --budget 500 --images cifar10 --cache runs/search_cache.jsonl

As ``search_nasbench201.py``, but batch and initialisation are those of seed 0 in every run, so that
runs share scores: ten of them score some 2,000 networks instead of 5,000. The spread is then that
of the proposals. The cache is a journal: killed and started again, nothing is scored twice.
"""

from __future__ import annotations

import argparse
from collections import deque
from dataclasses import asdict
from pathlib import Path

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--proxies", default="layer_decorrelation,act_decorrelation")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--budget", type=int, default=500)
    parser.add_argument("--sampler", default="evolution")
    parser.add_argument("--images", default="cifar10")
    parser.add_argument("--target", default="cifar10")
    parser.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args()

    import torch

    from nasproxy import benchmarks, spaces
    from nasproxy.images import load_batch
    from nasproxy.proxies import get_all
    from nasproxy.scoring.candidates import Candidate, score_candidate
    from nasproxy.scoring.readiness import batch_identity
    from nasproxy.search.evaluation import evaluator
    from nasproxy.search.loop import Search
    from nasproxy.search.samplers import SamplerOptions
    from zerocost.journal import Journal

    torch.set_num_threads(1)
    space, proxies = spaces.get("nasbench201"), get_all(options.proxies.split(","))
    batch = load_batch(options.images, size=64)
    table = benchmarks.get("nasbench201")
    configuration: dict[str, object] = {
        "proxies": [proxy.name for proxy in proxies],
        "images": batch_identity(batch),
    }
    options.cache.parent.mkdir(parents=True, exist_ok=True)
    picks, seen = [], []
    with Journal(options.cache, configuration) as journal:
        scored = {record["architecture"]: Candidate(**record) for record in journal.records}

        def score(architecture: object) -> Candidate:
            text = str(architecture)
            if text not in scored:
                scored[text] = score_candidate(space, architecture, batch, proxies)
                journal.append(asdict(scored[text]))
            return scored[text]

        for seed in range(options.seeds):
            search = Search(
                space,
                evaluator(score),
                proxies,
                options=SamplerOptions(name=options.sampler, seed=seed),
            )
            (state,) = deque(search.run(options.budget), maxlen=1)
            truth = table.lookup([c.architecture for c in state.candidates], options.target)
            picks.append(truth[state.pick])
            seen.append(truth.max())
            print(
                f"seed {seed}: {picks[-1]:.2f} by {state.candidates[state.pick].architecture}, "
                f"best seen {seen[-1]:.2f}; {len(scored)} networks scored so far",
                flush=True,
            )
    found = np.array(picks)
    print(
        f"\n| {options.sampler} | {options.proxies} | {found.mean():.2f} "
        f"| {found.std(ddof=1) if len(found) > 1 else 0:.2f} | {found.min():.2f} "
        f"| {found.max():.2f} | {np.mean(seen):.2f} |"
    )


if __name__ == "__main__":
    main()
