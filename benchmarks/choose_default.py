"""Which set of proxies orders NAS-Bench-201 best: how the default set was chosen.

    python benchmarks/choose_default.py

Published values of the proxies that this project has (NAS-Bench-Suite-Zero) for the 4,930
functions, every set of one to four of them combined by rank, Kendall's tau_b with CIFAR-100 test
accuracy. CIFAR-10 is not looked at, so that it can judge the choice.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

PROXIES = ("params", "flops", "l2_norm", "grad_norm", "snip", "nwot", "synflow")
SHOWN = 8


def main() -> None:
    from nasproxy import benchmarks, spaces
    from nasproxy.benchmarks import published
    from nasproxy.ranking import agreement, rank_aggregate

    public = published.load()
    space = spaces.get("nasbench201")
    of_function = {space.canonical(space.parse(t)): t for t in reversed(public.architectures)}
    texts = sorted(of_function.values())
    truth = benchmarks.get("nasbench201").lookup(texts, "cifar100")
    values = {name: public.lookup(texts, name) for name in PROXIES}
    found = []
    for size in (1, 2, 3, 4):
        for chosen in combinations(PROXIES, size):
            scores = np.stack([values[name] for name in chosen], axis=1)
            combined = rank_aggregate(scores, [1] * size)
            tau = agreement(combined, truth, name="+".join(chosen), resamples=200).kendall
            found.append((tau.value, tau.low, tau.high, chosen))
    print(f"{len(found)} sets, {len(texts):,} functions, CIFAR-100\n")
    print("| set | tau_b | 95 % interval |\n|---|---|---|")
    for value, low, high, chosen in sorted(found, reverse=True)[:SHOWN]:
        print(f"| {', '.join(chosen)} | {value:.3f} | {low:.3f} to {high:.3f} |")


if __name__ == "__main__":
    main()
