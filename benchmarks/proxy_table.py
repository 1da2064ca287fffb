"""Every proxy on 1,000 cells of NAS-Bench-201: scored once to a folder, reported from there.

    python benchmarks/proxy_table.py score runs/proxy_table --jobs 2
    python benchmarks/proxy_table.py seconds runs/proxy_table --cells 10
    python benchmarks/proxy_table.py report runs/proxy_table

The cells are drawn with a fixed seed, each of another function and with published values. A run is
one group of proxies on one batch of 64, 32 or 16 images (`SIZES`) with one seed; each is a score
table that `nasproxy rank` could have written, streamed to disk and continued after an interruption.
Seed 0 scores all cells, the other seeds the first 300 of them on CIFAR-10 images (100 of what took
longest) and the first 100 on CIFAR-100: the spread is between the seeds on those. `seconds`
measures processor seconds a cell, each proxy alone and all in one call, the network being built in
each. The report takes what is there, a run that is under way too, and says of how many cells each
figure is.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nasproxy.benchmarks.table import BenchmarkTable

CELLS = 1000
GROUPS = {
    "batch": ("grad_norm", "snip", "plain", "fisher", "jacob_cov", "epe_nas", "naswot", "swap"),
    "pair": ("layer_decorrelation", "act_decorrelation"),
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
    "more": ("zico", "wrcor", "linear_regions", "wpca", "vpca", "pca_entropy"),
    "second": ("grasp",),
    "dear": ("ntk", "zen", "gradsign", "swap_reg"),
}
SIZES = {"batch": 64, "pair": 64, "noise": 64, "more": 32, "second": 32, "dear": 16}
"""Inputs a batch: 64 as the published values have them, fewer where a cell takes seconds."""
SPREAD_CELLS = {
    "cifar10": dict.fromkeys(GROUPS, 300) | {"second": 100, "dear": 100},
    "cifar100": dict.fromkeys(GROUPS, 100),
}
"""Cells of the seeds behind the first."""
IMAGES = ("cifar10", "cifar100")
SEEDS = (0, 1, 2)
AZ_NAS = ("az_expressivity", "az_progressivity", "az_trainability", "flops")
AGGREGATES = {
    "layer_decorrelation + act_decorrelation": GROUPS["pair"],
    "AZ-NAS: its four parts": AZ_NAS,
    "synflow + naswot + jacob_cov": ("synflow", "naswot", "jacob_cov"),
    "naswot + synflow": ("naswot", "synflow"),
}
Run = tuple[str, int, str]
RUNS: tuple[Run, ...] = (
    *(("cifar10", 0, group) for group in GROUPS),
    *(("cifar10", seed, group) for seed in SEEDS[1:] for group in GROUPS),
    *(("cifar100", 0, group) for group in GROUPS),
    *(("cifar100", seed, group) for seed in SEEDS[1:] for group in GROUPS),
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


def score(folder: Path, runs: Sequence[Run], jobs: int) -> None:
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
        batch = load_batch(images, size=SIZES[group], seed=seed)
        chosen = architectures if seed == 0 else architectures[: SPREAD_CELLS[images][group]]
        rank_architectures(space, chosen, batch, list(GROUPS[group]), out, seed=seed, jobs=jobs)


def seconds(folder: Path, count: int) -> None:
    """Processor seconds a cell of each proxy alone, and of all in one call; medians."""
    import torch

    from nasproxy import evaluate, spaces
    from nasproxy.errors import NasproxyError
    from nasproxy.images import load_batch

    torch.set_num_threads(1)
    space, batch = spaces.get("nasbench201"), load_batch("cifar10", size=64)
    proxies = [name for group in GROUPS.values() for name in group]
    taken: dict[str, list[float]] = {name: [] for name in ("build", *proxies, "all")}
    connected = (space.simplified(space.parse(text)) for text in cells())
    usable = [cell for cell in connected if str(cell).count("nor_conv")][:count]
    for cell in usable:
        for name, times in taken.items():
            asked = proxies if name == "all" else [name]
            began = time.process_time()
            network = space.build(cell, seed=0)
            if name != "build":
                try:
                    evaluate(network, batch, asked, seed=0)
                except NasproxyError:
                    continue
            times.append(time.process_time() - began)
    found = {name: float(np.median(times)) for name, times in taken.items() if times}
    found["sum of each alone"] = sum(found[name] for name in proxies if name in found)
    (folder / "seconds.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(
        f"{len(usable)} cells, one thread, processor seconds a cell (median): all in one call "
        f"{found['all']:.2f}, the sum of each alone {found['sum of each alone']:.2f} "
        f"({found['sum of each alone'] / found['all']:.2f} times), building {found['build']:.3f}"
    )


def scores_of(folder: Path, run: Run) -> dict[str, dict[str, float | None]]:
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


def columns_of(folder: Path, images: str, seed: int) -> dict[str, dict[str, float]]:
    """Proxy -> architecture -> score, more being better; aggregates by log rank behind."""
    from nasproxy.proxies import get
    from nasproxy.ranking import rank_aggregate

    found: dict[str, dict[str, float]] = {}
    for group, names in GROUPS.items():
        rows = scores_of(folder, (images, seed, group))
        for name in names:
            values = {text: row[name] for text, row in rows.items() if row.get(name) is not None}
            if len(values) > 30:  # of fewer a run under way says nothing
                direction = get(name).direction
                found[name] = {text: direction * float(v or 0) for text, v in values.items()}
    for title, parts in AGGREGATES.items():
        if all(part in found for part in parts):
            common = sorted(set.intersection(*(set(found[part]) for part in parts)))
            matrix = np.array([[found[part][text] for part in parts] for text in common])
            ranks = rank_aggregate(matrix, [1] * len(parts))
            found[title] = dict(zip(common, ranks.tolist(), strict=True))
    return found


def report(folder: Path) -> None:
    """Print Markdown tables of what is there."""
    from published_values import PUBLISHED

    from nasproxy import benchmarks
    from nasproxy.benchmarks import published
    from nasproxy.proxies import get
    from nasproxy.ranking import agreement

    table, public = benchmarks.get("nasbench201"), published.load()
    path = folder / "seconds.json"
    cost = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    sizes = {name: SIZES[group] for group, names in GROUPS.items() for name in names}
    for images in IMAGES:
        seeds = {seed: columns_of(folder, images, seed) for seed in SEEDS}
        columns = seeds[0]
        print(f"\n{images}, seed 0\n")
        print(
            "| proxy | images | n | tau_b | Spearman | tau_b of the published values | "
            "Spearman with the published values | tau_b over seeds | "
            "Spearman between seeds | s a cell |\n|---|---|---|---|---|---|---|---|---|---|"
        )
        for name, values in columns.items():
            texts = list(values)
            found = agreement(
                np.array(list(values.values())), table.lookup(texts, images), name=name
            )
            tau, rho = found.kendall, found.spearman
            theirs = ours_with = "-"
            if name in PUBLISHED:
                known = public.lookup(texts, PUBLISHED[name])
                direction = get(name).direction
                their_tau = agreement(direction * known, table.lookup(texts, images), name=name)
                theirs = f"{their_tau.kendall.value:.3f}"
                same = agreement(np.array(list(values.values())), direction * known, name=name)
                ours_with = f"{same.spearman.value:.3f}"
            spread, between = _between_seeds(seeds, name, table, images)
            print(
                f"| {name} | {sizes.get(name, '-')} | {found.n} "
                f"| {tau.value:.3f} [{tau.low:.3f}, {tau.high:.3f}] "
                f"| {rho.value:.3f} [{rho.low:.3f}, {rho.high:.3f}] | {theirs} | {ours_with} "
                f"| {spread} | {between} | {f'{cost[name]:.3f}' if name in cost else '-'} |"
            )


def _between_seeds(
    seeds: dict[int, dict[str, dict[str, float]]], name: str, table: BenchmarkTable, target: str
) -> tuple[str, str]:
    """Mean and deviation of tau_b over the seeds, and the mean rho of every two of them."""
    from nasproxy.ranking import agreement

    there = [columns[name] for columns in seeds.values() if name in columns]
    if len(there) < 2:
        return "-", "-"
    common = sorted(set.intersection(*map(set, there)))
    values = [np.array([column[text] for text in common]) for column in there]
    if len(common) < 3 or min(np.ptp(column) for column in values) == 0:
        return "-", "-"  # a constant orders nothing
    truth = table.lookup(common, target)
    taus = [agreement(v, truth, name=name, resamples=2).kendall.value for v in values]
    rhos = [
        agreement(one, other, name=name, resamples=2).spearman.value
        for one, other in combinations(values, 2)
    ]
    of = f"({len(there)} seeds, {len(common)} cells)"
    return (
        f"{np.mean(taus):.3f} ± {np.std(taus, ddof=1):.3f} {of}",
        f"{np.mean(rhos):.3f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["score", "seconds", "report"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--cells", type=int, default=10, help="of seconds")
    parser.add_argument("--only", nargs="*", metavar="IMAGES-SEED-GROUP")
    options = parser.parse_args()
    runs = [run for run in RUNS if not options.only or "-".join(map(str, run)) in options.only]
    if options.what == "report":
        report(options.folder)
    elif options.what == "seconds":
        options.folder.mkdir(parents=True, exist_ok=True)
        seconds(options.folder, options.cells)
    else:
        score(options.folder, runs, options.jobs)


if __name__ == "__main__":
    main()
