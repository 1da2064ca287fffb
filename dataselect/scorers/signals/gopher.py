"""The quantities behind Gopher's rules on quality and repetition (Rae et al. 2021, table A1)."""

from __future__ import annotations

import math

from dataselect.scorers.signals.kernels.wants import WANT_DUPLICATES, WANT_TOKEN_GRAMS, WANT_TOKENS
from dataselect.scorers.signals.signal import Signal, count, share

__all__ = ["GOPHER"]

_SOURCE = "Gopher (arXiv 2112.11446)"

GOPHER: tuple[Signal, ...] = (
    count(
        "gopher_word_count", "words", 0, "Gopher words with a letter or digit", _SOURCE,
        "token_words", want=WANT_TOKENS, spaced=True,
    ),
    share(
        "gopher_mean_word_length", 0, "mean length of these words", _SOURCE,
        "token_word_characters", "token_words", unit="characters", high=math.inf,
        want=WANT_TOKENS, spaced=True,
    ),
    share(
        "gopher_hash_ratio", -1, '"#" per Gopher word', _SOURCE, "hashes", "tokens",
        unit="ratio", high=math.inf, want=WANT_TOKENS, spaced=True,
    ),
    share(
        "gopher_ellipsis_ratio", -1, '"..." and "…" per Gopher word', _SOURCE, "ellipses",
        "tokens", unit="ratio", high=math.inf, want=WANT_TOKENS, spaced=True,
    ),
    share(
        "gopher_bullet_line_fraction", -1, 'lines that start with "•" or "-", white space apart',
        _SOURCE, "lines_dash", "lines",
    ),
    share(
        "gopher_alphabetic_word_fraction", 1, "Gopher words with a letter", _SOURCE,
        "token_alphabetic", "tokens", want=WANT_TOKENS, spaced=True,
    ),
    count(
        "gopher_stop_word_count", "words", 1,
        "how many of the, be, to, of, and, that, have, with occur", _SOURCE, "token_stop_words",
        want=WANT_TOKENS, spaced=True,
    ),
    share(
        "gopher_duplicate_line_fraction", -1, "lines, not blank, that occurred before", _SOURCE,
        "duplicate_lines", "full_lines", want=WANT_DUPLICATES,
    ),
    share(
        "gopher_duplicate_line_character_fraction", -1,
        "characters in lines, not blank, that occurred before", _SOURCE,
        "duplicate_line_characters", "characters", want=WANT_DUPLICATES,
    ),
    share(
        "gopher_duplicate_paragraph_fraction", -1, "paragraphs that occurred before", _SOURCE,
        "duplicate_paragraphs", "paragraphs", want=WANT_DUPLICATES,
    ),
    share(
        "gopher_duplicate_paragraph_character_fraction", -1,
        "characters in paragraphs that occurred before", _SOURCE,
        "duplicate_paragraph_characters", "characters", want=WANT_DUPLICATES,
    ),
    *(
        share(
            f"gopher_top_{n}gram_character_fraction", -1,
            f"characters in the most frequent {n}-gram of Gopher words, with the spaces between "
            "them, as often as it occurs; 0 where none occurs twice", _SOURCE,
            f"token_top_{n}gram", "characters", want=WANT_TOKEN_GRAMS, spaced=True,
            high=math.inf,
        )
        for n in (2, 3, 4)
    ),
    *(
        share(
            f"gopher_duplicate_{n}gram_character_fraction", -1,
            f"characters in {n}-grams of Gopher words that occurred before, reading on behind "
            "each", _SOURCE, f"token_dupe_{n}gram", "characters", want=WANT_TOKEN_GRAMS,
            spaced=True,
        )
        for n in range(5, 11)
    ),
)  # fmt: skip
