"""DSIR against three targets and two language models, on all of web_mix, by one command.

    python benchmarks/web_mix_targets.py web_mix.parquet --work FOLDER

The targets are every second document of the tiers books, math and edited; the references of the
language models those of books, and of math. All of the corpus is scored, the source is the corpus
itself. AUC: how well a score tells the other half of its tier from the documents of all other
tiers. FOLDER keeps the targets and the score folder; what is there is not done again.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import time
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

from dataselect.scores import open_scores
from dataselect.selection import choose

TIERS = ("books", "math", "edited")


def make_targets(corpus: pl.DataFrame, work: Path) -> None:
    for tier in TIERS:
        half = corpus.filter(pl.col("tier") == tier)[::2]
        half.select("text").write_ndjson(work / f"{tier}.jsonl")


def score(corpus: Path, work: Path) -> None:
    scorers = ",".join(
        [f"dsir:{tier}={work / f'{tier}.jsonl'}" for tier in TIERS]
        + [f"ppl:{tier}={work / f'{tier}.jsonl'}" for tier in ("books", "math")]
    )
    command = ["dataselect", "score", str(corpus), "--out", str(work / "scores"), "--workers", "1"]
    print("dataselect score web_mix.parquet --out scores --workers 1 --scorers", scorers)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([*command, "--scorers", scorers], check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    print(f"{time.perf_counter() - began:.0f} s by the clock, {cpu:.0f} CPU s\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    corpus = pl.read_parquet(arguments.corpus, columns=["tier", "text"])
    make_targets(corpus, arguments.work)
    score(arguments.corpus, arguments.work)
    table = open_scores(str(arguments.work / "scores")).scan().collect()
    tier = corpus["tier"].to_numpy()[table["row"].to_numpy()]
    rows = table["row"].to_numpy()
    within = np.zeros(len(corpus), np.int64)
    for name in TIERS:
        own = np.flatnonzero(corpus["tier"].to_numpy() == name)
        within[own] = np.arange(len(own))
    print(f"{len(table):,} documents\n")
    print("score                  null     AUC   median of its tier   of the others")
    for name in TIERS:
        held = (tier == name) & (within[rows] % 2 == 1)
        other = tier != name
        for column, sign in (
            (f"dsir_{name}", 1), (f"dsir_{name}_mean", 1), (f"ppl_{name}", -1),
            (f"ppl_{name}_bits_per_byte", -1),
        ):  # fmt: skip
            if column not in table.columns:
                continue
            values = table[column].to_numpy()
            known = ~np.isnan(values)
            asked = known & (held | other)
            auc = roc_auc_score(held[asked], sign * values[asked])
            print(
                f"{column:22} {int((~known).sum()):4d}  {auc:.4f}  "
                f"{np.median(values[held & known]):18.2f}  {np.median(values[other & known]):14.2f}"
            )
    print("\n3,000 documents for each target: share of them in its tier")
    print("target   the best   the best of the mean   sampled by log weights")
    for name in TIERS:
        total = table[f"dsir_{name}"].to_numpy()
        mean = table[f"dsir_{name}_mean"].to_numpy()
        best, by_mean = choose(total, 3000), choose(mean, 3000)
        drawn = choose(total, 3000, temperature=1.0, log_weights=True, rows=rows.astype(np.int64))
        shares = [float(np.mean(tier[chosen] == name)) for chosen in (best, by_mean, drawn)]
        print(f"{name:8} {shares[0]:8.3f} {shares[1]:22.3f} {shares[2]:24.3f}")


if __name__ == "__main__":
    main()
