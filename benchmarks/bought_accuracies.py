"""Search with accuracies bought: regret by the number of trainings, beside searches that only try.

    python benchmarks/bought_accuracies.py measure runs/bought.jsonl --seeds 20
    python benchmarks/bought_accuracies.py report runs/bought.jsonl --plot bought_regret.png

On NAS-Bench-201; a training is a look into the table of test accuracies after 200 epochs (mean over
its seeds), each function once. Regret is what the best of the trained lacks to the best of the
table. "predicted" is `nasproxy search --buy` on the description of the cells alone, and with the 13
proxies that NAS-Bench-Suite-Zero has published. Random, regularised evolution (population 50,
tournament 10) and TPE get the same table by the same loop as the searches of this tool.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np

BUDGET = 200
AFTER = (20, 50, 100, 200)
PAPER = {"cifar10": 94.36, "cifar100": 73.49, "imagenet16-120": 46.34}
WAYS = ("predicted", "random", "evolution", "tpe", "predicted + proxies")
RUNS = (
    *(("cifar10", way) for way in WAYS),
    *((d, w) for d in ("cifar100", "imagenet16-120") for w in ("predicted", "random")),
)


def predicted(target: str, seed: int, proxies: bool) -> list[float]:
    """The accuracies in the order in which they were bought."""
    from nasproxy import benchmarks, spaces
    from nasproxy.benchmarks import published
    from nasproxy.prediction import get
    from nasproxy.search.buying import BuyingOptions, buy
    from nasproxy.search.pool import listed_pool, table_pool

    space, table = spaces.get("nasbench201"), benchmarks.get("nasbench201")
    if proxies:
        public = published.load()
        pool = table_pool(space, public.architectures, seed, scores=public.targets)
    else:
        pool = listed_pool(space, seed)
    *_, bought = buy(
        space,
        lambda text, _: float(table.lookup([text], target)[0]),
        BUDGET,
        get("gp"),
        BuyingOptions(seed=seed),
        pool=pool,
    )
    return [purchase.accuracy for purchase in bought]


def tried(target: str, seed: int, sampler: str) -> list[float]:
    """The same for a sampler that is told true accuracies: the loop of the other searches."""
    from nasproxy import benchmarks, spaces
    from nasproxy.proxies import get
    from nasproxy.scoring.candidates import Candidate
    from nasproxy.search.evaluation import Evaluation
    from nasproxy.search.loop import Search
    from nasproxy.search.samplers import SamplerOptions

    table = benchmarks.get("nasbench201")

    def train(cell, function: str) -> Evaluation:
        accuracy = float(table.lookup([str(cell)], target)[0])
        # The loop reads any column whose direction it knows; the name is of no meaning here.
        return Evaluation(str(cell), function, Candidate(str(cell), function, {"naswot": accuracy}))

    space = spaces.get("nasbench201")
    search = Search(space, train, [get("naswot")], options=SamplerOptions(sampler, seed))
    for _ in search.run(BUDGET):
        pass
    return [c.scores["naswot"] for c in search.state.candidates]


def measure(out: Path, seeds: int) -> None:
    done = {(row["target"], row["way"], row["seed"]) for row in rows_of(out)}
    for target, way in RUNS:
        for seed in range(seeds):
            if (target, way, seed) in done:
                continue
            if way.startswith("predicted"):
                found = predicted(target, seed, "proxies" in way)
            else:
                found = tried(target, seed, way)
            row = {"target": target, "way": way, "seed": seed, "accuracies": found}
            with out.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")


def rows_of(out: Path) -> list[dict]:
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def curves(out: Path) -> dict[tuple[str, str], np.ndarray]:
    """Best accuracy so far, [seeds, BUDGET]."""
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for row in rows_of(out):
        best = np.maximum.accumulate(row["accuracies"])
        found.setdefault((row["target"], row["way"]), []).append(best)
    return {key: np.stack(of) for key, of in found.items()}


def report(out: Path, plot: Path | None) -> None:
    from nasproxy import benchmarks

    table = benchmarks.get("nasbench201")
    print("| data set | search | seeds | " + " | ".join(f"regret, {n}" for n in AFTER), end="")
    print(" | test accuracy of the pick | ParZC, as published |")
    print("|" + "---|" * (5 + len(AFTER)))
    for (target, way), best in curves(out).items():
        optimum = table.best(target)[1]
        cells = [
            f"{np.mean(optimum - best[:, n - 1]):.2f} ± {np.std(best[:, n - 1], ddof=1):.2f}"
            for n in AFTER
        ]
        last = best[:, -1]
        print(
            f"| {target} | {way} | {len(best)} | {' | '.join(cells)} "
            f"| {last.mean():.2f} ± {last.std(ddof=1):.2f} | {PAPER[target]} |"
        )
    if plot is not None:
        draw(curves(out), table.best("cifar10")[1], plot)


def draw(found: dict[tuple[str, str], np.ndarray], optimum: float, plot: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    for (target, way), best in found.items():
        if target != "cifar10":
            continue
        regret = optimum - best
        trained = np.arange(1, BUDGET + 1)
        error = regret.std(axis=0, ddof=1) / np.sqrt(len(regret))
        mean = regret.mean(axis=0)
        (line,) = axes.plot(trained, mean, label=way)
        axes.fill_between(
            trained,
            np.maximum(mean - error, 1e-3),
            mean + error,
            alpha=0.2,
            color=line.get_color(),
        )
    axes.set(
        xscale="log",
        yscale="log",
        ylim=(5e-3, None),
        xlabel="networks trained",
        ylabel="regret in CIFAR-10 test accuracy (points)",
    )
    axes.legend(frameon=False)
    figure.savefig(plot, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["measure", "report"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    if options.what == "report":
        report(options.out, options.plot)
    else:
        for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(threads, "1")
        measure(options.out, options.seeds)


if __name__ == "__main__":
    main()
