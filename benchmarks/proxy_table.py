"""Every proxy on 1,000 cells of NAS-Bench-201: scored once to a folder, reported from there.

    python benchmarks/proxy_table.py score runs/proxy_table --jobs 2
    python benchmarks/proxy_table.py report runs/proxy_table

The cells are drawn with a fixed seed, each of another function and with published values. A run is
one group of proxies on one batch of 64 images with one seed; each is a score table that `nasproxy
rank` could have written, streamed to disk and continued after an interruption. What reads no image
(group "noise") is scored once a seed. The report takes what is there, a run that is under way too,
and says how many cells each figure is of.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np

CELLS = 1000
GROUPS = {
    "batch": (
        "grad_norm",
        "snip",
        "plain",
        "fisher",
        "jacob_cov",
        "epe_nas",
        "naswot",
        "swap",
        "zico",
    ),
    "noise": (
        "params",
        "flops",
        "l2_norm",
        "synflow",
        "meco",
        "az_expressivity",
        "az_progressivity",
        "az_trainability",
    ),
    "decorrelation": ("layer_decorrelation", "act_decorrelation"),
    "dear": ("ntk", "zen", "gradsign", "swap_reg"),
    "second": ("grasp",),
}
RUNS = (
    ("cifar10", 0, "decorrelation"),
    ("cifar100", 0, "batch"),
    ("cifar10", 0, "noise"),
    ("cifar10", 0, "batch"),
    ("cifar10", 1, "noise"),
    ("cifar10", 1, "batch"),
    ("cifar10", 0, "dear"),
    ("cifar10", 0, "second"),
    ("cifar10", 2, "noise"),
    ("cifar10", 2, "batch"),
)


def cells() -> list[str]:
    """The architectures of the table, in the order in which they are scored."""
    from nasproxy import spaces
    from nasproxy.benchmarks import published

    space = spaces.get("nasbench201")
    public = published.load()
    of_class = {space.canonical(space.parse(text)): text for text in reversed(public.architectures)}
    rng = np.random.default_rng(0)
    return [str(t) for t in rng.choice(sorted(of_class.values()), CELLS, replace=False)]


def score(folder: Path, runs: list[tuple[str, int, str]], jobs: int) -> None:
    from nasproxy import spaces
    from nasproxy.images import load_batch
    from nasproxy.scoring.rank import rank_architectures

    space = spaces.get("nasbench201")
    architectures = [space.parse(text) for text in cells()]
    folder.mkdir(parents=True, exist_ok=True)
    for images, seed, group in runs:
        out = folder / f"{images}-{seed}-{group}.parquet"
        if out.exists():
            continue
        print(out.name, flush=True)
        batch = load_batch(images, size=64, seed=seed)
        rank_architectures(
            space, architectures, batch, list(GROUPS[group]), out, seed=seed, jobs=jobs
        )


def scores_of(folder: Path, run: tuple[str, int, str]) -> dict[str, dict[str, float | None]]:
    """Architecture -> proxy -> score, of a run that is finished or under way."""
    import pyarrow.parquet as pq

    out = folder / f"{'-'.join(map(str, run))}.parquet"
    journal = out.with_name(out.name + ".journal.jsonl")
    if out.exists():
        rows = pq.read_table(out).to_pylist()
        return {row["architecture"]: {n: row[n] for n in GROUPS[run[2]]} for row in rows}
    if not journal.exists():
        return {}
    lines = journal.read_text(encoding="utf-8").splitlines()[1:]
    return {
        record["entry"]: {name: values[0] for name, values in record["values"].items()}
        for record in map(json.loads, lines)
    }


def report(folder: Path) -> None:
    """Print a Markdown table of what is there."""
    from nasproxy import benchmarks
    from nasproxy.proxies import get
    from nasproxy.ranking import agreement, rank_aggregate

    table = benchmarks.get("nasbench201")
    print(
        "| images | seed | proxy | n | target | tau_b | Spearman |\n|---|---|---|---|---|---|---|"
    )
    for run in RUNS:
        found = scores_of(folder, run)
        if len(found) < 3:
            continue
        images, seed, group = run
        columns = {
            name: get(name).direction
            * np.array([row[name] for row in found.values()], dtype=np.float64)
            for name in GROUPS[group]
        }
        if group == "decorrelation":
            both = np.stack(list(columns.values()), axis=1)
            columns["both, by log rank"] = rank_aggregate(both, [1, 1])
        for target in dict.fromkeys((images, *(("cifar100",) if group != "batch" else ()))):
            truth = table.lookup(list(found), target)
            for name, values in columns.items():
                same = agreement(values, truth, name=name)
                tau, rho = same.kendall, same.spearman
                print(
                    f"| {images} | {seed} | {name} | {same.n} | {target} "
                    f"| {tau.value:.3f} [{tau.low:.3f}, {tau.high:.3f}] "
                    f"| {rho.value:.3f} [{rho.low:.3f}, {rho.high:.3f}] |"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["score", "report"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", nargs="*", metavar="IMAGES-SEED-GROUP")
    options = parser.parse_args()
    runs = [run for run in RUNS if not options.only or "-".join(map(str, run)) in options.only]
    if options.what == "report":
        report(options.folder)
    else:
        score(options.folder, runs, options.jobs)


if __name__ == "__main__":
    main()
