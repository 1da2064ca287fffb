"""The published experiment on questions about currencies: what pruning and reweighting are worth.

    python benchmarks/wikifact_currency.py --splits 64

For each random cut of the questions into validation and test halves: accuracy of the majority vote
over the first 10 surviving answers, with all sources; after pruning by leave-one-out of the vote;
after learned pruning and reweighting. Sources are grouped by domain. Gains are paired over splits,
with standard errors of the mean over splits (which share questions, so that they speak of the
splits, not of other questions). Exits with 1 where learned pruning gains less than ``--at-least``
with the published step size and treatment of unseen sources, by exact match.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from dataselect.importance import (
    accuracy,
    choose_step_size,
    gains_without,
    importance,
    prune,
    read_groups,
    read_retrievals,
    reweight,
)

K = 10
PUBLISHED_STEP = 500.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("ZEROCOST_DATA_DIR"))
    parser.add_argument("--splits", type=int, default=64)
    parser.add_argument("--match", nargs="+", default=["exact", "casefold", "squad"])
    parser.add_argument("--tuned", action="store_true", help="choose the step size in each split")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--at-least", type=float, default=0.04)
    options = parser.parse_args()
    if options.data is None:
        raise SystemExit("name the folder of the data: --data, or ZEROCOST_DATA_DIR")
    folder = options.data / "retrieval"
    print(
        "| match | step size | unseen | raw | leave-one-out pruning | learned pruning "
        "| reweighting | share removed |"
    )
    print("|---|---|---|---|---|---|---|---|")
    failures = []
    for match in options.match:
        table = read_retrievals([folder / "wikifact_currency.jsonl"], match=match)
        groups = read_groups(folder / "wikifact_currency_websites_by_domain.jsonl", table.names)
        whole = table.retrievals
        found: dict[str, list[list[float]]] = {"keep": [], "drop": []}
        steps = []
        for split in range(options.splits):
            order = np.random.default_rng(split).permutation(whole.n_queries)
            half = whole.n_queries // 2
            validation, test = whole.take(order[:half]), whole.take(order[half:])
            step = PUBLISHED_STEP
            if options.tuned:
                step = choose_step_size(
                    validation, k=K, groups=groups, seed=split, threads=options.threads
                ).learning_rate
            steps.append(step)
            learned = importance(
                validation, k=K, learning_rate=step, groups=groups, threads=options.threads
            ).players
            gains = gains_without(validation, groups.of_item, len(groups.names), k=K)
            alone = np.where(np.isnan(learned), np.nan, gains)
            for unseen, rows in found.items():
                player = groups.of_item
                by_gain = prune(validation, alone, k=K, player=player, unseen=unseen)
                pruned = prune(validation, learned, k=K, player=player, unseen=unseen)
                weighed = reweight(
                    test, learned, k=K, player=player, seed=split, unseen=unseen
                ).mean()
                rows.append(
                    [
                        accuracy(test, k=K),
                        accuracy(test, by_gain.keep, k=K),
                        accuracy(test, pruned.keep, k=K),
                        float(weighed),
                        pruned.share,
                    ]
                )
        for unseen, rows in found.items():
            table_of = np.array(rows)
            means = table_of.mean(axis=0)
            gained = table_of[:, 1:4] - table_of[:, :1]
            errors = gained.std(axis=0, ddof=1) / np.sqrt(len(gained))
            cells = [
                f"{means[i + 1]:.4f} ({gained[:, i].mean():+.4f} ± {errors[i]:.4f})"
                for i in range(3)
            ]
            chosen = f"{np.median(steps):g}" + (" (median)" if options.tuned else "")
            print(
                f"| {match} | {chosen} | {unseen} | {means[0]:.4f} | {' | '.join(cells)} "
                f"| {means[4]:.2f} |",
                flush=True,
            )
            gain = float(gained[:, 1].mean())
            if match == "exact" and unseen == "drop" and gain < options.at_least:
                failures.append(f"learned pruning gains {gain:.4f}, {options.at_least} wanted")
    if failures:
        raise SystemExit("; ".join(failures))


if __name__ == "__main__":
    main()
