"""What in MABN matters: one change at a time, on the same draws of training classes.

    python benchmarks/parzc_ablation.py --nodes nodes.parquet --out ablation.jsonl

Every variant is fitted on the same training classes and with the same seeds as the base, so that
the difference of a draw is between the variants alone. The interval is Student's 95 % interval of
the mean difference over draws; it says nothing of other search spaces. Where it holds 0, this
experiment cannot tell the variant from the base.

Every fit is a line of ``--out`` as soon as it is done; the same command goes on from there.
``parzc_nasbench201.py`` says how to make the table of nodes.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from parzc_nasbench201 import measured, truth
from scipy.stats import t as student

from nasproxy.parzc.predictor import MABN, MABN_TOPOLOGY, Mabn
from nasproxy.prediction.evaluation import evaluate_draw
from zerocost.files import sha256_of
from zerocost.journal import Journal

BASE = replace(MABN, members=1, draws=2)


def variants(proxies: tuple[str, ...] = ()) -> dict[str, Mabn]:
    """The base and everything that differs from it in one point; proxies: all of the nodes."""
    shape, schedule = BASE.shape, BASE.schedule
    losses = {
        "loss: diffkendall-product (ParZC)": {"loss": "diffkendall-product"},
        "loss: diffkendall-product, alpha 2": {"loss": "diffkendall-product", "alpha": 2.0},
        "loss: diffkendall-original": {"loss": "diffkendall-original"},
        "loss: diffkendall-sign": {"loss": "diffkendall-sign"},
        "loss: pairwise+diffkendall-product": {"loss": "pairwise+diffkendall-product"},
        "loss: listmle": {"loss": "listmle"},
        "loss: mse": {"loss": "mse"},
    }
    return {
        "base": BASE,
        **{name: replace(BASE, schedule=replace(schedule, **new)) for name, new in losses.items()},
        "weights: plain, not Bayesian": replace(BASE, shape=replace(shape, bayesian=False)),
        "weights: mean in training": replace(BASE, schedule=replace(schedule, sampled=False)),
        "weights: KL term": replace(BASE, schedule=replace(schedule, divergence=1e-3)),
        "prediction: mean of 8 samples": replace(BASE, use="samples", draws=8),
        "segments: not mixed (the authors' code)": replace(
            BASE, shape=replace(shape, mix_segments=False)
        ),
        "blocks: none": replace(BASE, shape=replace(shape, depth=0)),
        "dropout: 0.1": replace(BASE, shape=replace(shape, dropout=0.1)),
        "nodes: published normalisation, its 3 proxies": replace(BASE, nodes="published"),
        "nodes: published normalisation, all proxies": replace(
            BASE, nodes="published", proxies=proxies
        ),
        "nodes: summed over the network": replace(BASE, nodes="summed"),
        "target: standardised, not normal scores": replace(BASE, target="standard"),
        "epoch: chosen on 20 % held out": replace(
            BASE, schedule=replace(schedule, held_out=0.2)
        ),
        "members: 3": replace(BASE, members=3),
        "topology: with columns": replace(MABN_TOPOLOGY, members=1, draws=2),
        "topology: columns alone": replace(MABN_TOPOLOGY, members=1, draws=2, nodes=None),
    }  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    table = truth(None)
    features, classes = measured(arguments.nodes, arguments.levels.split(","), table)
    about: dict[str, Any] = {"nodes": sha256_of(arguments.nodes), "classes": len(classes)}
    about |= {"train": arguments.train, "target": arguments.target}
    with Journal(arguments.out, about) as journal:
        known = {(r["variant"], r["draw"], r["seed"]) for r in journal.records}
        for draw in range(arguments.draws):
            for seed in range(arguments.seeds):
                for name, mabn in variants(features.need_nodes().proxies).items():
                    if (name, draw, seed) in known or arguments.only not in name:
                        continue
                    found = evaluate_draw(
                        mabn, features, classes, fit_on=arguments.target,
                        test_on=arguments.target, train=arguments.train, draw=draw, fit_seed=seed,
                    )  # fmt: skip
                    record = {"variant": name, "draw": draw, "seed": seed}
                    journal.append({**record, "found": asdict(found)})
                    print(f"{draw} {seed} {name}: {found.kendall:.3f}", flush=True)


def print_table(path: Path) -> None:
    first, *lines = path.read_text(encoding="utf-8").splitlines()
    about = json.loads(first)["configuration"]
    taus: dict[str, dict[int, dict[int, float]]] = {}
    for line in lines:
        record = json.loads(line)
        of_draw = taus.setdefault(record["variant"], {}).setdefault(record["draw"], {})
        of_draw[record["seed"]] = record["found"]["kendall"]
    print(f"\n{about['train']} training classes of {about['classes']:,}, {about['target']}\n")
    print("| variant | draws x seeds | tau_b | sd, draws | sd, seeds | less the base, 95 % |")
    print("|---|---|---|---|---|---|")
    base = taus.get("base", {})
    for name in [name for name in variants() if name in taus]:
        mine = taus[name]
        means = [float(np.mean(list(seeds.values()))) for seeds in mine.values()]
        pooled = [np.var(list(s.values()), ddof=1) for s in mine.values() if len(s) > 1]
        within = f"{np.sqrt(np.mean(pooled)):.3f}" if pooled else "-"
        deviation = f"{np.std(means, ddof=1):.3f}" if len(means) > 1 else "-"
        shared = [
            float(np.mean([mine[d][s] - base[d][s] for s in mine[d] if s in base[d]]))
            for d in mine
            if d in base and set(mine[d]) & set(base[d])
        ]
        versus = "-"
        if name != "base" and len(shared) > 1:
            n = len(shared)
            half = student.ppf(0.975, n - 1) * np.std(shared, ddof=1) / np.sqrt(n)
            versus = f"{np.mean(shared):+.3f} ± {half:.3f}"
        count = f"{len(mine)} x {max(len(s) for s in mine.values())}"
        print(f"| {name} | {count} | {np.mean(means):.3f} | {deviation} | {within} | {versus} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=Path)
    parser.add_argument("--levels", default="published", metavar="published|FILE,...")
    parser.add_argument("--out", type=Path, default=Path("parzc_ablation.jsonl"))
    parser.add_argument("--train", type=int, default=156)
    parser.add_argument("--target", default="cifar10")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="Variants whose name holds this.")
    parser.add_argument("--print-only", action="store_true", help="Of what --out holds.")
    arguments = parser.parse_args()
    if not arguments.print_only:
        run(arguments)
    print_table(arguments.out)


if __name__ == "__main__":
    main()
