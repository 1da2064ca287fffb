"""AutoFormer's 100 vision transformers: what orders them, before training and by 5-fold.

    python benchmarks/autoformer.py score runs/autoformer.parquet --jobs 2
    python benchmarks/autoformer.py report runs/autoformer.parquet

Proxies are of the untrained networks on images of CIFAR-100 (the side of the images and the batch
are options; the paper's networks take 224 pixels). Predictors are fitted on four fifths and tested
on the fifth, five times, so that every network is predicted once by a fit that has not seen it;
tau is over all 100 of these predictions, its interval by bootstrap over networks, and repeated with
other folds.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

PROXIES = (
    "params",
    "flops",
    "l2_norm",
    "snip",
    "grad_norm",
    "nasproxy.proxies.transformers:SYNAPTIC_DIVERSITY_OF_SUM",
    "nasproxy.proxies.transformers:SYNAPTIC_SALIENCY_OF_SUM",
    "nasproxy.proxies.transformers:HEAD_IMPORTANCE_OF_SUM",
    "head_confidence",
    "softmax_confidence",
    "activation_distance",
    "dss",
    "vpca",
    "wpca",
)
TARGETS = ("cifar100", "cifar100-distilled", "flowers-distilled", "imagenet-supernet")
FOLDS = 5
REPEATS = 3


def score(out: Path, side: int, batch_size: int, jobs: int) -> None:
    from nasproxy import benchmarks
    from nasproxy.images import load_batch
    from nasproxy.scoring.rank import rank_architectures
    from nasproxy.spaces.autoformer import AutoFormer

    space = AutoFormer(side)
    architectures = [space.parse(text) for text in benchmarks.get("autoformer").architectures]
    batch = load_batch("cifar100", size=batch_size, seed=0, image_size=side)
    nodes = out.with_name(f"{out.stem}-nodes.parquet")
    rank_architectures(space, architectures, batch, list(PROXIES), out, jobs=jobs, nodes=nodes)


def predicted(predictor, features, truth: np.ndarray, seed: int) -> np.ndarray:
    """The mean of every network by a fit on the other folds, as normal scores of its fold."""
    n = len(features)
    fold = np.random.default_rng(seed).permutation(n) % FOLDS
    means = np.empty(n)
    for k in range(FOLDS):
        (rest,), (out,) = np.nonzero(fold != k), np.nonzero(fold == k)
        fitted = predictor.fit(features.take(rest), truth[rest], seed=seed)
        means[out] = fitted.predict(features.take(out)).mean
    return means


def report(out: Path, names: list[str]) -> None:
    """A Markdown table: tau and its 95 % interval by target."""
    from dataclasses import replace

    from nasproxy import benchmarks, spaces
    from nasproxy.parzc.node_table import read_node_block
    from nasproxy.prediction import Features, get
    from nasproxy.prediction.levels import class_scores, features_of
    from nasproxy.ranking import agreement
    from nasproxy.scoring.table import read_scores

    table, space = benchmarks.get("autoformer"), spaces.get("autoformer")
    architectures = [space.parse(text) for text in table.architectures]
    counted = [space.counts(architecture, classes=100) for architecture in architectures]
    known = {
        "params": np.array([float(row["parameters"]) for row in counted]),
        "flops": np.array([float(row["multiply_accumulates"]) for row in counted]),
    }
    if out.exists():  # without scores, what needs none
        scores = read_scores(out)
        columns = class_scores(space, architectures, scores.architectures, scores.scores)
        known |= {name: v for name, v in columns.items() if np.isfinite(v).all() and np.ptp(v) > 0}
    described = features_of(space, architectures)
    both = features_of(space, architectures, known) if out.exists() else None
    nodes = out.with_name(f"{out.stem}-nodes.parquet")
    print("| what | " + " | ".join(TARGETS) + " |\n|" + "---|" * (1 + len(TARGETS)))

    def line(what: str, cells: list[str]) -> None:
        print(f"| {what} | {' | '.join(cells)} |", flush=True)

    sizes = described.columns(["size:depth", "size:embedding"])
    baselines = {"depth": sizes[:, 0], "embedding": sizes[:, 1]}
    for name, values in {**baselines, **known}.items():
        found = [
            agreement(values, table.lookup(table.architectures, t), name=name).kendall
            for t in TARGETS
        ]
        line(name, [f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}]" for e in found])
    for name in names:
        given: dict[str, Features] = {"description": described}
        if both is not None:
            given["with proxies"] = both
        if name.startswith("mabn"):
            block = read_node_block(nodes, table.architectures)
            given = {"nodes": replace(both or described, nodes=block)}
        for what, features in given.items():
            cells = []
            for target in TARGETS:
                truth = table.lookup(table.architectures, target)
                means = [predicted(get(name), features, truth, s) for s in range(REPEATS)]
                found = [agreement(m, truth, name=name).kendall for m in means]
                low, high = (np.mean([getattr(e, end) for e in found]) for end in ("low", "high"))
                taus = [e.value for e in found]
                cells.append(
                    f"{np.mean(taus):.3f} [{low:.3f}, {high:.3f}] ± {np.std(taus, ddof=1):.3f}"
                )
            line(f"{name}, {what}, {FOLDS}-fold", cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["score", "report"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--side", type=int, default=112)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--predictors", default="gp,trees,best")
    options = parser.parse_args()
    for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(threads, "1")
    if options.what == "report":
        report(options.out, [name for name in options.predictors.split(",") if name])
    else:
        score(options.out, options.side, options.batch_size, options.jobs)


if __name__ == "__main__":
    main()
