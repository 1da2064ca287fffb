"""The shipped contract on scorers that are made from files."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyarrow as pa

from dataselect.scorers.dsir import Dsir, DsirModel, Features
from dataselect.scorers.language import Language
from dataselect.scorers.ngram import NgramModel, NgramSettings, Perplexity, train
from dataselect.scorers.ngram.kernels.tokens import read_tokens
from dataselect.scorers.signals.arrow import text_arrays
from dataselect.scorers.wordpunct import lowering
from dataselect.testing.scorers import ScorerContract

TEXTS = ["The cat sat on the mat.\nIt was a good mat.", "The dog sat on the cat. word word word"]

_COUNTS = np.random.default_rng(0).integers(0, 50, (2, 1000))


class TestDsir(ScorerContract):
    scorer = Dsir("books", DsirModel(Features(1000), *_COUNTS))


class TestDsirSha256(ScorerContract):
    scorer = Dsir("books", DsirModel(Features(1000, "sha256"), *_COUNTS))


def _model(unit: Literal["words", "bytes"]) -> NgramModel:
    tokens = read_tokens(*text_arrays(pa.array(TEXTS)), lowering(), unit == "bytes")
    return train(np.concatenate([np.zeros(1, np.uint64), tokens]), NgramSettings(5, unit))


class TestPerplexity(ScorerContract):
    scorer = Perplexity("books", _model("words"))


class TestPerplexityOfBytes(ScorerContract):
    scorer = Perplexity("books", _model("bytes"))


class TestLanguage(ScorerContract):
    scorer = Language("en+de")
