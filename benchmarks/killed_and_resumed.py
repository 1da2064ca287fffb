"""Runs killed at random moments and given again, and processes that share a search.

    python benchmarks/killed_and_resumed.py --cells 300 --kills 3 --workers 4

Three things are shown. `rank` of --cells cells, its whole process group killed with SIGKILL --kills
times at random points and given again, ends with the same bytes as an uninterrupted run, for two
jobs as for one, node-wise values included. So does `search` with the same seed. And --workers
processes on one journal storage, one of them killed on the way, score --budget networks with no
function twice.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from hashlib import sha256
from pathlib import Path

COMMAND = [sys.executable, "-c", "from zerocost_cli.nasproxy.main import run; run()"]


def started(*arguments: object) -> subprocess.Popen[bytes]:
    """The command in a process group of its own."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def finished(*arguments: object) -> None:
    """The command to its end."""
    process = started(*arguments)
    _, error = process.communicate()
    if process.returncode:
        raise SystemExit(error.decode())


def killed(journal: Path, records: int, *arguments: object) -> int:
    """The command, killed once its journal holds so many records; how many it then holds."""
    process = started(*arguments)
    while process.poll() is None:
        if journal.exists() and journal.read_bytes().count(b"\n") > records:
            os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(0.005)
    process.communicate()
    if process.returncode != -signal.SIGKILL:
        raise SystemExit(f"it ended with {process.returncode} before it was killed")
    return journal.read_bytes().count(b"\n") - 1


def digests(folder: Path, names: list[str]) -> dict[str, str]:
    """The SHA-256 of files, its first digits."""
    return {name: sha256((folder / name).read_bytes()).hexdigest()[:16] for name in names}


def rank_again(options: argparse.Namespace, folder: Path, draw: random.Random) -> None:
    """Kill a ranking, continue it, and compare it with one that nothing interrupted."""
    results = {}
    for name, kills, jobs in (("whole", 0, 1), ("killed", options.kills, 2)):
        here = folder / f"rank {name}"
        here.mkdir()
        out = here / "scores.parquet"
        asked = ["rank", "--space", "nasbench201", "--sample", options.cells, "--proxies"]
        asked += [
            "naswot,synflow,params",
            "--images",
            options.images,
            "--batch-size",
            options.batch,
        ]
        asked += ["--nodes", here / "nodes.parquet", "--jobs", jobs, "--out", out]
        points = sorted(draw.sample(range(options.cells - 10), kills))
        journal = here / "scores.parquet.journal.jsonl"
        held = [killed(journal, point, *asked) for point in points]
        finished(*asked)
        results[name] = digests(here, ["scores.parquet", "nodes.parquet"])
        print(f"rank, {options.cells} cells, {name} (at {held} cells): {results[name]}", flush=True)
    print(f"the same bytes: {results['whole'] == results['killed']}\n", flush=True)


def search_again(options: argparse.Namespace, folder: Path, draw: random.Random) -> None:
    """Kill a search, continue it, and compare it with one that nothing interrupted."""
    for sampler in ("evolution", "nsga2"):
        results = {}
        for name, kills in (("whole", 0), ("killed", options.kills)):
            out = folder / f"search {sampler} {name}"
            asked = ["search", "--space", "nasbench201", "--budget", options.budget]
            asked += ["--sampler", sampler, "--objectives", "proxies,params", "--population", 20]
            asked += ["--images", options.images, "--batch-size", options.batch, "--out", out]
            points = sorted(draw.sample(range(options.budget - 5), kills))
            held = [killed(out / "journal.jsonl", point, *asked) for point in points]
            finished(*asked)
            results[name] = digests(out, ["evaluations.parquet", "result.json"])
            print(
                f"search by {sampler}, {options.budget} networks, {name} (at {held}): "
                f"{results[name]}",
                flush=True,
            )
        print(f"the same bytes: {results['whole'] == results['killed']}\n", flush=True)


def shared(options: argparse.Namespace, folder: Path, draw: random.Random) -> None:
    """Several processes on one journal file, one of them killed and started again."""
    import pyarrow.parquet as pq

    storage = folder / "study.log"
    asked = ["search", "--space", "nasbench201", "--budget", options.budget, "--population", 20]
    asked += ["--images", options.images, "--batch-size", options.batch, "--storage", storage]
    workers = [started(*asked, "--out", folder / f"worker {i}") for i in range(options.workers)]
    while not storage.exists() or storage.read_bytes().count(b'"done"') < options.budget // 3:
        time.sleep(0.02)
    victim = draw.randrange(options.workers)
    os.killpg(workers[victim].pid, signal.SIGKILL)
    workers[victim].communicate()
    workers[victim] = started(*asked, "--out", folder / f"worker {victim}")
    for worker in workers:
        _, error = worker.communicate()
        if worker.returncode:
            raise SystemExit(error.decode())
    events = [
        attribute
        for line in storage.read_text().splitlines()
        for attribute in [json.loads(line).get("user_attrs") or {}]
        if attribute.get("event")
    ]
    done = [event["evaluation"]["function"] for event in events if event["event"] == "done"]
    by_worker = Counter(event["worker"] for event in events if event["event"] == "done")
    tables = {
        sha256((folder / f"worker {i}" / "evaluations.parquet").read_bytes()).hexdigest()
        for i in range(options.workers)
    }
    functions = pq.read_table(folder / "worker 0" / "evaluations.parquet").column("canonical")
    print(
        f"{options.workers} processes on one journal, one killed and started again: {len(done)} "
        f"evaluations handed in by {len(by_worker)} processes ({sorted(by_worker.values())}), "
        f"{len(set(done))} functions, {sum(n - 1 for n in Counter(done).values())} twice; "
        f"{len(functions)} in the table, {len(set(functions.to_pylist()))} of them different; "
        f"all processes wrote the same table: {len(tables) == 1}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=300)
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--images", default="cifar10")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0, help="Of the points where runs are killed.")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as made:
        shared(options, Path(made), draw)
        search_again(options, Path(made), draw)
        rank_again(options, Path(made), draw)


if __name__ == "__main__":
    main()
