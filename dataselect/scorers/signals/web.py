"""The quantities behind FineWeb's rules."""

from __future__ import annotations

import math

from dataselect.scorers.signals.signal import Signal, share
from dataselect.scorers.signals.wants import WANT_DUPLICATES, WANT_TOKENS

__all__ = ["FINEWEB"]

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
