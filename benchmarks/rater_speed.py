"""How fast a trained rater is, beside scikit-learn's HashingVectorizer pipeline on the same text.

    python benchmarks/rater_speed.py CORPUS.parquet [--megabytes 8]

In memory, one thread: CPU seconds, ours the best of three; scikit-learn's on a sixteenth of the
text. Its pipeline is the nearest that it has: a HashingVectorizer of words and their pairs and one
of n-grams of characters in words, 2^18 buckets each, as TF-IDF with sublinear counts, and a dot
product. It has no signals; ours is shown without them too.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataselect.scorers.heuristics import HEURISTICS
from dataselect.scorers.raters import Features, Rater
from dataselect.scorers.raters.calibration import Calibration


def texts_of(corpus: Path, megabytes: float) -> tuple[pa.Array, float]:
    """Every k-th document, so that all domains are in."""
    texts = pq.read_table(corpus, columns=["text"])["text"].combine_chunks()
    step = max(1, round(pc.sum(pc.binary_length(texts)).as_py() / 1e6 / megabytes))
    texts = texts.take(pa.array(range(0, len(texts), step)))
    return texts, pc.sum(pc.binary_length(texts)).as_py() / 1e6


def some_rater(features: Features) -> Rater:
    """A rater with weights at random: speed does not depend on them."""
    rng = np.random.default_rng(0)
    measures = len(features.measures)
    weights = rng.random((2, 1 << features.bits, 2)).astype(np.float32)
    knots = np.sort(rng.random((measures, 33)), axis=1)
    calibration = Calibration("ridge", 1.0, (0.0,))
    return Rater(
        "r", features, weights, knots, knots, rng.random(measures), calibration, 1, 0.0, 1.0
    )


def ours(scorer: object, texts: pa.Array) -> float:
    best = float("inf")
    for _ in range(3):
        began = time.thread_time()
        for at in range(0, len(texts), 2000):
            part = texts.slice(at, 2000)
            scorer.score(pa.RecordBatch.from_arrays([part], names=["text"]))
        best = min(best, time.thread_time() - began)
    return best


def scikit_learn(texts: list[str]) -> float:
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.pipeline import make_pipeline, make_union

    def block(**settings: object) -> object:
        hashing = HashingVectorizer(
            n_features=2**18, alternate_sign=False, norm=None, dtype=np.float32, **settings
        )
        return make_pipeline(hashing, TfidfTransformer(sublinear_tf=True))

    union = make_union(
        block(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]"),
        block(analyzer="char_wb", ngram_range=(3, 5)),
    ).fit(texts[:50])
    weights = np.random.default_rng(0).random(2**19)
    began = time.thread_time()
    for at in range(0, len(texts), 2000):
        union.transform(texts[at : at + 2000]) @ weights
    return time.thread_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--megabytes", type=float, default=8)
    arguments = parser.parse_args()
    texts, size = texts_of(arguments.corpus, arguments.megabytes)
    print(f"{len(texts)} documents, {size:.1f} MB")
    few = texts.take(pa.array(range(0, len(texts), 16)))
    few_size = pc.sum(pc.binary_length(few)).as_py() / 1e6
    theirs = few_size / scikit_learn(few.to_pylist())
    print(f"{'scikit-learn, no signals':32} {theirs:7.2f} MB/s")
    for name, scorer in {
        "ours, n-grams alone": some_rater(Features(signals="none")),
        "ours, with light signals": some_rater(Features()),
        "ours, with all signals": some_rater(Features(signals="all")),
        "heuristics, all four": HEURISTICS,
    }.items():
        scorer.score(pa.RecordBatch.from_arrays([texts.slice(0, 2)], names=["text"]))
        speed = size / ours(scorer, texts)
        print(f"{name:32} {speed:7.2f} MB/s {speed / theirs:7.1f} times", flush=True)


if __name__ == "__main__":
    main()
