"""W-PCA on FlexiBERT: correlations with GLUE over builders, inputs and seeds.

python benchmarks/flexibert.py --seeds 5 --out runs/flexibert.json
python benchmarks/flexibert.py --builder as_specified --text web_mix.parquet --seeds 1
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from nasproxy import benchmarks
from nasproxy.proxies import get_all
from nasproxy.proxies.wpca import pca_entropy, vpca, wpca
from nasproxy.ranking import agreement
from nasproxy.scoring.candidates import score_candidate
from nasproxy.scoring.workers import single_thread
from nasproxy.spaces.flexibert import FlexiBERT
from nasproxy.tokens import load_tokens

WPCA_999 = wpca(eta=0.999, name="wpca_999")
WPCA_90 = wpca(eta=0.9, name="wpca_90")
WPCA_ALL = wpca(linears="all", name="wpca_all")
VPCA_ALL = vpca(linears="all", name="vpca_all")
WPCA_AFTER = wpca(at="after", name="wpca_after")
WPCA_MEAN = wpca(over_layers="mean", name="wpca_mean")
WPCA_INNER = wpca(parameters="without_embeddings", name="wpca_inner")
ENTROPY_ALL = pca_entropy(linears="all", name="pca_entropy_all")
FEW = ("vpca", "wpca", "pca_entropy")
MORE = (
    *FEW,
    WPCA_999,
    WPCA_90,
    WPCA_ALL,
    VPCA_ALL,
    WPCA_AFTER,
    WPCA_MEAN,
    WPCA_INNER,
    ENTROPY_ALL,
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--builder", default="as_trained")
    parser.add_argument("--text", default="random")
    parser.add_argument("--shape", default="16x128")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--more", action="store_true", help="variants of the proxies too")
    parser.add_argument("--proxies", help="instead, by name")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    size, length = map(int, args.shape.split("x"))
    space = FlexiBERT(args.builder, length)
    table = benchmarks.get("flexibert")
    encoders = [space.parse(text) for text in table.architectures]
    truth = table.lookup(table.architectures, "glue")
    names = args.proxies.split(",") if args.proxies else MORE if args.more else FEW
    proxies = get_all(names)
    scores: dict[str, list[list[float]]] = {proxy.name: [] for proxy in proxies}
    began = time.perf_counter()
    for seed in range(args.seeds):
        batch = load_tokens(
            args.text, size=size, length=length, vocabulary=space.vocabulary, seed=seed
        )
        with single_thread():
            found = [score_candidate(space, e, batch, proxies, seed=seed) for e in encoders]
        for name, column in scores.items():
            column.append([float(c.scores[name] or "nan") for c in found])
    seconds = time.perf_counter() - began
    strata = np.array([space.stratum(encoder) for encoder in encoders])
    print(f"{args.builder}, {args.text}, {args.shape}, {args.seeds} seeds, {seconds:.0f} s")
    for name, columns in scores.items():
        both = [agreement(np.array(column), truth, resamples=1) for column in columns]
        tau, rho = ([getattr(a, k).value for a in both] for k in ("kendall", "spearman"))
        inside = [
            np.mean(
                [
                    agreement(
                        np.array(c)[strata == s], truth[strata == s], resamples=1
                    ).kendall.value
                    for c in columns
                ]
            )
            for s in np.unique(strata)
        ]
        print(
            f"{name:18s} tau {np.mean(tau):.3f} ± {np.std(tau):.3f}  "
            f"rho {np.mean(rho):.3f} ± {np.std(rho):.3f}  within "
            + " ".join(f"{value:+.3f}" for value in inside)
        )
    if args.out:
        args.out.write_text(json.dumps({"arguments": vars(args) | {"out": None}, "scores": scores}))


if __name__ == "__main__":
    main()
