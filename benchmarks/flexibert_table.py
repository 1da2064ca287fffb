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
    from nasproxy.scoring.table import read_scores
    from nasproxy.spaces.flexibert import FlexiBERT

    table = benchmarks.get("flexibert")
    truth = table.lookup(table.architectures, "glue")
    print("| | builder | input | seeds | τ_b | ρ |\n|---|---|---|---|---|---|")
    for proxy in PROXIES:
        if proxy in PAPER:
            print(f"| `{proxy}`, the paper | | | 1 | {' | '.join(map(decimals, PAPER[proxy]))} |")
        for builder in BUILDERS:
            for kind in ("random", "text"):
                pairs = []
                for path in sorted(folder.glob(f"{builder}-{kind}-*.parquet")):
                    scores = read_scores(path)
                    # Nine architectures stand in the list twice, with a result each.
                    by_text = dict(zip(scores.architectures, scores.scores[proxy], strict=True))
                    found = np.array([by_text[row] for row in table.architectures])
                    both = agreement(found, truth, resamples=1)
                    assert both.n == len(truth), path
                    pairs.append((both.kendall.value, both.spearman.value))
                if pairs:
                    means, spreads = np.mean(pairs, axis=0), np.std(pairs, axis=0, ddof=1)
                    cells = (
                        f"{decimals(m)} ± {decimals(s)}"
                        for m, s in zip(means, spreads, strict=True)
                    )
                    said = "random tokens" if kind == "random" else "real text"
                    print(
                        f"| `{proxy}` | `{builder}` | {said} | {len(pairs)} | {' | '.join(cells)} |"
                    )
    for builder in BUILDERS:
        for name, values in baselines(FlexiBERT(builder), table.architectures).items():
            if name == "params" or builder == BUILDERS[0]:
                both = agreement(values, truth)
                print(
                    f"| {name} | {f'`{builder}`' if name == 'params' else ''} | | "
                    f"| {decimals(both.kendall.value)} | {decimals(both.spearman.value)} |"
                )


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
