"""How much text there is, and how hard it is to read."""

from __future__ import annotations

import math

import numpy as np

from dataselect.scorers.scorer import Column
from dataselect.scorers.signals.kernels.wants import WANT_SYLLABLES
from dataselect.scorers.signals.signal import Measured, Signal, count, ratio, share

__all__ = ["READABILITY", "SIZES"]

_OWN = "zerocost"
_LATIN_SHARE = 0.5


def _tokens(measured: Measured) -> np.ndarray:
    return np.ceil(measured["characters"] / 4.4)


SIZES: tuple[Signal, ...] = (
    count("characters", "characters", 0, "code points", _OWN, "characters"),
    count("lines", "lines", 0, "lines, the last with or without a newline", _OWN, "lines"),
    count("paragraphs", "paragraphs", 0, "stretches parted by two newlines or more", _OWN,
          "paragraphs"),
    count("sentences", "sentences", 0, "stretches with a letter or digit that end with a terminal "
          "mark before white space, unless a lower-case letter follows, or with a paragraph",
          _OWN, "sentences"),
    Signal(
        Column("tokens_estimate", "int64", "tokens", 0.0, math.inf, 0,
               "estimate of the tokens of a byte-pair vocabulary", _OWN),
        _tokens,
    ),
    share("unspaced_letter_fraction", 0, "letters of scripts written without spaces between words",
          _OWN, "unspaced_letters", "letters"),
)  # fmt: skip


def _readable(measured: Measured) -> np.ndarray:
    latin = measured["ascii_letters"] >= _LATIN_SHARE * measured["letters"]
    return latin & (measured["reading_words"] > 0) & (measured["sentences"] > 0)


def _formula(sentence: float, syllable: float, letter: float, per_word: float, constant: float):  # type: ignore[no-untyped-def]
    def value(measured: Measured) -> np.ndarray:
        words, sentences = measured["reading_words"], measured["sentences"]
        found = (
            constant
            + sentence * ratio(words, sentences)
            + syllable * ratio(measured["syllables"], words)
            + letter * ratio(measured["reading_letters"], words)
            + per_word * ratio(sentences, words)
        )
        return np.where(_readable(measured), found, np.nan)

    return value


def _readability(
    name: str, direction: int, definition: str, source: str, *weights: float
) -> Signal:
    column = Column(
        name, "float64", "grade" if direction == 0 else "points", -math.inf, math.inf, direction,  # type: ignore[arg-type]
        definition, source,
    )  # fmt: skip
    return Signal(column, _formula(*weights), want=WANT_SYLLABLES, spaced=True)


READABILITY: tuple[Signal, ...] = (
    _readability(
        "flesch_reading_ease", 1,
        "206.835 - 1.015 words/sentences - 84.6 syllables/words; more is easier",
        "Flesch 1948", -1.015, -84.6, 0, 0, 206.835,
    ),
    _readability(
        "flesch_kincaid_grade", 0, "0.39 words/sentences + 11.8 syllables/words - 15.59",
        "Kincaid et al. 1975", 0.39, 11.8, 0, 0, -15.59,
    ),
    _readability(
        "automated_readability_index", 0, "4.71 letters/words + 0.5 words/sentences - 21.43",
        "Smith and Senter 1967", 0.5, 0, 4.71, 0, -21.43,
    ),
    _readability(
        "coleman_liau_index", 0, "5.88 letters/words - 29.6 sentences/words - 15.8",
        "Coleman and Liau 1975", 0, 0, 5.88, -29.6, -15.8,
    ),
)  # fmt: skip
