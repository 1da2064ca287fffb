"""The quantities behind the rules of FineWeb and C4."""

from __future__ import annotations

import math

from dataselect.scorers.signals.kernels.wants import WANT_C4, WANT_DUPLICATES, WANT_TOKENS
from dataselect.scorers.signals.signal import Signal, count, share

__all__ = ["C4", "FINEWEB"]

_SOURCE = "FineWeb (arXiv 2406.17557)"

FINEWEB: tuple[Signal, ...] = (
    share(
        "fineweb_terminal_line_fraction", 1,
        "lines, not blank, whose last visible character ends a sentence in any script", _SOURCE,
        "full_lines_terminal", "full_lines",
    ),
    share(
        "fineweb_short_line_fraction", -1, "lines, not blank, of 30 characters or fewer", _SOURCE,
        "full_lines_short", "full_lines",
    ),
    share(
        "fineweb_duplicate_line_character_fraction", -1,
        "characters in lines, not blank, that occurred before, of all but newlines", _SOURCE,
        "duplicate_line_characters", "line_characters", want=WANT_DUPLICATES,
    ),
    share(
        "fineweb_newline_ratio", -1, "newlines per Gopher word", _SOURCE, "newlines", "tokens",
        unit="ratio", high=math.inf, want=WANT_TOKENS, spaced=True,
    ),
)  # fmt: skip

_C4_SOURCE = "C4 (arXiv 1910.10683)"

C4: tuple[Signal, ...] = (
    share(
        "c4_kept_line_fraction", 1, "lines, not blank, that C4's rules keep", _C4_SOURCE,
        "c4_lines_kept", "c4_lines", want=WANT_C4, spaced=True,
    ),
    count(
        "c4_kept_characters", "characters", 0, "characters of the lines that C4's rules keep",
        _C4_SOURCE, "c4_characters", want=WANT_C4, spaced=True,
    ),
    count(
        "c4_sentence_count", "sentences", 1, "sentences in the lines that C4's rules keep",
        _C4_SOURCE, "c4_sentences", want=WANT_C4, spaced=True,
    ),
    count(
        "c4_lorem_ipsum_lines", "lines", -1,
        'lines with "lorem ipsum", otherwise complete: C4 drops the document', _C4_SOURCE,
        "c4_lorem_ipsum", want=WANT_C4, spaced=True,
    ),
    count(
        "c4_curly_bracket_lines", "lines", -1,
        'lines with "{", otherwise complete: C4 drops the document', _C4_SOURCE, "c4_brackets",
        want=WANT_C4, spaced=True,
    ),
)  # fmt: skip
