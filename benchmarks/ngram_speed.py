"""How fast the n-gram language model trains and scores, beside plain Python.

    python benchmarks/ngram_speed.py web_mix.parquet [--megabytes 8]

Trained on the tiers books and edited, applied to a sample of everything; in memory, one thread, CPU
seconds in one process. Plain Python is the same model in dictionaries of tuples: it trains on a
part of the reference and scores a part of the sample, and has to give the same perplexities.
"""

from __future__ import annotations

import argparse
import math
import re
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from dataselect.scorers.ngram import NgramModel, NgramSettings, Perplexity, train
from dataselect.scorers.ngram.kernels.tokens import read_tokens
from dataselect.scorers.ngram.kneser_ney import discounts_of
from dataselect.scorers.signals.arrow import text_arrays
from dataselect.scorers.wordpunct import lowering

WORDS = re.compile(r"\w+|[^\w\s]+")
ORDER = 5


def lines_of(text: str) -> list[list[str]]:
    words = (WORDS.findall(line.lower()) for line in text.split("\n"))
    return [["<s>", *line, "</s>"] for line in words if line]


class Plain:
    """Interpolated modified Kneser-Ney as one writes it in Python."""

    def __init__(self, texts: list[str]) -> None:
        counts: list[Counter[tuple[str, ...]]] = [Counter() for _ in range(ORDER)]
        for text in texts:
            for line in lines_of(text):
                for i in range(1, len(line)):
                    for n in range(1, min(ORDER, i + 1) + 1):
                        if n == ORDER or n == i + 1:
                            counts[n - 1][tuple(line[i - n + 1 : i + 1])] += 1
        for n in range(ORDER - 1, 0, -1):
            for gram in counts[n]:
                counts[n - 1][gram[1:]] += 1
        self.counts = counts
        self.totals: list[Counter[tuple[str, ...]]] = []
        self.freed: list[defaultdict[tuple[str, ...], float]] = []
        self.discounts = []
        for own in counts:
            t = np.zeros(5, np.int64)
            for count in own.values():
                t[min(count, 5) % 5] += 1
            discounts = discounts_of(np.array([0, *t[1:]]))[0].tolist()
            totals: Counter[tuple[str, ...]] = Counter()
            freed: defaultdict[tuple[str, ...], float] = defaultdict(float)
            for gram, count in own.items():
                totals[gram[:-1]] += count
                freed[gram[:-1]] += discounts[min(count, 3)]
            self.discounts.append(discounts)
            self.totals.append(totals)
            self.freed.append(freed)

    def p(self, gram: tuple[str, ...]) -> float:
        """Of the last token behind the others."""
        n = len(gram)
        lower = self.p(gram[1:]) if n > 1 else 1 / (len(self.counts[0]) + 1)
        total = self.totals[n - 1].get(gram[:-1], 0)
        if not total:
            return lower
        count = self.counts[n - 1].get(gram, 0)
        taken = count - self.discounts[n - 1][min(count, 3)]
        return (taken + self.freed[n - 1][gram[:-1]] * lower) / total

    def perplexity(self, text: str) -> float:
        """Of a document."""
        log, events = 0.0, 0
        for line in lines_of(text):
            for i in range(1, len(line)):
                log += math.log(self.p(tuple(line[max(0, i - ORDER + 1) : i + 1])))
                events += 1
        return math.exp(-log / events) if events else math.nan


def trained(texts: pa.Array, settings: NgramSettings) -> NgramModel:
    tokens = read_tokens(*text_arrays(texts), lowering(), settings.unit == "bytes")
    return train(np.concatenate([np.zeros(1, np.uint64), tokens]), settings)


def megabytes(texts: pa.Array) -> float:
    return float(pc.sum(pc.binary_length(texts)).as_py()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--megabytes", type=float, default=8)
    arguments = parser.parse_args()
    corpus = pl.read_parquet(arguments.corpus, columns=["tier", "text"])
    reference = corpus.filter(pl.col("tier").is_in(["books", "edited"]))["text"].to_arrow()
    reference = reference.cast(pa.large_string())
    texts = corpus["text"].to_arrow().cast(pa.large_string())
    step = max(1, round(megabytes(texts) / arguments.megabytes))
    sample = texts.take(pa.array(range(0, len(texts), step)))
    for unit in ("words", "bytes"):  # compile what has to be compiled
        Perplexity("x", trained(reference.slice(0, 2), NgramSettings(ORDER, unit))).score(
            pa.RecordBatch.from_arrays([sample.slice(0, 1)], names=["text"])
        )
    part, asked = reference.slice(0, 100), sample.take(pa.array(range(0, len(sample), 50)))
    began = time.thread_time()
    plain = Plain(part.to_pylist())
    plain_training = megabytes(part) / (time.thread_time() - began)
    began = time.thread_time()
    expected = [plain.perplexity(text) for text in asked.to_pylist()]
    plain_scoring = megabytes(asked) / (time.thread_time() - began)
    began = time.thread_time()
    ours = trained(part, NgramSettings(ORDER))
    our_training = megabytes(part) / (time.thread_time() - began)
    batch = pa.RecordBatch.from_arrays([asked], names=["text"])
    found = Perplexity("x", ours).score(batch).column(0).to_pylist()
    error = max(
        abs(one / other - 1) for one, other in zip(found, expected, strict=True) if one is not None
    )
    print(f"largest difference to plain Python on {len(asked)} documents: {error:.1e}\n")
    print(f"reference {megabytes(reference):.1f} MB (plain Python: {megabytes(part):.2f} MB)")
    print(f"sample {megabytes(sample):.1f} MB (plain Python: {megabytes(asked):.2f} MB)\n")
    print("                              training MB/s   scoring MB/s   n-grams        MB")
    print(f"plain Python, words            {plain_training:12.3f} {plain_scoring:14.3f}")
    print(f"words, the same part           {our_training:12.3f}")
    for unit, least in (("words", 1), ("words", 2), ("bytes", 1)):
        settings = NgramSettings(ORDER, unit, least)  # type: ignore[arg-type]
        began = time.thread_time()
        model = trained(reference, settings)
        training = megabytes(reference) / (time.thread_time() - began)
        scorer = Perplexity("x", model)
        batches = [
            pa.RecordBatch.from_arrays([sample.slice(at, 500)], names=["text"])
            for at in range(0, len(sample), 500)
        ]
        scorer.score(batches[0].slice(0, 1))
        began = time.thread_time()
        for each in batches:
            scorer.score(each)
        scoring = megabytes(sample) / (time.thread_time() - began)
        print(
            f"{unit}, seen at least {least} times   {training:12.3f} {scoring:14.2f} "
            f"{len(model.entries):12,} {model.entries.nbytes / 1e6:8.1f}"
        )


if __name__ == "__main__":
    main()
