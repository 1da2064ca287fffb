"""Signals of texts that can be counted by hand, and syllables of words that everybody knows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dataselect.scorers.signals import SIGNALS
from dataselect.scorers.signals.kernels.syllables import syllables
from dataselect.scorers.signals.text import TOKEN_WEIGHTS
from zerocost.compiled import compiled

WORDS = {
    1: "the a make makes made called eye eyes strength league queen quick through friend asked "
    "played straight freed",
    2: "water simple table people making being trying boxes settled wanted careful safely nation "
    "special player movement something someone million union useful lonely quiet enjoyed useless",
    3: "beautiful media radio animal example completely tourism idea area computer family "
    "everywhere previous audience opinion element",
    4: "information application experience independent variation reality",
    5: "university communication individual opportunity",
    6: "responsibility",
}


@compiled
def syllables_of(data: Any, length: int) -> int:
    return syllables(data, 0, length)


@pytest.mark.parametrize(("known", "words"), WORDS.items())
def test_syllables_of_known_words(known: int, words: str) -> None:
    found = {
        word: syllables_of(np.frombuffer(word.encode() + bytes(8), np.uint8), len(word))
        for word in words.split()
    }
    assert found == dict.fromkeys(found, known)


def signals_of(text: str) -> dict[str, Any]:
    batch = pa.RecordBatch.from_arrays([pa.array([text])], names=["text"])
    return SIGNALS.score(batch).to_pylist()[0]


def test_a_text_counted_by_hand() -> None:
    found = signals_of("The cat sat. The dog RAN!\n• {x} 12 cats ...\n")
    assert found["characters"] == 44
    assert found["lines"] == 2
    # The cat sat . The dog RAN ! | • { x } 12 cats ...
    assert found["rps_doc_frac_all_caps_words"] == pytest.approx(1 / 15)
    assert found["rps_doc_frac_no_alph_words"] == pytest.approx(7 / 15)
    assert found["rps_doc_symbol_to_word_ratio"] == pytest.approx(1 / 15)
    assert found["rps_doc_curly_bracket"] == pytest.approx(2 / 44)
    # the cat sat the dog ran • x 12 cats
    assert found["rps_doc_word_count"] == 10
    assert found["rps_doc_frac_unique_words"] == 0.9
    assert found["rps_doc_mean_word_length"] == pytest.approx(26 / 10)
    assert found["rps_doc_unigram_entropy"] == pytest.approx(
        -0.2 * math.log(0.2) - 8 * 0.1 * math.log(0.1)
    )
    assert found["rps_doc_num_sentences"] == 3
    assert found["rps_lines_num_words"] == 5
    assert found["rps_lines_uppercase_letter_fraction"] == pytest.approx((5 / 26 + 0) / 2)
    assert found["rps_lines_numerical_chars_fraction"] == pytest.approx((0 + 2 / 11) / 2)
    assert found["rps_lines_start_with_bulletpoint"] == 0.5
    assert found["rps_lines_ending_with_terminal_punctution_mark"] == 1.0
    assert found["rps_doc_frac_lines_end_with_ellipsis"] == 0.5


def test_repeated_n_grams_counted_by_hand() -> None:
    found = signals_of("a b c d e f. a b c d e g. a b c d e f.")
    # 18 words of one letter; a b c d e stands three times, a b c d e f twice.
    assert found["rps_doc_frac_chars_top_2gram"] == pytest.approx(2 * 3 / 18)
    assert found["rps_doc_frac_chars_top_4gram"] == pytest.approx(4 * 3 / 18)
    # Every 5-gram at a, those at b (twice: first and last), and nothing across the sentences.
    assert found["rps_doc_frac_chars_dupe_5grams"] == pytest.approx((6 + 5 + 6) / 18)
    assert found["rps_doc_frac_chars_dupe_6grams"] == pytest.approx((6 + 6) / 18)
    assert found["rps_doc_frac_chars_dupe_7grams"] == 0.0
    # Gopher's words are 21 with the full stops; a b c d e . is not read again before the end.
    assert found["gopher_duplicate_5gram_character_fraction"] == pytest.approx(10 / 38)
    assert found["gopher_duplicate_6gram_character_fraction"] == pytest.approx(6 / 38)


def test_readability_by_hand() -> None:
    # 2 sentences, 9 words, 28 letters, 12 syllables: The a-ni-mal slept. Ma-ny chil-dren
    # played out-side there -> counted one by one below.
    text = "The animal slept. Many children played a good game."
    words, sentences = 9, 2
    letters = sum(map(len, ["The", "animal", "slept", "Many", "children", "played", "a", "good",
                            "game"]))  # fmt: skip
    spoken = 1 + 3 + 1 + 2 + 2 + 1 + 1 + 1 + 1
    found = signals_of(text)
    assert found["sentences"] == sentences
    assert found["flesch_reading_ease"] == pytest.approx(
        206.835 - 1.015 * words / sentences - 84.6 * spoken / words
    )
    assert found["flesch_kincaid_grade"] == pytest.approx(
        0.39 * words / sentences + 11.8 * spoken / words - 15.59
    )
    assert found["automated_readability_index"] == pytest.approx(
        4.71 * letters / words + 0.5 * words / sentences - 21.43
    )
    assert found["coleman_liau_index"] == pytest.approx(
        0.0588 * (100 * letters / words) - 0.296 * (100 * sentences / words) - 15.8
    )


@pytest.mark.parametrize(
    "text",
    [
        "这是一个没有空格的句子。它有两句。",
        "これは日本語の文章です。",
        "ข้อความภาษาไทย",
        "ຂໍ້ຄວາມ",
        "អត្ថបទខ្មែរ",
        "မြန်မာစာ",
    ],
)
def test_words_are_null_in_scripts_without_spaces(text: str) -> None:
    found = signals_of(text)
    assert found["characters"] == len(text)
    for name in ("rps_doc_word_count", "gopher_word_count", "rps_doc_frac_chars_top_2gram",
                 "flesch_reading_ease", "rps_doc_num_sentences"):  # fmt: skip
        assert found[name] is None, name
    assert found["lines"] == 1
    assert found["gopher_duplicate_line_fraction"] == 0.0


def test_sentences_end_where_a_reader_ends_them() -> None:
    assert signals_of("Mr. Smith met J. K. Rowling. They spoke, e.g. of books!")["sentences"] == 2
    assert signals_of('He said "No." Then he left… "Why?" she asked.')["sentences"] == 3
    assert signals_of("A heading\n\nA text without a mark\n\n")["sentences"] == 2
    assert signals_of("3.5 is less than 4.5.")["sentences"] == 1


def test_the_estimate_of_tokens_is_its_formula() -> None:
    text = "Grüße, 世界!\n"
    weights = TOKEN_WEIGHTS
    wanted = (
        4 * weights["raw_words"]
        + 3 * weights["ascii_letters"]
        + 2 * weights["other_letters"]
        + 2 * weights["unspaced_letters"]
        + 1 * weights["newlines"]
        + 4 * weights["other_characters"]
        + 3 * weights["foreign_letters"]
    )
    assert signals_of(text)["tokens_estimate"] == math.ceil(wanted)


def test_few_stop_words_are_taken_for_another_language() -> None:
    def estimate(words: int, letters: int, spaces: int, foreign: float) -> int:
        weights = TOKEN_WEIGHTS
        return math.ceil(
            words * weights["raw_words"]
            + letters * weights["ascii_letters"]
            + spaces * weights["other_characters"]
            + foreign * weights["foreign_letters"]
        )

    assert signals_of("of the tree")["tokens_estimate"] == estimate(3, 9, 2, 0)
    # One stop word in eight is half of what English has at least.
    text = "the " + " ".join(["tree"] * 7)
    assert signals_of(text)["tokens_estimate"] == estimate(8, 31, 7, 15.5)
    assert signals_of("unter einem Baum")["tokens_estimate"] == estimate(3, 14, 2, 14)
