"""How much text there is, and how hard it is to read."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from dataselect.scorers.scorer import Column
from dataselect.scorers.signals.kernels.wants import WANT_SYLLABLES
from dataselect.scorers.signals.signal import Measured, Signal, count, ratio, share

__all__ = ["ENGLISH_STOP_WORDS", "READABILITY", "SIZES", "TOKEN_WEIGHTS"]

_OWN = "zerocost"
_LATIN_SHARE = 0.5

TOKEN_WEIGHTS = {
    "raw_words": 0.92,
    "ascii_letters": 0.011,
    "other_letters": 2.6,
    "unspaced_letters": 0.94,
    "newlines": 0.95,
    "other_characters": 0.10,
    "foreign_letters": 0.095,
}
"""Tokens of a byte-pair vocabulary: rounded from a fit on two of them, of 65 and 128 thousand
entries. benchmarks/token_estimate.py fits them, and says how far off the estimate is."""

ENGLISH_STOP_WORDS = 0.25
"""English has more of its stop words than this among its words: where a text has fewer, that share
of its letters is taken for another language's, whose words are cut into more tokens."""


def _tokens(measured: Measured) -> np.ndarray:
    of = {
        **{name: measured[name] for name in ("raw_words", "ascii_letters")},
        **{name: measured[name] for name in ("unspaced_letters", "newlines")},
        "other_letters": measured["letters"]
        - measured["ascii_letters"]
        - measured["unspaced_letters"],
        "other_characters": measured["characters"] - measured["letters"],
        "foreign_letters": measured["ascii_letters"]
        * np.maximum(
            0.0,
            1
            - ratio(measured["raw_stop_words"], measured["raw_alphabetic"], empty=1.0)
            / ENGLISH_STOP_WORDS,
        ),
    }
    found = sum(weight * of[name] for name, weight in TOKEN_WEIGHTS.items())
    return np.ceil(np.asarray(found, np.float64))


SIZES: tuple[Signal, ...] = (
    count("characters", "characters", 0, "code points", _OWN, "characters"),
    count("lines", "lines", 0, "lines, the last with or without a newline", _OWN, "lines"),
    count(
        "paragraphs", "paragraphs", 0, "stretches parted by two newlines or more", _OWN,
        "paragraphs",
    ),
    count(
        "sentences", "sentences", 0,
        "stretches with a letter or digit, ended by a terminal mark before white space (unless a "
        "lower-case letter follows or an abbreviation precedes) or by a paragraph's end", _OWN,
        "sentences",
    ),
    Signal(
        Column(
            "tokens_estimate", "int64", "tokens", 0.0, math.inf, 0,
            "an estimate of the tokens of a byte-pair vocabulary, mostly within 10 %; "
            "--tokenizer counts them", _OWN,
        ),
        _tokens,
    ),
    share(
        "lowercase_fraction", 1, "characters that are lower-case (str.islower)", _OWN,
        "lowercase", "characters", spaced=True,
    ),
    share(
        "unspaced_letter_fraction", 0,
        "letters of scripts written without spaces between words", _OWN, "unspaced_letters",
        "letters",
    ),
)  # fmt: skip


def _formula(
    constant: float,
    *,
    words_a_sentence: float = 0.0,
    syllables_a_word: float = 0.0,
    letters_a_word: float = 0.0,
    sentences_a_word: float = 0.0,
) -> Callable[[Measured], np.ndarray]:
    def value(measured: Measured) -> np.ndarray:
        words, sentences = measured["reading_words"], measured["sentences"]
        found = (
            constant
            + words_a_sentence * ratio(words, sentences)
            + syllables_a_word * ratio(measured["syllables"], words)
            + letters_a_word * ratio(measured["reading_letters"], words)
            + sentences_a_word * ratio(sentences, words)
        )
        latin = measured["ascii_letters"] >= _LATIN_SHARE * measured["letters"]
        return np.where(latin, found, np.nan)

    return value


def _readability(
    name: str,
    unit: str,
    direction: Literal[-1, 0, 1],
    definition: str,
    source: str,
    formula: Callable[[Measured], np.ndarray],
) -> Signal:
    column = Column(
        name, "float64", unit, -math.inf, math.inf, direction, definition, source
    )  # fmt: skip
    return Signal(column, formula, want=WANT_SYLLABLES, spaced=True)


READABILITY: tuple[Signal, ...] = (
    _readability(
        "flesch_reading_ease", "points", 0,
        "206.835 - 1.015 words/sentences - 84.6 syllables/words: more is easier", "Flesch 1948",
        _formula(206.835, words_a_sentence=-1.015, syllables_a_word=-84.6),
    ),
    _readability(
        "flesch_kincaid_grade", "school grade", 0,
        "0.39 words/sentences + 11.8 syllables/words - 15.59", "Kincaid et al. 1975",
        _formula(-15.59, words_a_sentence=0.39, syllables_a_word=11.8),
    ),
    _readability(
        "automated_readability_index", "school grade", 0,
        "4.71 letters/words + 0.5 words/sentences - 21.43", "Senter and Smith 1967",
        _formula(-21.43, words_a_sentence=0.5, letters_a_word=4.71),
    ),
    _readability(
        "coleman_liau_index", "school grade", 0,
        "5.88 letters/words - 29.6 sentences/words - 15.8", "Coleman and Liau 1975",
        _formula(-15.8, letters_a_word=5.88, sentences_a_word=-29.6),
    ),
)  # fmt: skip
