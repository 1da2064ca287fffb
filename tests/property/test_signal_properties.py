"""The kernels against the slow reference, on arbitrary Unicode."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import reading_reference
import signals_reference as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from dataselect.scorers.signals import ALL, SIGNALS, signals
from dataselect.scorers.signals.editing import edit_lines
from dataselect.scorers.signals.kernels import unicode_tables as unicode
from dataselect.scorers.signals.kernels.stop_words import stop_words
from dataselect.scorers.signals.kernels.syllables import syllables
from dataselect.scorers.signals.signal import UNSPACED_SHARE
from zerocost.compiled import compiled

STOP_WORDS = stop_words()


# Kernels within kernels cannot be called from Python.
@compiled
def syllables_of(data: Any, length: int) -> int:
    return syllables(data, 0, length)


@compiled
def classes_of(index: Any, flags: Any, codes: Any) -> Any:
    return [unicode_class(index, flags, code) for code in codes]


unicode_class = unicode.class_of
TABLES = unicode.unicode_tables()
CODES = np.arange(0x110000)
CLASSES = dict(zip(CODES.tolist(), classes_of(TABLES.index, TABLES.flags, CODES), strict=True))
TERMINAL = frozenset(chr(code) for code, flags in CLASSES.items() if flags & unicode.TERMINAL)
OWN = {"tokens_estimate", "unspaced_letter_fraction"}

# What the definitions turn on: marks, cases, white space, marks that combine, scripts.
PARTS = st.sampled_from(
    [*"aAbBzZ19 \n.!?,;:'’-–—_#{}[]()\"•…/@+*~=<>|½ⅧªʰΣσςİıßéÉǅﬁ가각힣中日ก",
     *"\t\r\x0b\x1c\x85\u00a0\u2003",
     *"\u2028\u200b\u00ad\u0301\u0323\u0345\u0378\ufffd\U0001d400\U0001f389。！」",
     "lorem ipsum", "Lorem", "IPSUM", "javascript", "JavaScript", "...", "the ", "be", "have",
     "don't", "well-known", "U.S.", "Mr. ", "end. ", "The ", "\n\n", "a b c d e ", "word ",
     *("w" * n for n in (7, 8, 9, 15, 16, 17, 33, 55, 56, 57, 64)), "Ab" * 13, "a_1", "x9y8", "__",
     "\x00", "\x7f", "(\"Mr.\")", "``Go!''", "rock'n'roll", "x=y/z", "...)", "?!.",
     "privacy policy.", "[12]", "[edit]", "uses cookies", "Terms of Use", "3.14",
     "http://a.b/c?d=e", "ΑΣ ", "e\u0301"]
)  # fmt: skip
SPECKLED = st.lists(PARTS, max_size=40).map("".join)
REPEATING = st.tuples(SPECKLED, st.integers(1, 6)).map(lambda pair: pair[0] * pair[1])
ASCII = st.text("aeiotnsrAET09 \n.,;:!?'\"()-_/@#{}[]<=>+*~", max_size=200)
# What the line before leaves open, and what a line begins with, decide how many sentences it has.
LINES = [
    "Ends here.", "goes on and on", "by Dr.", "He said so!)", "and then it ends.", "Then it ends?",
    "- dash and then. More of it.", "... and dots. Then this.", ". One. two. Three.", "(a b c.)",
    "1990 was. a year.", "“Quoted. Words here.", "é first. Then that.", "… so it. Goes on.",
    "日本。 and more. Of it.", "see [12] there. End of it.", "\u00a0wide. And so. On.", "", "--",
]  # fmt: skip
TEXTS = st.lists(SPECKLED | REPEATING | ASCII | st.text(max_size=60), max_size=12)


def expected(text: str) -> dict[str, reference.Value]:
    found = {
        **reference.sizes(text, TERMINAL),
        **reference.redpajama(text, STOP_WORDS),
        **reference.gopher(text),
        **reference.c4(text, TERMINAL)[0],
        **reading_reference.reading(text, TERMINAL),
    }
    letters = [letter for letter in text if letter.isalpha()]
    unspaced = sum(any(low <= ord(c) <= high for low, high in unicode.SCRIPTS) for c in letters)
    if unspaced > UNSPACED_SHARE * len(letters):
        found |= dict.fromkeys(signal.column.name for signal in ALL if signal.spaced)
    return found


def assert_equal(texts: list[str], found: pa.RecordBatch) -> None:
    columns = {name: found.column(name).to_pylist() for name in found.schema.names}
    for at, text in enumerate(texts):
        wanted = expected(text)
        assert set(wanted) | OWN == set(columns)
        for name, value in wanted.items():
            got = columns[name][at]
            if isinstance(value, float) and got is not None:
                assert got == pytest.approx(value, rel=1e-9, abs=1e-9), (name, text)
            else:
                assert got == value, (name, text)


def score(texts: Any) -> pa.RecordBatch:
    column = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.large_string())
    return SIGNALS.score(pa.RecordBatch.from_arrays([column], names=["text"]))


@settings(deadline=None, max_examples=150)
@given(TEXTS)
def test_every_signal_is_what_its_definition_says(texts: list[str]) -> None:
    assert_equal(texts, score(texts))


@settings(deadline=None, max_examples=100)
@given(st.lists(st.binary(max_size=20) | SPECKLED.map(str.encode), max_size=8), st.integers(0, 5))
def test_invalid_utf8_is_read_as_python_reads_it(documents: list[bytes], cut: int) -> None:
    documents = [document[cut:] for document in documents]  # in the middle of a character
    raw = pa.array(documents, pa.large_binary())
    column = pa.LargeStringArray.from_buffers(len(raw), *raw.buffers()[1:])
    texts = [document.decode("utf-8", "replace") for document in documents]
    assert score(column).equals(score(texts))
    assert edit_lines(column).equals(edit_lines(pa.array(texts, pa.large_string())))


@settings(deadline=None, max_examples=100)
@given(TEXTS)
def test_edited_lines_are_those_that_the_rules_keep(texts: list[str]) -> None:
    edited = edit_lines(pa.array(texts, pa.string()))
    assert edited.to_pylist() == [reference.c4(text, TERMINAL)[1] for text in texts]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=6).map("\n".join))
def test_a_line_of_c4_has_the_sentences_it_has_by_itself(text: str) -> None:
    assert_equal([text], score(pa.array([text])))


@settings(deadline=None, max_examples=50)
@given(TEXTS, st.sets(st.sampled_from([signal.column.name for signal in ALL]), min_size=1))
def test_what_else_is_asked_does_not_matter(texts: list[str], names: set[str]) -> None:
    whole = score(texts)
    batch = pa.RecordBatch.from_arrays([pa.array(texts, pa.large_string())], names=["text"])
    chosen = tuple(sorted(names))
    assert signals(chosen).score(batch).equals(whole.select(chosen))


@settings(deadline=None, max_examples=300)
@given(st.text("aeiouylrsdntgmhcfqxzAEIOUYLRSDT", min_size=1, max_size=70))
def test_syllables_are_those_of_the_rules(word: str) -> None:
    data = np.frombuffer(word.encode() + b"eayouieo", np.uint8)
    assert syllables_of(data, len(word)) == reading_reference.syllables(word)


@pytest.mark.parametrize("length", [*range(1, 70), 130, 1100])
def test_a_word_is_the_same_one_wherever_it_stands(length: int) -> None:
    word = ("Abcdefghijklmnopqrstuvwxyz" * 50)[:length]
    # Alone, before a mark, among marks, in pieces beyond ASCII, apart by a mark, in other case.
    texts = [
        " " * shift + f"{word} {word}. ({word}) é\u00a0{word} “{word}” {word[:1]}-{word[1:]} "
        f"{word.upper()}\n{word}\n\n{word}"
        for shift in (0, 1, 31, 63)
    ]
    assert_equal(texts, score(texts))


@settings(deadline=None, max_examples=60)
@given(st.lists(ASCII | SPECKLED, min_size=1, max_size=4), st.integers(0, 70), st.booleans())
def test_where_a_document_lies_does_not_matter(texts: list[str], shift: int, apart: bool) -> None:
    # Between others, and at the very end of the memory, from where it is copied.
    alone = [score([text]) for text in texts]
    whole = score(["x" * shift, *texts, *(["y" * 100] if apart else [])]).slice(1, len(texts))
    assert whole.equals(pa.Table.from_batches(alone).combine_chunks().to_batches()[0])


def test_the_classes_are_those_of_python() -> None:
    tests = {
        unicode.SPACE: str.isspace,
        unicode.WORD: lambda character: character.isalnum() or character == "_",
        unicode.LETTER: str.isalpha,
        unicode.ALNUM: str.isalnum,
        unicode.UPPER: str.isupper,
        unicode.LOWER: str.islower,
        unicode.NUMERIC: str.isnumeric,
        unicode.PUNCTUATION: string.punctuation.__contains__,
    }
    for code, flags in CLASSES.items():
        if 0xD800 <= code < 0xE000 or 0x40000 <= code < 0xE0000:
            continue
        assert {flag for flag in tests if flags & flag} == {
            flag for flag, test in tests.items() if test(chr(code))
        }, hex(code)
