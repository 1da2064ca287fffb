"""The contract of a scorer, as tests to inherit.

A third party writes::

    from dataselect.testing.scorers import ScorerContract

    class TestMyScorer(ScorerContract):
        scorer = MY_SCORER
"""

from __future__ import annotations

import math
import pickle
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from dataselect.scorers.scorer import Scorer

__all__ = ["TEXTS", "ScorerContract"]

TEXTS: tuple[str | None, ...] = (
    "The cat sat on the mat. It was a good mat, and the cat knew it.",
    "",
    "a",
    " ",
    "\n\n\n",
    "\x00\x00",
    None,
    "no end",
    "日本語のテキストです。これは文です。",
    "ข้อความภาษาไทยไม่มีช่องว่าง",
    "هذا نص عربي. وهذه جملة أخرى.",
    "👩‍👩‍👧‍👦 family 🇩🇪",
    "e\u0301" * 500,
    "a" * 100_000,
    "!" * 10_000,
    "word " * 5_000,
    "line\n" * 2_000,
    "\u202eright to left\u202c",
    "ΑΣ ΑΣΑ İSTANBUL ﬁ ǅ",
    "ends with white space \t\r\n",
)
"""Ordinary and hostile text."""


class ScorerContract:
    """What every scorer promises.

    Attributes:
        scorer: the scorer under test.
    """

    scorer: ClassVar[Scorer]

    def score(self, texts: pa.Array[Any]) -> pa.RecordBatch:
        """The scores of some text."""
        return self.scorer.score(pa.RecordBatch.from_arrays([texts], names=["text"]))

    def test_columns_are_declared(self) -> None:
        """Names are there, once each; the range is one; direction and kind are known."""
        names = [column.name for column in self.scorer.columns]
        assert names
        assert len(set(names)) == len(names)
        assert self.scorer.name
        assert not set(self.scorer.name) & set(" ,:/\t\n"), "a command could not take this name"
        assert self.scorer.fingerprint
        for column in self.scorer.columns:
            assert column.low <= column.high
            assert column.direction in (-1, 0, 1)
            assert column.kind in ("float64", "int64", "bool")
            assert column.unit
            assert column.definition
            assert column.source

    def test_one_row_a_document_and_one_column_a_declaration(self) -> None:
        """In order, of the kind that is declared, also of no document."""
        kinds = {"float64": pa.float64(), "int64": pa.int64(), "bool": pa.bool_()}
        for texts in (TEXTS, ()):
            found = self.score(pa.array(texts, pa.string()))
            assert found.num_rows == len(texts)
            assert found.schema.names == [column.name for column in self.scorer.columns]
            for column, field in zip(self.scorer.columns, found.schema, strict=True):
                assert field.type == kinds[column.kind], column.name

    def test_values_are_in_range_or_null(self) -> None:
        """Never NaN; a null text has null scores."""
        found = self.score(pa.array(TEXTS))
        for column in self.scorer.columns:
            values = found.column(column.name).to_pylist()
            assert values[TEXTS.index(None)] is None, column.name
            for text, value in zip(TEXTS, values, strict=True):
                if value is not None:
                    assert not math.isnan(value), (column.name, text)
                    assert column.low - 1e-12 <= value <= column.high + 1e-12, (column.name, text)

    def test_the_layout_of_the_text_does_not_matter(self) -> None:
        """string, large_string, string_view, sliced: the same scores."""
        whole = self.score(pa.array(TEXTS, pa.string()))
        assert self.score(pa.array(TEXTS, pa.large_string())).equals(whole)
        assert self.score(pa.array(TEXTS, pa.large_string()).cast(pa.string_view())).equals(whole)
        for kind in (pa.string(), pa.large_string()):
            framed = pa.array(["before", *TEXTS, "behind"], kind).slice(1, len(TEXTS))
            assert self.score(framed).equals(whole)

    def test_a_document_does_not_depend_on_its_neighbours(self) -> None:
        """Alone, in another order, or twice: the same scores."""
        whole = self.score(pa.array(TEXTS))
        backwards = self.score(pa.array(TEXTS[::-1]))
        for at, text in enumerate(TEXTS):
            row = whole.slice(at, 1).to_pylist()
            assert self.score(pa.array([text], pa.string())).to_pylist() == row
            assert backwards.slice(len(TEXTS) - 1 - at, 1).to_pylist() == row

    def test_bytes_that_are_not_utf8(self) -> None:
        """A value or null, and never an error: columns of text may hold anything."""
        broken = pa.array([b"ab\xff\xfecd", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\x80"])
        _, offsets, data = broken.buffers()
        assert offsets is not None
        assert data is not None
        texts = pa.StringArray.from_buffers(len(broken), offsets, data)
        assert self.score(texts).num_rows == len(broken)

    def test_documents_do_not_change(self) -> None:
        """The batch is the same afterwards."""
        texts = pa.array(TEXTS)
        before = texts.to_pylist()
        self.score(texts)
        assert texts.to_pylist() == before

    def test_it_can_be_pickled(self) -> None:
        """Other processes and machines run it, with the same scores and fingerprint."""
        other = pickle.loads(pickle.dumps(self.scorer))
        assert other.fingerprint == self.scorer.fingerprint
        texts = pa.RecordBatch.from_arrays([pa.array(TEXTS[:3])], names=["text"])
        assert other.score(texts).equals(self.scorer.score(texts))

    @pytest.mark.parametrize("text", ["word " * 400_000, "x" * 2_000_000, "é!" * 500_000])
    def test_long_documents(self, text: str) -> None:
        """Two megabytes in one line are a document like others."""
        assert self.score(pa.array([text])).num_rows == 1
