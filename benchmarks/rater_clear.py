"""How well a trained rater ranks excerpts by people's ease of reading: clear.parquet (CLEAR).

    python benchmarks/rater_clear.py LABELS.parquet

Spearman's correlation, the mean over five folds: each is scored by a rater that learned all it
knows (scaling, strength, weights, calibration) on the four others. Beside it heuristic_readability
and formulas, which learn nothing, and scikit-learn's ridge regression on TF-IDF of words.
Intervals: 95 %, percentile bootstrap over documents within folds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataselect.scorers.heuristics import HEURISTICS
from dataselect.scorers.raters import Features, label
from dataselect.scorers.raters.features import extract
from dataselect.scorers.raters.metrics import measured, spearman
from dataselect.scorers.raters.training import cross_validate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path)
    arguments = parser.parse_args()
    formula = "New Dale-Chall Readability Formula"
    table = pq.read_table(
        arguments.labels, columns=["Excerpt", "BT_easiness", "Flesch-Reading-Ease", formula]
    )
    texts = table["Excerpt"].to_pylist()
    labelled = label(texts, table["BT_easiness"].to_numpy())
    features = Features()
    began = time.process_time()
    raw = extract(labelled.texts, features)
    found = cross_validate(labelled, raw, "ridge", features, folds=5, seed=0)
    seconds = time.process_time() - began

    def line(name: str, scores: np.ndarray) -> None:
        here = measured(labelled.target, scores, {"rho": spearman}, fold=found.fold)["rho"]
        print(f"{name:24} {here.value:.4f} ({here.low:.3f} to {here.high:.3f})")

    print(f"{len(texts)} excerpts; Spearman, mean of 5 folds")
    line("trained rater", found.scores)
    print(f"  strengths: {found.strengths}; {seconds:.0f} CPU seconds")
    batch = pa.RecordBatch.from_arrays([labelled.texts], names=["text"])
    heuristic = HEURISTICS.score(batch).column("heuristic_readability")
    line("heuristic_readability", heuristic.to_numpy(zero_copy_only=False)[labelled.first])
    line("Flesch reading ease", table["Flesch-Reading-Ease"].to_numpy())
    line("New Dale-Chall", table[formula].to_numpy())
    line("TF-IDF and ridge", _tfidf(texts, labelled.target, found.fold))


def _tfidf(texts: list[str], target: np.ndarray, fold: np.ndarray) -> np.ndarray:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    scores = np.empty(len(target))
    for k in np.unique(fold):
        model = make_pipeline(TfidfVectorizer(sublinear_tf=True, min_df=2), Ridge(alpha=1.0))
        inside, outside = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        model.fit([texts[i] for i in inside], target[inside])
        scores[outside] = model.predict([texts[i] for i in outside])
    return scores


if __name__ == "__main__":
    main()
