"""The shipped contract on scorers that are made from files."""

from __future__ import annotations

import numpy as np

from dataselect.scorers.dsir import Dsir, DsirModel, Features
from dataselect.testing.scorers import ScorerContract

_COUNTS = np.random.default_rng(0).integers(0, 50, (2, 1000))


class TestDsir(ScorerContract):
    scorer = Dsir("books", DsirModel(Features(1000), *_COUNTS))


class TestDsirSha256(ScorerContract):
    scorer = Dsir("books", DsirModel(Features(1000, "sha256"), *_COUNTS))
