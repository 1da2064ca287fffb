"""What rounds bring where every weight vector can be tried: the n-gram runs of an experiment.

    python benchmarks/weighting_rounds.py runs/learn_weights/ngram.runs rounds --runs 64 --draws 3
    python benchmarks/weighting_rounds.py runs/learn_weights/ngram.runs untried --runs 64

The folder is that of `dataselect learn-weights --proxy ngram`, or of examples/learn_weights.py. A
draw takes uniform weights, the single scores and a random part of the design's other runs.
``rounds`` goes on from there; ``untried`` tries, for once, what regressions propose.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dataselect.weighting.design_folder import open_design
from dataselect.weighting.design_run import POOL
from dataselect.weighting.optimum import direct, published
from dataselect.weighting.pool import open_pool
from dataselect.weighting.proposals import propose
from dataselect.weighting.proxies import NgramProxy
from dataselect.weighting.regressors import regressor_named
from dataselect.weighting.rounds import EACH

Truth = Callable[[np.ndarray], np.ndarray]


def truth_of(folder: Path) -> Truth:
    """The measured mean loss of each weight vector."""
    design, pool = open_design(folder), open_pool(folder / POOL)
    train = NgramProxy(int(design.proxy["order"])).open(pool.data, folder / POOL)

    def truth(weights: np.ndarray) -> np.ndarray:
        chosen = [pool.select(own, design.tokens) for own in weights]
        return np.array([np.mean(list(own.values())) for own in train(chosen, [0] * len(chosen))])

    return truth


def rounds(truth: Truth, weights: np.ndarray, losses: np.ndarray, many: int, seed: int) -> list:
    best = [losses.min()]
    for number in range(1, many + 1):
        found = propose(weights, losses, EACH, seed=(seed, number))
        weights, losses = np.vstack([weights, found]), np.append(losses, truth(found))
        best.append(losses.min())
    return best


def untried(truth: Truth, weights: np.ndarray, losses: np.ndarray, name: str) -> list:
    fitted = regressor_named(name).fit(weights, losses, seed=0)
    starts = weights[np.argsort(losses)[:8]]
    found = [
        direct(fitted.predict, weights.shape[1], starts=starts),
        published(fitted.predict, weights.shape[1], draws=100_000, best=13),
    ]
    true = truth(np.stack([own.weights for own in found]))
    return [value for own, loss in zip(found, true, strict=True) for value in (own.predicted, loss)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("what", choices=["rounds", "untried"])
    parser.add_argument("--runs", type=int, default=64)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--regressors", default="gp,ridge,lightgbm,stack")
    options = parser.parse_args()
    truth, runs = truth_of(options.folder), open_design(options.folder).runs()
    losses = runs.losses.mean(axis=1)
    print(f"uniform {losses[runs.run_ids.index('uniform')]:.4f}")
    first = np.arange(1 + len(runs.names))
    drawn = []
    for seed in range(options.draws):
        others = np.arange(len(first), len(losses))
        more = min(options.runs - len(first), len(others))
        rows = np.r_[first, np.random.default_rng(seed).choice(others, more, replace=False)]
        rows = np.sort(rows) if more == len(others) else rows
        if options.what == "rounds":
            drawn.append(rounds(truth, runs.weights[rows], losses[rows], options.rounds, seed))
            print(f"draw {seed}", *(f"{loss:.4f}" for loss in drawn[-1]), flush=True)
            continue
        for name in options.regressors.split(","):
            found = untried(truth, runs.weights[rows], losses[rows], name)
            shown = (
                "direct: predicted",
                "measured",
                "mean of the best draws: predicted",
                "measured",
            )
            said = ", ".join(f"{own} {value:.4f}" for own, value in zip(shown, found, strict=True))
            print(f"draw {seed}, best run {losses[rows].min():.4f}, {name}: {said}", flush=True)
    if drawn:
        print("mean", *(f"{loss:.4f}" for loss in np.mean(drawn, axis=0)))


if __name__ == "__main__":
    main()
