"""τ and ρ of V-PCA and W-PCA seed by seed, from the node-wise values of rankings.

nasproxy rank --space flexibert --archs benchmark:flexibert --proxies wpca --batch-size 8
              --length 64 --seeds 5 --nodes nodes.parquet --out scores.parquet
python benchmarks/flexibert_seeds.py nodes.parquet
"""

from __future__ import annotations

import sys

import numpy as np
import polars as pl

from nasproxy import benchmarks, spaces
from nasproxy.ranking import agreement


def main(paths: list[str]) -> None:
    table, space = benchmarks.get("flexibert"), spaces.get("flexibert")
    truth = table.lookup(table.architectures, "glue")
    # Nine architectures stand in the list twice.
    nodes = pl.concat([pl.read_parquet(path) for path in paths]).unique(
        ["architecture", "seed", "node"]
    )
    sums = nodes.group_by("architecture", "seed").agg(pl.col("value").sum())
    found: dict[str, list[tuple[float, float]]] = {"vpca": [], "wpca": []}
    for seed in sorted(sums["seed"].unique().to_list()):
        rows = sums.filter(pl.col("seed") == seed)
        counts = dict(zip(rows["architecture"], rows["value"], strict=True))
        vpca = np.array([counts[text] for text in table.architectures])
        params = np.array(
            [space.counts(space.parse(text))["parameters"] for text in table.architectures]
        )
        for name, scores in (("vpca", vpca), ("wpca", vpca * params)):
            both = agreement(scores, truth, resamples=1)
            found[name].append((both.kendall.value, both.spearman.value))
    for name, pairs in found.items():
        (tau, rho), (dt, dr) = np.mean(pairs, axis=0), np.std(pairs, axis=0, ddof=1)
        print(f"{name}: {len(pairs)} seeds, tau {tau:.3f} ± {dt:.3f}, rho {rho:.3f} ± {dr:.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
