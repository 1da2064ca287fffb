"""The shipped contract on the built-in scorers, and on mistakes that it exists to find."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import pyarrow as pa
import pytest

from dataselect.scorers.scorer import Column
from dataselect.scorers.signals import LIGHT, SIGNALS, signals
from dataselect.testing.scorers import ScorerContract


class TestSignals(ScorerContract):
    scorer = SIGNALS


class TestLightSignals(ScorerContract):
    scorer = LIGHT


class TestOneSignal(ScorerContract):
    scorer = signals(("rps_doc_unigram_entropy",))


class Length:
    """A scorer that somebody else might write, with a mistake or without."""

    name = "length"

    def __init__(self, mistake: str = "") -> None:
        self.mistake = mistake
        self.fingerprint = hashlib.sha256(mistake.encode()).hexdigest()
        high = 10.0 if mistake == "out of range" else math.inf
        self.columns = (Column("length", "int64", "characters", 0.0, high, 0, "length", "here"),)

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        texts: list[Any] = batch.column("text").cast(pa.large_binary()).to_pylist()
        found = [None if text is None else len(text) for text in texts]
        if self.mistake == "null is 0":
            found = [n or 0 for n in found]
        elif self.mistake == "a row lost":
            found = found[:-1]
        elif self.mistake == "neighbours":
            found = [n and n + len(found) for n in found]
        elif self.mistake == "invalid":
            [text.decode() for text in texts if text is not None]
        name = "size" if self.mistake == "another name" else "length"
        return pa.RecordBatch.from_arrays([pa.array(found, pa.int64())], names=[name])


class TestSomebodyElsesScorer(ScorerContract):
    scorer = Length()


@pytest.mark.parametrize(
    ("mistake", "test"),
    [
        ("out of range", "test_values_are_in_range_or_null"),
        ("null is 0", "test_values_are_in_range_or_null"),
        ("a row lost", "test_one_row_a_document_and_one_column_a_declaration"),
        ("another name", "test_one_row_a_document_and_one_column_a_declaration"),
        ("neighbours", "test_a_document_does_not_depend_on_its_neighbours"),
        ("invalid", "test_bytes_that_are_not_utf8"),
    ],
)
def test_the_contract_finds_the_mistake(mistake: str, test: str) -> None:
    contract = ScorerContract()
    contract.scorer = Length(mistake)  # type: ignore[misc]
    with pytest.raises((AssertionError, UnicodeDecodeError)):
        getattr(contract, test)()
