"""How fast the scorer `signals` is: by what is asked for, on one thread and on two.

    python benchmarks/signal_speed.py CORPUS.parquet [--megabytes 30]

In memory: no reading, no writing. CPU seconds of the thread, which other work on the machine
disturbs least, the best of three; for two threads also the clock.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataselect.scorers.recipes import load_recipe
from dataselect.scorers.signals import ALL, LIGHT, SIGNALS, Signals, signals
from dataselect.scorers.signals.text import READABILITY, SIZES


def batches(corpus: Path, megabytes: float) -> tuple[list[pa.RecordBatch], float]:
    """Every k-th document, so that all domains are in, in batches of 2,000."""
    texts = pq.read_table(corpus, columns=["text"])["text"].combine_chunks()
    sizes = pc.binary_length(texts)
    step = max(1, round(pc.sum(sizes).as_py() / 1e6 / megabytes))
    texts = texts.take(pa.array(range(0, len(texts), step)))
    size = pc.sum(pc.binary_length(texts)).as_py() / 1e6
    parts = [texts.slice(at, 2000) for at in range(0, len(texts), 2000)]
    return [pa.RecordBatch.from_arrays([part], names=["text"]) for part in parts], size


def run(scorer: Signals, parts: list[pa.RecordBatch]) -> float:
    best = float("inf")
    for _ in range(3):
        began = time.thread_time()
        for part in parts:
            scorer.score(part)
        best = min(best, time.thread_time() - began)
    return best


def threaded(scorer: Signals, parts: list[pa.RecordBatch], threads: int) -> float:
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(scorer.score, parts))
        best = min(best, time.perf_counter() - began)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--megabytes", type=float, default=30)
    arguments = parser.parse_args()
    began = time.process_time()
    SIGNALS.score(pa.RecordBatch.from_arrays([pa.array(["a"])], names=["text"]))
    print(f"first call of this process: {time.process_time() - began:.1f} CPU seconds")
    parts, size = batches(arguments.corpus, arguments.megabytes)
    documents = sum(part.num_rows for part in parts)
    print(f"{documents} documents, {size:.1f} MB\n")
    names = [signal.column.name for signal in ALL]
    plain = {name for name in names if "gram" not in name}
    asked = {
        "all": SIGNALS,
        "all but repeated n-grams": LIGHT,
        "characters and lines": signals(("characters", "lines")),
        "sizes": signals(tuple(signal.column.name for signal in SIZES)),
        "RedPajama, no n-grams": signals(
            tuple(n for n in names if n in plain and n.startswith("rps_"))
        ),
        "RedPajama": signals(tuple(name for name in names if name.startswith("rps_"))),
        "recipe gopher": signals(load_recipe("gopher").signals),
        "recipe c4": signals(load_recipe("c4").signals),
        "recipe fineweb": signals(load_recipe("fineweb").signals),
        "readability": signals(tuple(signal.column.name for signal in READABILITY)),
    }
    print("asked for                   columns   CPU s     MB/s   documents/s")
    for what, scorer in asked.items():
        seconds = run(scorer, parts)
        print(
            f"{what:26} {len(scorer.columns):8d} {seconds:8.3f} {size / seconds:8.1f} "
            f"{documents / seconds:12.0f}"
        )
    one, two = threaded(SIGNALS, parts, 1), threaded(SIGNALS, parts, 2)
    print(f"\nall, by the clock: one thread {one:.2f} s, two {two:.2f} s: {one / two:.2f} times")


if __name__ == "__main__":
    main()
