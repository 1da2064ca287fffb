"""The shipped contract on the heuristics and on raters of every loss."""

from __future__ import annotations

import numpy as np
import pytest

from dataselect.scorers.heuristics import HEURISTICS
from dataselect.scorers.raters import Features, Rater, label, label_pairs, train
from dataselect.testing.scorers import ScorerContract

SMALL = Features(bits=12)


def small_rater(loss: str, features: Features = SMALL) -> Rater:
    rng = np.random.default_rng(0)
    good, bad = "clear and careful words about science.", "BUY now!!! click | here | cheap"
    texts, classes = [], []
    for k in range(60):
        level = int(rng.integers(0, 3))
        texts.append(f"{k} " + " ".join([good] * level + [bad] * (2 - level)))
        classes.append(float(level))
    if loss == "pairwise":
        first, second = texts[:30], texts[30:]
        a, b = np.array(classes[:30]), np.array(classes[30:])
        labelled = label_pairs(first, second, 1 / (1 + np.exp(a - b)))
    else:
        wide = loss in ("ridge", "ordinal")
        labelled = label(texts, np.array(classes) if wide else np.array(classes) / 2)
    return train(labelled, features=features, loss=loss, estimate=False, name="small").rater


class TestHeuristics(ScorerContract):
    scorer = HEURISTICS


class TestRidge(ScorerContract):
    scorer = small_rater("ridge")


class TestLogistic(ScorerContract):
    scorer = small_rater("logistic", Features(bits=10, signals="none", pairs=False))


class TestOrdinal(ScorerContract):
    scorer = small_rater("ordinal", Features(bits=10, signals="none", shortest=0))


class TestPairwise(ScorerContract):
    scorer = small_rater("pairwise", Features(bits=10, signals="none"))


@pytest.mark.parametrize("loss", ["ridge", "logistic", "ordinal", "pairwise"])
def test_good_text_is_rated_above_bad(loss: str) -> None:
    import pyarrow as pa

    rater = small_rater(loss, Features(bits=10, signals="none"))
    texts = pa.array(["careful words about science.", "click here | cheap", None, "  "])
    high, low, null, blank = (
        rater.score(pa.RecordBatch.from_arrays([texts], names=["text"])).column(0).to_pylist()
    )
    assert high > low
    assert null is None
    assert blank is None
