"""How fast the importance of items is learned, beside what the machine could do at best.

    python benchmarks/importance.py --queries 2000000 --epochs 10
    python benchmarks/importance.py --queries 2000000 --epochs 10 --items 1000000 --at-most 60

One query lists 50 items, K is 10, one answer in four is right. The floor is the larger of the time
to read each position's item and utility once (a stream measured here) and the time of the
recurrences' multiplications and additions (vector operations measured here), on the same threads.
``--ragbooster FOLDER`` names the site-packages in which ragbooster is installed; its compiled
module is run on the first ``--ragbooster-queries`` of the same lists, on one job and on two. Exits
with 1 where the run takes longer than ``--at-most``, the objective does not rise at every epoch,
memory exceeds ``--memory`` or ragbooster's better figure times ``--at-least`` is not reached.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import importlib.util
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from dataselect.importance import Retrievals, importance
from zerocost.compiled import compiled

LISTED = 50
K = 10
# A position costs, for each of K ranks: 2 additions and 1 multiplication to walk down, the same
# to walk up, and 2 additions and 1 multiplication for the gradient.
OPERATIONS = 9 * K
BYTES = 8


def lists(queries: int, items: int, seed: int = 0) -> Retrievals:
    rng = np.random.default_rng(seed)
    positions = queries * LISTED
    return Retrievals(
        np.arange(queries + 1, dtype=np.int64) * LISTED,
        rng.integers(0, items, size=positions, dtype=np.int32),
        (rng.random(positions, dtype=np.float32) < 0.25).astype(np.float32),
        items,
    )


@compiled
def multiply_add(x: np.ndarray, rounds: int) -> None:
    for _ in range(rounds):
        for i in range(x.shape[0]):
            x[i] = (x[i] * 0.999 + 0.5) * 0.999 + 0.5


@compiled
def stream(items: np.ndarray, utility: np.ndarray) -> float:
    ids = 0
    total = np.float32(0)
    for i in range(items.shape[0]):
        ids += items[i]
        total = max(total, utility[i])
    return ids + float(total)


def floor(game: Retrievals, epochs: int, threads: int) -> dict[str, float]:
    """Seconds for the bytes and for the operations, each measured by itself."""
    parts = np.array_split(np.arange(len(game.items)), threads)
    ends = [(int(part[0]), int(part[-1]) + 1) for part in parts]
    x = [np.ones(1024) for _ in range(threads)]
    rounds = 200_000
    multiply_add(x[0], 1)
    stream(game.items[:8], game.utility[:8])
    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        list(pool.map(lambda own: multiply_add(own, rounds), x))
        operations = 4 * 1024 * rounds * threads / (time.perf_counter() - began)
        began = time.perf_counter()
        list(pool.map(lambda e: stream(game.items[slice(*e)], game.utility[slice(*e)]), ends))
        read = len(game.items) * BYTES / (time.perf_counter() - began)
    work = len(game.items) * epochs
    return {
        "operations a second": operations,
        "bytes a second": read,
        "seconds": max(work * OPERATIONS / operations, work * BYTES / read),
    }


def ragbooster(folder: Path, game: Retrievals, queries: int, epochs: int) -> float:
    """The better of one job and two, in list elements x epochs a second."""
    [path] = list((folder / "ragbooster").glob("ragbooster.*.so"))
    # Its package imports torch and transformers of years ago; the compiled module needs neither.
    loader = importlib.machinery.ExtensionFileLoader("ragbooster", str(path))
    spec = importlib.util.spec_from_loader("ragbooster", loader)
    assert spec is not None
    module: Any = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    taken = game.take(np.arange(queries))
    retrievals = [
        {"retrieved": ids, "utility_contributions": gains}
        for ids, gains in zip(
            taken.items.reshape(-1, LISTED).tolist(),
            taken.utility.astype(np.float64).reshape(-1, LISTED).tolist(),
            strict=True,
        )
    ]
    best = alone = 0.0
    for jobs in (1, 2):
        began, used = time.perf_counter(), time.process_time()
        theirs = module.learn_importance(
            retrievals, k=K, learning_rate=10.0, num_epochs=epochs, n_jobs=jobs, grouping=None
        )
        seconds, processor = time.perf_counter() - began, time.process_time() - used
        rate = len(taken.items) * epochs / seconds
        alone = max(alone, len(taken.items) * epochs / processor)
        print(
            f"| ragbooster, {jobs} job(s), {queries:,} queries | {seconds:.2f} | {rate / 1e6:.1f} |"
        )
        best = max(best, rate)
        ours = importance(taken, k=K, learning_rate=10.0, epochs=epochs)
        learned = np.array(theirs)[: taken.n_items]
        difference = float(np.nanmax(np.abs(ours.values[: len(learned)] - learned)))
    print(f"\nragbooster: {alone / 1e6:.1f} million a second of processor time at best.")
    print(f"The values differ from ragbooster's by {difference:.1e} at the most.")
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=200_000)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, help="by default, the number of items")
    parser.add_argument("--at-most", type=float, default=12.0, help="seconds, of 2 million queries")
    parser.add_argument("--memory", type=float, default=3.0, help="GB")
    parser.add_argument("--ragbooster", type=Path)
    parser.add_argument("--ragbooster-queries", type=int, default=20_000)
    parser.add_argument("--at-least", type=float, default=7.0, help="times ragbooster")
    options = parser.parse_args()
    game = lists(options.queries, options.items)
    importance(lists(64, options.items), epochs=1)  # compile
    bare = floor(game, options.epochs, options.threads)
    began, used = time.perf_counter(), time.process_time()
    found = importance(
        game,
        k=K,
        learning_rate=options.learning_rate or float(options.items),
        epochs=options.epochs,
        threads=options.threads,
    )
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    work = len(game.items) * options.epochs
    rises = np.diff(found.objective)
    print(
        f"{len(game.items):,} positions, {options.items:,} items, {options.epochs} epochs, "
        f"{options.threads} thread(s); {processor:.1f} s of processor time, {memory:.2f} GB; "
        f"objective {found.objective[0]:.6f} to {found.objective[-1]:.6f}, "
        f"least rise {rises.min():.2e}; floor: {OPERATIONS * work:.3g} operations at "
        f"{bare['operations a second'] / 1e9:.0f} G/s, {BYTES * work:.3g} bytes at "
        f"{bare['bytes a second'] / 1e9:.0f} GB/s\n"
    )
    # On a machine shared with other work the wall clock says more of that than of this.
    print(f"{work / processor / 1e6:.0f} million positions x epochs a second of processor time\n")
    print("| what | seconds | million positions x epochs a second |")
    print("|---|---|---|")
    print(f"| floor | {bare['seconds']:.2f} | {work / bare['seconds'] / 1e6:.0f} |")
    print(f"| dataselect.importance | {seconds:.2f} | {work / seconds / 1e6:.0f} |")
    failures = []
    if options.ragbooster is not None:
        best = ragbooster(options.ragbooster, game, options.ragbooster_queries, options.epochs)
        times = work / seconds / best
        print(f"{times:.1f} times ragbooster's better figure.")
        if times < options.at_least:
            failures.append(f"{times:.1f} times ragbooster, {options.at_least} wanted")
    allowed = options.at_most * work / 1e9
    if seconds > allowed:
        failures.append(f"{seconds:.1f} s, {allowed:.1f} allowed")
    if not (rises > 0).all():
        failures.append("the objective did not rise at every epoch")
    if memory > options.memory:
        failures.append(f"{memory:.2f} GB, {options.memory} allowed")
    if failures:
        raise SystemExit("; ".join(failures))


if __name__ == "__main__":
    main()
