"""RedPajama-V2's natural-language, line and repetition signals.

As its code computes them, but not rounded to eight decimals. Two steps prepare the text:

- *raw words* are the matches of ``\\w+|[^\\w\\s]+``;
- *words* are what white space parts after ``string.punctuation`` is removed, lower-cased and
  decomposed (NFD).

A line ends with a newline and includes it. Line signals, which are lists there, are the mean over
the lines, as Meta-rater takes it.
"""

from __future__ import annotations

import math

import numpy as np

from dataselect.scorers.scorer import Column
from dataselect.scorers.signals.kernels.wants import WANT_VOCABULARY, WANT_WORD_GRAMS
from dataselect.scorers.signals.signal import Measured, Signal, count, ratio, share

__all__ = ["REDPAJAMA"]

_SOURCE = "RedPajama-V2"


def _lorem_ipsum(measured: Measured) -> np.ndarray:
    words = measured["words"]
    characters = np.where(words > 0, measured["word_characters"] + words - 1, 0)
    return ratio(measured["lorem_ipsum"], characters, empty=0.0)


def _not_alphabetic(measured: Measured) -> np.ndarray:
    return 1.0 - ratio(measured["raw_alphabetic"], measured["raw_words"])


def _stop_words(measured: Measured) -> np.ndarray:
    found = ratio(measured["raw_stop_words"], measured["raw_words"], empty=0.0)
    return np.where(measured["words"] > 0, found, 0.0)


def _entropy(measured: Measured) -> np.ndarray:
    return np.where(measured["words"] > 0, measured["word_entropy"], np.nan)


_LANGUAGE = (
    count(
        "rps_doc_word_count", "words", 0, "words of the normalised text", _SOURCE, "words",
        spaced=True,
    ),
    share(
        "rps_doc_mean_word_length", 0, "mean length of the words", _SOURCE,
        "word_characters", "words", unit="characters", high=math.inf, spaced=True,
    ),
    count(
        "rps_doc_num_sentences", "sentences", 0,
        r"matches of \b[^.!?]+[.!?]* in the raw text", _SOURCE, "split_sentences", spaced=True,
    ),
    share(
        "rps_doc_symbol_to_word_ratio", -1, '"#", "..." and "…" per raw word', _SOURCE,
        "symbols", "raw_words", unit="ratio", high=math.inf, spaced=True,
    ),
    share(
        "rps_doc_frac_lines_end_with_ellipsis", -1,
        'lines that end with "..." or "…", white space apart', _SOURCE, "lines_ellipsis", "lines",
    ),
    Signal(
        Column(
            "rps_doc_frac_no_alph_words", "float64", "fraction", 0.0, 1.0, -1,
            "raw words without a letter a-z or A-Z", _SOURCE,
        ),
        _not_alphabetic,
        spaced=True,
    ),
    share(
        "rps_doc_frac_unique_words", 0, "different words per word", _SOURCE,
        "distinct_words", "words", want=WANT_VOCABULARY, spaced=True,
    ),
    Signal(
        Column(
            "rps_doc_unigram_entropy", "float64", "nats", 0.0, math.inf, 1,
            "entropy of the distribution of the words", _SOURCE,
        ),
        _entropy,
        want=WANT_VOCABULARY,
        spaced=True,
    ),
    share(
        "rps_doc_frac_all_caps_words", -1, "raw words that are upper-case (str.isupper)", _SOURCE,
        "raw_capitals", "raw_words", spaced=True,
    ),
    Signal(
        Column(
            "rps_doc_lorem_ipsum", "float64", "fraction", 0.0, 1.0, -1,
            'occurrences of "lorem ipsum" per character of the normalised text; 0 where it is '
            "empty", _SOURCE,
        ),
        _lorem_ipsum,
    ),
    share(
        "rps_doc_curly_bracket", -1, '"{" and "}" per character; 0 where there is none', _SOURCE,
        "curly_brackets", "characters", empty=0.0,
    ),
    Signal(
        Column(
            "rps_doc_stop_word_fraction", "float64", "fraction", 0.0, 1.0, 1,
            "raw words that are English stop words in lower case (RedPajama's list); 0 without "
            "words", _SOURCE,
        ),
        _stop_words,
        spaced=True,
    ),
)  # fmt: skip

_LINES = (
    share(
        "rps_lines_javascript_counts", -1, 'words "javascript" a line, mean', _SOURCE,
        "lines_javascript", "lines", unit="words", high=math.inf,
    ),
    share(
        "rps_lines_ending_with_terminal_punctution_mark", 1,
        "lines that end with . ! ? or ”, white space apart", _SOURCE, "lines_terminal", "lines",
        spaced=True,
    ),
    share(
        "rps_lines_num_words", 0, "words a line, mean", _SOURCE, "words", "lines",
        unit="words", high=math.inf, spaced=True,
    ),
    share(
        "rps_lines_uppercase_letter_fraction", -1,
        "upper-case characters of a line's characters, mean", _SOURCE, "line_uppercase", "lines",
    ),
    share(
        "rps_lines_numerical_chars_fraction", -1,
        "numeric characters (str.isnumeric) of a normalised line's characters, mean", _SOURCE,
        "line_numeric", "lines",
    ),
    share(
        "rps_lines_start_with_bulletpoint", -1,
        "lines that start with a bullet (one of ten, • to –), white space apart", _SOURCE,
        "lines_bullet", "lines",
    ),
)  # fmt: skip

_REPETITION = (
    *(
        share(
            f"rps_doc_frac_chars_top_{n}gram", -1,
            f"characters of words in the most frequent {n}-gram, as often as it occurs, overlaps "
            "and all (above 1 for one word repeated); 0 where none occurs twice",
            _SOURCE, f"word_top_{n}gram", "word_characters", empty=0.0,
            high=float(n),
            want=WANT_WORD_GRAMS, spaced=True,
        )
        for n in (2, 3, 4)
    ),
    *(
        share(
            f"rps_doc_frac_chars_dupe_{n}grams", -1,
            f"characters of words in a {n}-gram that occurs twice, each word once", _SOURCE,
            f"word_dupe_{n}gram", "word_characters", empty=0.0,
            want=WANT_WORD_GRAMS, spaced=True,
        )
        for n in range(5, 11)
    ),
)  # fmt: skip

REDPAJAMA = _LANGUAGE + _LINES + _REPETITION
