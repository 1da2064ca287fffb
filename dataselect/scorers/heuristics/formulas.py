"""The four heuristics: formulas over signals and word lists, their constants and where from.

Each is between 0 and 5, as the raters that Meta-rater publishes are, without being one of them.
Constants were set before any label was looked at: readability's are those of published formulas,
cleanliness' the limits of published filters, the others round numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from dataselect.scorers.heuristics.agreement import AGREEMENT
from dataselect.scorers.scorer import Column

__all__ = ["CLEAN", "FORMULAS", "SIGNALS_READ", "Heuristic", "school_grade"]

Values = Mapping[str, np.ndarray]
"""A signal or a list -> one float64 a document; NaN where there is none."""

CLEAN: tuple[tuple[str, float, float], ...] = (
    ("fineweb_terminal_line_fraction", 0.12, 0.10),
    ("fineweb_short_line_fraction", 0.67, -0.10),
    ("fineweb_newline_ratio", 0.30, -0.05),
    ("gopher_duplicate_line_character_fraction", 0.20, -0.05),
    ("gopher_top_2gram_character_fraction", 0.20, -0.03),
    ("gopher_alphabetic_word_fraction", 0.80, 0.02),
    ("rps_doc_symbol_to_word_ratio", 0.10, -0.02),
    ("rps_doc_stop_word_fraction", 0.25, 0.05),
    ("rps_lines_uppercase_letter_fraction", 0.15, -0.03),
    ("boilerplate", 3.0, -0.7),
)
"""A signal (or list, per 100 words), the limit where it halves the score, and the width there.

The limits of the first seven are those of FineWeb and Gopher."""

SIGNALS_READ = (
    "flesch_kincaid_grade",
    "coleman_liau_index",
    "rps_doc_word_count",
    "sentences",
    *(name for name, _, _ in CLEAN if name != "boilerplate"),
)
"""The signals that the formulas read."""


@dataclass(frozen=True)
class Heuristic:
    """One column of the scorer `heuristics`.

    Attributes:
        column: its declaration; the definition ends with the agreement with people.
        formula: from signals and rates to one number a document, NaN where there is none.
    """

    column: Column
    formula: Callable[[Values], np.ndarray]


def _logistic(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -500, 500))))


def school_grade(values: Values) -> np.ndarray:
    """The mean of three formulas that give a school grade.

    Flesch-Kincaid (sentences, syllables), Coleman-Liau (sentences, letters), and Dale-Chall
    (sentences, unfamiliar words) with the 5,000 most frequent word forms for its 3,000 familiar
    words and their inflections::

        raw = 0.1579 unfamiliar % + 0.0496 words/sentences + 3.6365,  grade = 2 raw - 5

    where the last step is the line through its table: 5 is grade 5, 6 grade 7, ... 9 grade 13.

    Reference:
        Kincaid et al. 1975; Coleman and Liau 1975; Dale and Chall 1948.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        sentence = values["words"] / values["sentences"]
    raw = 0.1579 * (100 - values["frequent"]) + 0.0496 * sentence + 3.6365
    grades = (values["flesch_kincaid_grade"], values["coleman_liau_index"], 2 * raw - 5)
    return np.asarray(sum(grades) / 3)


def _readability(values: Values) -> np.ndarray:
    return 5 * _logistic((10 - school_grade(values)) / 3)


def _professionalism(values: Values) -> np.ndarray:
    chatty = values["personal"] + values["informal"]
    return 5 * _logistic(
        (school_grade(values) - 11) / 3 + (values["academic"] - 2) / 2 - (chatty - 2) / 4
    )


def _reasoning(values: Values) -> np.ndarray:
    with np.errstate(divide="ignore"):
        length = np.log(np.minimum(values["words"], 2000) / 300)
    return 5 * _logistic((values["reasoning"] - 3) / 1.2 + length / 2)


def _cleanliness(values: Values) -> np.ndarray:
    found = np.full(values["words"].shape, 5.0)
    for name, limit, width in CLEAN:
        found = found * _logistic((values[name] - limit) / width)
    return found


def _heuristic(
    name: str, formula: Callable[[Values], np.ndarray], definition: str, source: str
) -> Heuristic:
    definition = f"{definition}. {AGREEMENT[name]}"
    return Heuristic(Column(name, "float64", "points", 0.0, 5.0, 1, definition, source), formula)


FORMULAS: tuple[Heuristic, ...] = (
    _heuristic(
        "heuristic_readability",
        _readability,
        "how easy English is to read: 5 / (1 + exp((grade - 10) / 3)) of a school grade, the mean "
        "of Flesch-Kincaid's, Coleman-Liau's, and Dale-Chall's with a list of 5,000 frequent words",
        "formulas of 1948 and 1975",
    ),
    _heuristic(
        "heuristic_professionalism",
        _professionalism,
        "how much knowledge English asks for: the same school grade, technical words, and few "
        "words of talk",
        "zerocost",
    ),
    _heuristic(
        "heuristic_reasoning",
        _reasoning,
        "how much English argues: words and pairs of words that join steps of an argument, and "
        "room for one (words, up to 2,000)",
        "zerocost",
    ),
    _heuristic(
        "heuristic_cleanliness",
        _cleanliness,
        "how free of page furniture, fragments and repetition English is: 5 times a product over "
        "ten limits, so that one bad fault decides",
        "limits of FineWeb and Gopher",
    ),
)
"""The heuristics, in the order of the columns."""
