"""Languages by py3langid."""

from __future__ import annotations

import pyarrow as pa
import pytest

from dataselect.errors import DataselectError
from dataselect.scorers.language import Language
from dataselect.scorers.named import scorers_of

ENGLISH = "The committee will meet again on Thursday to discuss the report in full."
GERMAN = "Der Ausschuss trifft sich am Donnerstag wieder, um den Bericht zu besprechen."
RUSSIAN = "Комитет снова соберётся в четверг, чтобы обсудить доклад."


def test_languages_are_told_apart() -> None:
    (scorer,) = scorers_of("language:en+de")
    assert isinstance(scorer, Language)
    texts = pa.array([ENGLISH, GERMAN, RUSSIAN, "", "123 !?", None])
    batch = pa.RecordBatch.from_arrays([texts], names=["text"])
    found = scorer.score(batch).to_pydict()
    assert list(found) == ["language_en", "language_de", "language_certainty"]
    english, german, certainty = found.values()
    assert min(english[0], german[1]) > 0.9
    assert max(english[1], german[0]) < 0.1
    assert max(english[2], german[2]) < 0.1
    assert min(certainty[:3]) > 0.9
    assert [column[3:] for column in found.values()] == [[None] * 3] * 3


def test_the_beginning_decides() -> None:
    batch = pa.RecordBatch.from_arrays(
        [pa.array([ENGLISH * 150, ENGLISH * 150 + GERMAN])], ["text"]
    )
    one, other = Language("en").score(batch).to_pylist()
    assert one == other


@pytest.mark.parametrize(
    ("codes", "message"),
    [("xx", "no language 'xx'"), ("", "no language ''"), ("en+en", "given twice"), ("en+", "''")],
)
def test_bad_codes(codes: str, message: str) -> None:
    with pytest.raises(DataselectError, match=message):
        Language(codes)
