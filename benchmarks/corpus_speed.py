"""How fast a corpus is scored from end to end, where the time goes, and how much memory it takes.

python benchmarks/corpus_speed.py speed [--megabytes 1000] [--formats jsonl,parquet]
python benchmarks/corpus_speed.py floor [--megabytes 1000] [--formats jsonl,parquet]
python benchmarks/corpus_speed.py process         the command on the file itself, start included
python benchmarks/corpus_speed.py threads         the kernels on two threads against one
python benchmarks/corpus_speed.py memory [--gigabytes 5] [--workers 2]

The corpus is text/web_mix.parquet under ZEROCOST_DATA_DIR, repeated. "light" is all that needs no
n-grams; "plain" is that without the quantities of Gopher's, C4's and FineWeb's rules. The floor is
a run that takes its light scores from a table: what is left of a run when scoring costs nothing;
and what Arrow alone takes to read the text and check its UTF-8. Rates are by
the CPU seconds of the run, which other work on the machine disturbs less than the clock.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from dataselect.corpus import ReadOptions, find_corpus
from dataselect.corpus.parts import RawPart
from dataselect.corpus.reading import cut, decode
from dataselect.engines import local
from dataselect.scorers.named import scorers_of
from dataselect.scorers.scorer import Column, Scorer
from dataselect.scorers.signals import signals
from dataselect.scores import work
from dataselect.scores.run import score_corpus

MB = 1e6
FLOORS = {
    "all": 30.0,
    "light": 100.0,
    "plain": 100.0,
    "process": 15.0,
    "threads": 1.7,
    "memory": 1000.0,
}


def web_mix() -> Path:
    return Path(os.environ["ZEROCOST_DATA_DIR"]) / "text" / "web_mix.parquet"


def scorer_of(name: str) -> Scorer:
    if name == "all":
        return scorers_of("signals")[0]
    names = [
        column.name for column in scorers_of("signals")[0].columns if "gram" not in column.name
    ]
    if name == "plain":
        names = [name for name in names if not name.startswith(("gopher_", "c4_", "fineweb_"))]
    return signals(tuple(names))


def write_corpus(path: Path, text_bytes: float) -> float:
    """web_mix repeated until it has so much text; return how much."""
    table = pq.read_table(web_mix())
    size = sum(len(text.encode()) for text in table["text"].to_pylist())
    repeats = max(1, round(text_bytes / size))
    if path.suffix == ".parquet":
        with pq.ParquetWriter(path, table.schema, compression="zstd") as writer:
            for _ in range(repeats):
                writer.write_table(table, row_group_size=4096)
    else:
        lines = b"".join(msgspec.json.encode(row) + b"\n" for row in table.to_pylist())
        with path.open("wb") as stream:
            for _ in range(repeats):
                stream.write(lines)
    return size * repeats


@contextmanager
def timed() -> Iterator[Counter[str]]:
    """Count the seconds of each step of a run on one thread."""
    spent: Counter[str] = Counter()

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            began = time.thread_time()
            try:
                return function(*arguments, **options)
            finally:
                spent[name] += time.thread_time() - began

        return call

    def counting_steps(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Iterator[Any]:
            steps = function(*arguments)
            while True:
                began = time.thread_time()
                found = next(steps, None)
                spent[name] += time.thread_time() - began
                if found is None:
                    return
                yield found

        return call

    before = (local.cut, work.decode, work.scored, work.write_part)
    local.cut = counting_steps("reading, cutting, hashing", before[0])
    work.decode = counting_steps("decoding", before[1])
    work.scored = counting("scoring", before[2])
    work.write_part = counting("writing", before[3])
    try:
        yield spent
    finally:
        local.cut, work.decode, work.scored, work.write_part = before


def warm(scorer: Scorer) -> None:
    """Compile, or load what was compiled before."""
    scorer.score(pa.record_batch({"text": pa.array(["A word, and words."])}))


def speed(megabytes: float, formats: list[str], kinds: list[str], repeats: int) -> None:
    print("| scorers | format | MB of text | MB/s a core | " + " | ".join(STEPS) + " | other |")
    print("|---|---|---|---|" + "---|" * (len(STEPS) + 1))
    with tempfile.TemporaryDirectory() as folder:
        for form in formats:
            path = Path(folder) / f"web_mix.{form}"
            size = write_corpus(path, megabytes * MB)
            for kind in kinds:
                scorer = scorer_of(kind)
                warm(scorer)
                seconds = float("inf")
                for turn in range(repeats):
                    with timed() as counted:
                        began = time.thread_time()
                        out = f"{folder}/{form}-{kind}-{turn}"
                        score_corpus([str(path)], out, [scorer], workers=1)
                        taken = time.thread_time() - began
                    if taken < seconds:
                        seconds, spent = taken, counted
                rate = size / MB / seconds
                shares = [f"{spent[step] / seconds:.0%}" for step in STEPS]
                other = f"{1 - sum(spent.values()) / seconds:.0%}"
                print(
                    f"| {kind}, {len(scorer.columns)} columns | {form} | {size / MB:,.0f} "
                    f"| {rate:.1f} | {' | '.join(shares)} | {other} |",
                    flush=True,
                )
                if rate < FLOORS[kind]:
                    print(f"missed: {kind} on {form} was to reach {FLOORS[kind]:.0f} MB/s")
            path.unlink()


STEPS = ("reading, cutting, hashing", "decoding", "scoring", "writing")


@dataclass(frozen=True)
class Given:
    """A scorer that has its scores before it sees a document."""

    columns: tuple[Column, ...]
    scores: pa.RecordBatch
    name: str = "given"
    fingerprint: str = "0"

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """As many rows as the batch has."""
        return self.scores.slice(0, len(batch))


def floor(megabytes: float, formats: list[str], repeats: int) -> None:
    light = scorer_of("light")
    texts = pq.read_table(web_mix(), columns=["text"]).slice(0, 20_000).combine_chunks()
    scorer = Given(light.columns, light.score(texts.to_batches()[0]))
    with tempfile.TemporaryDirectory() as folder:
        for form in formats:
            path = Path(folder) / f"web_mix.{form}"
            size = write_corpus(path, megabytes * MB) / MB
            seconds = arrow = float("inf")
            for turn in range(repeats):
                began = time.thread_time()
                score_corpus([str(path)], f"{folder}/{form}-{turn}", [scorer], workers=1)
                seconds = min(seconds, time.thread_time() - began)
                if form == "parquet":
                    began = time.thread_time()
                    for batch in pq.ParquetFile(path).iter_batches(
                        4096, columns=["text"], use_threads=False
                    ):
                        batch.validate(full=True)
                    arrow = min(arrow, time.thread_time() - began)
            print(
                f"{form}: all but scoring {1000 * seconds / size:.2f} ms/MB, {size / seconds:.0f} "
                f"MB/s" + (f"; Arrow alone {1000 * arrow / size:.2f}" if arrow < 1e9 else ""),
                flush=True,
            )
            path.unlink()


def _command(*arguments: str) -> tuple[float, int]:
    """Seconds and peak bytes of the command in a process of its own."""
    program = (
        # Not ru_maxrss, which a process inherits from the one that started it.
        "import atexit, sys; atexit.register(lambda: print(*(line.split()[1] for line in "
        "open('/proc/self/status') if line.startswith('VmHWM')), file=sys.stderr)); "
        "from zerocost_cli.dataselect.main import run; run()"
    )
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], check=True, capture_output=True, text=True
    )
    return time.perf_counter() - began, int(done.stderr.split()[-1]) * 1024


def process() -> None:
    size = sum(len(text.encode()) for text in pq.read_table(web_mix())["text"].to_pylist())
    warm(scorer_of("all"))
    with tempfile.TemporaryDirectory() as folder:
        seconds, peak = _command("score", str(web_mix()), "--out", f"{folder}/o", "--workers", "1")
    rate = size / MB / seconds
    print(
        f"the command on web_mix.parquet: {rate:.1f} MB/s in {seconds:.1f} s, start included; "
        f"peak {peak / MB:.0f} MB; floor {FLOORS['process']:.0f} MB/s"
    )


def threads() -> None:
    scorer = scorer_of("all")
    warm(scorer)
    options = ReadOptions()
    batches = [
        batch
        for raw in cut(find_corpus([str(web_mix())])[0], options)
        if isinstance(raw, RawPart)
        for batch in decode(raw, options, print)
    ]
    seconds = {}
    for workers in (1, 2, 1, 2):
        with ThreadPoolExecutor(workers) as pool:
            began = time.perf_counter()
            list(pool.map(scorer.score, batches))
            found = time.perf_counter() - began
        seconds[workers] = min(found, seconds.get(workers, found))
    ratio = seconds[1] / seconds[2]
    print(f"two threads: {ratio:.2f} times one; floor {FLOORS['threads']}")


def memory(gigabytes: float, workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "web_mix.jsonl"
        for size in (gigabytes / 10, gigabytes):
            text = write_corpus(path, size * 1e9)
            seconds, peak = _command(
                *("score", str(path), "--out", f"{folder}/{size}", "--workers", str(workers))
            )
            print(
                f"{text / 1e9:.2f} GB of text on {workers} workers: peak {peak / MB:,.0f} MB, "
                f"{text / MB / seconds:.1f} MB/s; ceiling {FLOORS['memory']:,.0f} MB",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("speed", "floor", "process", "threads", "memory"))
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--formats", default="jsonl,parquet")
    parser.add_argument("--kinds", default="all,light,plain")
    parser.add_argument("--repeats", type=int, default=1, help="the fastest run counts")
    parser.add_argument("--gigabytes", type=float, default=5)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.what == "speed":
        kinds = arguments.kinds.split(",")
        speed(arguments.megabytes, arguments.formats.split(","), kinds, arguments.repeats)
    elif arguments.what == "floor":
        floor(arguments.megabytes, arguments.formats.split(","), arguments.repeats)
    elif arguments.what == "memory":
        memory(arguments.gigabytes, arguments.workers)
    else:
        {"process": process, "threads": threads}[arguments.what]()


if __name__ == "__main__":
    main()
