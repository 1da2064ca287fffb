"""W-PCA and V-PCA on FlexiBERT in one table: builders, random tokens and text, mean over seeds.

    python benchmarks/flexibert_table.py score runs/flexibert --text web_mix.parquet
    python benchmarks/flexibert_table.py report runs/flexibert

`score` writes one score table for each builder, input and seed, as `nasproxy rank --archs
benchmark:flexibert` does, and goes on from where it was stopped. Weights and tokens are of the
seed. `report` takes what is there, and says of how many seeds each figure is.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

PROXIES = ("wpca", "vpca", "pca_entropy")
BUILDERS = ("as_trained", "as_specified", "as_published")
PAPER = {"wpca": (0.526, 0.698), "vpca": (0.466, 0.677)}
"""Kendall's tau and Spearman's rho of W-PCA, ICLR 2025, table 1, of one seed."""


def score(
    folder: Path, text: str | None, shape: tuple[int, int], seeds: int, builders: Sequence[str]
) -> None:
    from nasproxy import benchmarks
    from nasproxy.scoring.rank import rank_architectures
    from nasproxy.spaces.flexibert import FlexiBERT
    from nasproxy.tokens import load_tokens

    size, length = shape
    table = benchmarks.get("flexibert")
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(seeds):
        for source in ("random", *([text] if text else [])):
            vocabulary = FlexiBERT(length=length).vocabulary
            batch = load_tokens(source, size=size, length=length, vocabulary=vocabulary, seed=seed)
            for builder in builders:
                space = FlexiBERT(builder, length)
                kind = "random" if source == "random" else "text"
                out = folder / f"{builder}-{kind}-{seed}.parquet"
                if out.exists():
                    continue
                encoders = [space.parse(row) for row in table.architectures]
                rank_architectures(space, encoders, batch, PROXIES, out, seed=seed)
                print(out, flush=True)


def report(folder: Path) -> None:
    from nasproxy import benchmarks
    from nasproxy.ranking import agreement
    from nasproxy.scoring.correlation import baselines
    from nasproxy.spaces.flexibert import FlexiBERT

    table = benchmarks.get("flexibert")
    truth = table.lookup(table.architectures, "glue")
    print("| | builder | input | seeds | τ_b | ρ |\n|---|---|---|---|---|---|")
    for proxy in PROXIES:
        if proxy in PAPER:
            print(f"| `{proxy}`, the paper | | | 1 | {' | '.join(map(decimals, PAPER[proxy]))} |")
        for builder, kind in product(BUILDERS, ("random", "text")):
            columns = [
                scores_of(path, proxy, table.architectures)
                for path in sorted(folder.glob(f"{builder}-{kind}-*.parquet"))
            ]
            both = [agreement(column, truth, resamples=1) for column in columns]
            if not both:
                continue
            taus, rhos = ([getattr(a, k).value for a in both] for k in ("kendall", "spearman"))
            said = "random tokens" if kind == "random" else "real text"
            print(
                f"| `{proxy}` | `{builder}` | {said} | {len(both)} "
                f"| {over_seeds(taus)} | {over_seeds(rhos)} |"
            )
    for builder in BUILDERS:
        for name, values in baselines(FlexiBERT(builder), table.architectures).items():
            if name == "params" or builder == BUILDERS[0]:
                found = agreement(values, truth)
                of = f"`{builder}`" if name == "params" else ""
                tau, rho = found.kendall.value, found.spearman.value
                print(f"| {name} | {of} | | | {decimals(tau)} | {decimals(rho)} |")


def scores_of(path: Path, proxy: str, architectures: Sequence[str]) -> np.ndarray:
    """In the order of the benchmark, where nine architectures stand twice, with a result each."""
    from nasproxy.scoring.table import read_scores

    scores = read_scores(path)
    by_text = dict(zip(scores.architectures, scores.scores[proxy], strict=True))
    found = np.array([by_text[text] for text in architectures])
    if np.isnan(found).any():
        raise SystemExit(f"{path}: a network has no {proxy}")
    return found


def over_seeds(values: Sequence[float]) -> str:
    spread = f" ± {decimals(float(np.std(values, ddof=1)))}" if len(values) > 1 else ""
    return decimals(float(np.mean(values))) + spread


def decimals(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("score", "report"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--text", help="documents, scored beside random tokens")
    parser.add_argument("--shape", default="8x64")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--builders", default=",".join(BUILDERS))
    args = parser.parse_args()
    if args.what == "report":
        return report(args.folder)
    for library in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    shape = tuple(int(part) for part in args.shape.split("x"))
    return score(args.folder, args.text, shape, args.seeds, args.builders.split(","))


if __name__ == "__main__":
    main()
