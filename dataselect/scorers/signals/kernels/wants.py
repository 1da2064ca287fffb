"""The passes beyond the first, as bits: only those that the signals asked for need run."""

__all__ = [
    "WANT_C4",
    "WANT_DUPLICATES",
    "WANT_SYLLABLES",
    "WANT_TOKENS",
    "WANT_TOKEN_GRAMS",
    "WANT_VOCABULARY",
    "WANT_WORD_GRAMS",
]

WANT_TOKENS = 1 << 0
"""Gopher's words."""
WANT_SYLLABLES = 1 << 1
"""Syllables."""
WANT_VOCABULARY = 1 << 2
"""A table of the words."""
WANT_WORD_GRAMS = 1 << 3 | WANT_VOCABULARY
"""Repeated n-grams of words."""
WANT_TOKEN_GRAMS = 1 << 4 | WANT_TOKENS
"""Repeated n-grams of Gopher's words."""
WANT_DUPLICATES = 1 << 5
"""Repeated lines and paragraphs."""
WANT_C4 = 1 << 6
"""C4's line rules."""
