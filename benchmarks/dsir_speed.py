"""How fast DSIR's features are, beside the package data-selection and scikit-learn, and whether the
fast hash ranks documents as SHA-256 does.

    python benchmarks/dsir_speed.py web_mix.parquet [--megabytes 12] [--documents 6000]

In memory, one thread, CPU seconds, the best of three in one process. data-selection (its NumPy
counts of one document) and scikit-learn run on a sample that takes them seconds. Agreement:
Spearman between the log importance weights of all sampled documents by two hashes, the mean over
three targets (tiers books, math and edited; the sample is the source).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import HashingVectorizer

from dataselect.scorers.dsir import Dsir, DsirModel, Features

WORDS = r"\w+|[^\w\s]+"
TIERS = ("books", "math", "edited")


def batch_of(texts: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([texts], names=["text"])


def seconds(work: Callable[[], object], times: int = 3) -> float:
    best = float("inf")
    for _ in range(times):
        began = time.thread_time()
        work()
        best = min(best, time.thread_time() - began)
    return best


def speeds(texts: pa.Array) -> None:
    from data_selection.hashed_ngram_dsir import get_ngram_counts, wpt

    size = pc.sum(pc.binary_length(texts)).as_py() / 1e6
    parts = [batch_of(texts.slice(at, 500)) for at in range(0, len(texts), 500)]
    few = texts.take(pa.array(range(0, len(texts), 40)))
    small = pc.sum(pc.binary_length(few)).as_py() / 1e6
    listed = few.to_pylist()
    fast, sha = Features(), Features(hash="sha256")
    ratios = np.random.default_rng(0).normal(size=fast.buckets)
    for features in (fast, sha):
        features.counts(parts[0].slice(0, 1))
    vectorizer = HashingVectorizer(
        token_pattern=WORDS, ngram_range=(1, 2), n_features=10_000, norm=None, alternate_sign=False
    )
    print(f"{len(texts)} documents, {size:.1f} MB; {len(few)} documents, {small:.2f} MB\n")
    rows = [
        ("fast hash, counts", size, lambda: [fast.counts(part) for part in parts], 3),
        ("fast hash, log weights", size, lambda: [fast.weigh(part, ratios) for part in parts], 3),
        ("sha256, log weights", small, lambda: sha.weigh(batch_of(few), ratios), 3),
        ("scikit-learn's HashingVectorizer", small, lambda: vectorizer.transform(listed), 3),
        (
            "data-selection, get_ngram_counts",
            small,
            lambda: [get_ngram_counts(text, tokenizer=wpt.tokenize) for text in listed],
            1,
        ),
    ]
    found = [(what, mb / seconds(work, times)) for what, mb, work, times in rows]
    slowest = found[-1][1]
    print("                                     MB/s     times data-selection")
    for what, rate in found:
        print(f"{what:34} {rate:8.2f} {rate / slowest:12.1f}")


def agreement(corpus: pl.DataFrame, documents: int) -> None:
    sample = corpus[:: max(1, len(corpus) // documents)]
    salts = ["", *"abcdefg"]
    hashes = [Features(), *(Features(hash="sha256", salt=salt) for salt in salts)]
    texts = batch_of(sample["text"].to_arrow().cast(pa.large_string()))
    alike = np.zeros((2, len(hashes), len(hashes)))
    sources = [features.counts(texts) for features in hashes]
    for tier in TIERS:
        target = batch_of(
            sample.filter(pl.col("tier") == tier)["text"].to_arrow().cast(pa.large_string())
        )
        found = []
        for features, source in zip(hashes, sources, strict=True):
            model = DsirModel(features, features.counts(target), source)
            weights = pl.from_arrow(Dsir(tier, model).score(texts))
            found.append(weights.drop_nulls().to_numpy())
        for column in (0, 1):
            values = np.stack([weights[:, column] for weights in found], axis=1)
            alike[column] += spearmanr(values).statistic / len(TIERS)
    print(f"\nSpearman of log weights by two hashes, {texts.num_rows} documents, three targets")
    print("                                             sum     mean of n-grams")
    own = [(matrix[1:, 1:].sum(0) - 1) / (len(salts) - 1) for matrix in alike]
    rows = [
        ("the fast hash with sha256", alike[0, 0, 1], alike[1, 0, 1]),
        (f"the fast hash with {len(salts)} salts, mean", *alike[:, 0, 1:].mean(1)),
        ("a salt with the others, mean of all", own[0].mean(), own[1].mean()),
        ("  the salt that agrees least", own[0].min(), own[1].min()),
        ("  the salt that agrees most", own[0].max(), own[1].max()),
    ]
    for what, total, mean in rows:
        print(f"{what:38} {total:9.4f} {mean:11.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--megabytes", type=float, default=12)
    parser.add_argument("--documents", type=int, default=6000)
    arguments = parser.parse_args()
    corpus = pl.read_parquet(arguments.corpus, columns=["tier", "text"])
    texts = corpus["text"].to_arrow().cast(pa.large_string())
    size = pc.sum(pc.binary_length(texts)).as_py() / 1e6
    step = max(1, round(size / arguments.megabytes))
    speeds(texts.take(pa.array(range(0, len(texts), step))))
    agreement(corpus, arguments.documents)


if __name__ == "__main__":
    main()
