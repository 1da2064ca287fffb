"""What the kernels count: whole numbers of a document, from which every signal is a formula."""

from __future__ import annotations

__all__ = ["COUNTS", "GRAMS", "SUMS"]

COUNTS = (
    # characters
    "characters",
    "letters",
    "ascii_letters",
    "unspaced_letters",
    "lowercase",
    "newlines",
    "curly_brackets",
    "hashes",
    "ellipses",
    # words split as RedPajama does the raw text
    "raw_words",
    "raw_alphabetic",
    "raw_capitals",
    "raw_stop_words",
    # words of the normalised text
    "words",
    "word_characters",
    "lorem_ipsum",
    "distinct_words",
    # words split as Gopher's rules count them
    "tokens",
    "token_words",
    "token_word_characters",
    "token_alphabetic",
    "token_stop_words",
    # sentences
    "split_sentences",
    "sentences",
    # lines
    "lines",
    "lines_ellipsis",
    "lines_terminal",
    "lines_bullet",
    "lines_dash",
    "lines_javascript",
    "full_lines",
    "full_lines_terminal",
    "full_lines_short",
    "duplicate_lines",
    "duplicate_line_characters",
    # paragraphs
    "paragraphs",
    "duplicate_paragraphs",
    "duplicate_paragraph_characters",
    # reading
    "reading_words",
    "reading_letters",
    "syllables",
    # what C4's line rules leave
    "c4_lines",
    "c4_lines_kept",
    "c4_characters",
    "c4_sentences",
    "c4_lorem_ipsum",
    "c4_brackets",
    # repeated n-grams of normalised words: characters
    *(f"word_top_{n}gram" for n in (2, 3, 4)),
    *(f"word_dupe_{n}gram" for n in range(5, 11)),
    # repeated n-grams of Gopher's words: characters
    *(f"token_top_{n}gram" for n in (2, 3, 4)),
    *(f"token_dupe_{n}gram" for n in range(5, 11)),
)
"""Columns of the table of whole numbers, int64, one row a document."""

SUMS = ("word_entropy", "line_uppercase", "line_numeric")
"""Columns of the table of sums of fractions, float64, one row a document."""

GRAMS = (2, 3, 4), (5, 6, 7, 8, 9, 10)
"""Sizes of the n-grams of which the most frequent one, and all repeated ones, are counted."""
