"""Fresh models on a few selections: what the learned weights are worth."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from dataselect.weighting.pool import open_pool
from dataselect.weighting.proxies import GptProxy
from zerocost.files import write_json

CHANCE = "random choice"


def train_fresh(
    selections: dict[str, list[float] | None],
    proxy: GptProxy,
    pool: Path,
    out: Path,
    *,
    seeds: Sequence[int],
    jobs: int,
) -> list[dict]:
    """Train a model a selection and seed; a record that is there is not made again.

    Args:
        selections: weights by name; None selects by chance, other documents with each seed.
        proxy: the model.
        pool: the candidates.
        out: of the records.
        seeds: none of them that of the design.
        jobs: processes.
    """
    out.mkdir(parents=True, exist_ok=True)
    asked = [(name, seed) for seed in seeds for name in selections]
    work = partial(_train, selections=selections, proxy=proxy, pool=pool, out=out)
    if jobs == 1:
        return [work(one) for one in asked]
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    os.environ |= {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": str(2**33)}
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as executor:
        return list(executor.map(work, asked))


def _train(
    one: tuple[str, int],
    *,
    selections: dict[str, list[float] | None],
    proxy: GptProxy,
    pool: Path,
    out: Path,
) -> dict:
    name, seed = one
    path = out / f"{name.replace(' ', '-').replace(':', '-')}-{seed}.json"
    if not path.exists():
        candidates = open_pool(pool)
        weights = selections[name]
        if weights is None:
            chosen = candidates.select_by_chance(proxy.tokens, seed)
        else:
            chosen = candidates.select(np.array(weights), proxy.tokens)
        losses = proxy.open(candidates.data)([chosen], [seed])[0]
        tokens = int(candidates.data.candidates.lengths[chosen].sum())
        write_json(
            path,
            {"selection": name, "seed": seed, "losses": losses}
            | {"documents": len(chosen), "tokens": tokens},
        )
        print(f"{name}, seed {seed}: {np.mean(list(losses.values())):.4f}", flush=True)
    return json.loads(path.read_text())


def table(records: list[dict]) -> list[str]:
    """Lines of Markdown: mean losses over seeds with standard errors, and against chance.

    The difference is taken seed by seed: with one seed all models begin with the same weights.
    """
    names = list(dict.fromkeys(record["selection"] for record in records))
    sets = list(records[0]["losses"])
    by = {(r["selection"], r["seed"]): r["losses"] for r in records}
    seeds = sorted({record["seed"] for record in records})

    def values(name: str, of: str | None) -> np.ndarray:
        each = [by[name, seed] for seed in seeds]
        return np.array([np.mean(list(e.values())) if of is None else e[of] for e in each])

    lines = [
        f"| selection | documents | mean loss | against chance | {' | '.join(sets)} |",
        f"|---|---|---|---|{'---|' * len(sets)}",
    ]
    for name in names:
        own, chance = values(name, None), values(CHANCE, None)
        documents = np.mean([r["documents"] for r in records if r["selection"] == name])
        against = "" if name == CHANCE else _shown(own - chance, signed=True)
        cells = [_shown(values(name, of)) for of in sets]
        lines.append(
            f"| {name} | {documents:,.0f} | {_shown(own)} | {against} | {' | '.join(cells)} |"
        )
    return lines


def _shown(values: np.ndarray, *, signed: bool = False) -> str:
    mean = f"{values.mean():{'+' if signed else ''}.4f}"
    if len(values) < 2:
        return mean
    return f"{mean} ± {values.std(ddof=1) / np.sqrt(len(values)):.4f}"
