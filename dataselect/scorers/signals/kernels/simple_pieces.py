"""Runs of simple pieces: ASCII letters, with or without one mark behind them. Most of a text.

All definitions of a word agree on them. First all pieces of a document are looked at without a
branch that could be guessed wrong, and then counted in their order.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, UInt8

from dataselect.scorers.signals.kernels.blocks import BEYOND, LETTERS, set_at
from dataselect.scorers.signals.kernels.eight import bits_from, get, put, trailing_zeros
from dataselect.scorers.signals.kernels.hashing import (
    halves,
    hash_bytes,
    hash_halves,
    hash_of,
    small_letters,
)
from dataselect.scorers.signals.kernels.known_words import (
    ABBREVIATION_SHIFT,
    ENDS_IN_LOREM,
    IS_JAVASCRIPT,
    SPECIAL,
    STARTS_WITH_IPSUM,
    STOP_WORD_SHIFT,
    SYLLABLES,
    known_of,
    soon_known,
)
from dataselect.scorers.signals.kernels.quantities import COUNTS
from dataselect.scorers.signals.kernels.scratch import (
    FOLDED,
    LOREM,
    SENTENCE,
    SIMPLE,
    SIMPLE_LETTERS,
    SIMPLE_MARKS,
    STOPS,
    STRETCH,
    TOKENS,
    VOCABULARY,
    Scratch,
)
from dataselect.scorers.signals.kernels.sentences import BEGUN, is_abbreviation
from dataselect.scorers.signals.kernels.unicode_tables import Tables
from dataselect.scorers.signals.kernels.wants import WANT_SYLLABLES, WANT_TOKEN_GRAMS, WANT_TOKENS
from zerocost.compiled import compiled_within

__all__ = ["add_simple_pieces", "count_simple_pieces", "ends_before", "find_simple_pieces"]

_RAW_WORDS = COUNTS.index("raw_words")
_RAW_ALPHABETIC = COUNTS.index("raw_alphabetic")
_RAW_CAPITALS = COUNTS.index("raw_capitals")
_RAW_STOP_WORDS = COUNTS.index("raw_stop_words")
_TOKEN_WORDS = COUNTS.index("token_words")
_TOKEN_WORD_CHARACTERS = COUNTS.index("token_word_characters")
_TOKEN_ALPHABETIC = COUNTS.index("token_alphabetic")
_SPLIT_SENTENCES = COUNTS.index("split_sentences")
_SENTENCES = COUNTS.index("sentences")
_JAVASCRIPT_LINES = COUNTS.index("lines_javascript")
_LOREM_IPSUM = COUNTS.index("lorem_ipsum")
_READING_WORDS = COUNTS.index("reading_words")
_READING_LETTERS = COUNTS.index("reading_letters")
_SYLLABLES = COUNTS.index("syllables")

_LONGEST_BITS = 4  # letters: up to sixteen, two numbers of eight
_FULL_STOP, _CASE = ord("."), 32
_NONE = np.uint64(0)
# Bits of a kind, above those of the number of letters.
_LETTERS, _MARK, _ENDS, _SMALL, _CAPITAL, _BEGINS = 31, 5, 6, 7, 8, 9
# Marks that may stand behind the letters, and what a kind says of them; else 0. The second half is
# for pieces with none or several behind them, which would be a branch.
_MARKS = np.zeros(512, np.int64)
_MARKS[list(b",;:")] = 1
_MARKS[list(b".!?")] = 1 | 1 << _ENDS - _MARK
# The hash of each as a word of its own.
_MARK_HASHES = np.zeros(256, np.uint64)
for _mark in ",;:.!?":
    _MARK_HASHES[ord(_mark)] = hash_of(_mark)


@compiled_within(inline=False)
def find_simple_pieces(data: UInt8[np.ndarray, " bytes"], start: int, scratch: Scratch) -> None:
    """Find which pieces of a document are simple, and hash their letters, without a branch.

    A kind is 0 of any other piece, else the bits: how many letters; whether a mark is behind them;
    whether it ends a sentence; whether all letters are small, all are capitals, the first is one.

    Args:
        data: bytes.
        start: first byte of the document.
        scratch: memory, with its pieces and sets; `kinds` and `hashes` are written.
    """
    begins, ends, sets, kinds, hashes = (
        scratch.begins, scratch.ends, scratch.sets, scratch.kinds, scratch.hashes,
    )  # fmt: skip
    known_words = scratch.known
    letters_of = set_at(LETTERS, scratch)
    k = 0
    place = np.int64(get(begins, 0))
    while place != BEYOND:
        at = start + place
        letters = trailing_zeros(~bits_from(sets, letters_of + place))
        behind = np.int64(get(ends, k)) - place - letters
        mark = get(_MARKS, np.int64(get(data, at + letters)) | np.int64(behind != 1) << 8)
        is_simple = (np.int64(behind == 0) | mark) & np.int64((letters - 1) >> _LONGEST_BITS == 0)
        letters = min(letters, 1 << _LONGEST_BITS)
        low, high = halves(data, at, letters)
        low_small, high_small = small_letters(letters)
        word = hash_halves(low | low_small, high | high_small, letters)
        soon_known(word, known_words)
        small = np.int64((~low & low_small) | (~high & high_small) == _NONE)
        capital = np.int64((low & low_small) | (high & high_small) == _NONE)
        begins_large = np.int64(low & np.uint64(_CASE) == _NONE)
        kind = letters | mark << _MARK | small << _SMALL | capital << _CAPITAL
        put(kinds, k, (kind | begins_large << _BEGINS) * is_simple)
        put(hashes, k, word)
        k += 1
        place = np.int64(get(begins, k))
    put(kinds, k, 0)


@compiled_within()
def add_simple_pieces(
    data: UInt8[np.ndarray, " bytes"],
    start: int,
    first: int,
    beyond: int,
    tables: Tables,
    want: int,
    scratch: Scratch,
    counts: Int64[np.ndarray, " counts"],
) -> int:
    """Count pieces up to the first that is not simple, or stands beyond a place.

    Args:
        data: bytes.
        start: first byte of the document.
        first: number of the first piece.
        beyond: a place in the document.
        tables: of stop words.
        want: bits of what is asked for.
        scratch: memory, with the pieces of the document, which `find_simple_pieces` has seen,
            and the state between pieces.
        counts: of the document; what `count_simple_pieces` leaves is added to.

    Returns:
        The number of the piece at which it stopped.
    """
    # Locals, because reading an array from a tuple takes longer than from a register.
    begins, kinds, hashes, piece = scratch.begins, scratch.kinds, scratch.hashes, scratch.piece
    known_words, words_of, word_lengths = scratch.known, scratch.words, scratch.word_lengths
    tokens_of, token_lengths = scratch.tokens, scratch.token_lengths
    grams = want & WANT_TOKEN_GRAMS == WANT_TOKEN_GRAMS

    words, tokens, stops = piece[VOCABULARY], piece[TOKENS], piece[STOPS]
    ending, stretch, lorem = piece[SENTENCE] >> 1, piece[STRETCH], piece[LOREM]
    letters_seen = marks = capital_words = stop_words_seen = syllables = 0
    split_sentences = sentences = 0
    k = first
    while True:
        kind, place = np.int64(get(kinds, k)), np.int64(get(begins, k))
        if kind == 0 or place >= beyond:
            break
        at = start + place
        letters, mark, small = kind & _LETTERS, kind >> _MARK & 1, kind >> _SMALL & 1
        normal: int = get(hashes, k)
        known = known_of(
            data, at, letters, normal, known_words, tables.stop_words, tables.stop_bits
        )
        put(words_of, words, normal)
        put(word_lengths, words, letters)
        words += 1
        letters_seen += letters
        marks += mark
        syllables += known & SYLLABLES
        stop = known >> STOP_WORD_SHIFT & 15
        stop_words_seen += small & np.int64(stop != 0)
        stops |= (small << stop) >> 2
        capital_words += kind >> _CAPITAL & 1
        split_sentences += 1 - stretch
        sentences += ending & kind >> _BEGINS
        ending = kind >> _ENDS & 1
        stretch = 1 - ending
        if lorem | (known & SPECIAL) | (known >> ABBREVIATION_SHIFT & ending):
            counts[_JAVASCRIPT_LINES] += known & IS_JAVASCRIPT != 0
            counts[_LOREM_IPSUM] += lorem & (known & STARTS_WITH_IPSUM != 0)
            lorem = np.int64(known & ENDS_IN_LOREM != 0)
            if get(data, at + letters) == _FULL_STOP and is_abbreviation(
                hash_bytes(data, at, letters), letters
            ):
                ending = 0
        if grams:
            put(tokens_of, tokens, normal if small else hash_bytes(data, at, letters))
            put(token_lengths, tokens, letters)
            put(tokens_of, tokens + 1, get(_MARK_HASHES, np.int64(get(data, at + letters))))
            put(token_lengths, tokens + 1, 1)
        tokens += 1 + mark
        k += 1
    if k > first:
        piece[VOCABULARY], piece[TOKENS], piece[STOPS] = words, tokens, stops
        piece[SENTENCE], piece[STRETCH], piece[LOREM] = BEGUN | ending << 1, stretch, lorem
        piece[FOLDED] += letters_seen
        piece[SIMPLE] += k - first
        piece[SIMPLE_LETTERS] += letters_seen
        piece[SIMPLE_MARKS] += marks
        counts[_RAW_CAPITALS] += capital_words
        counts[_RAW_STOP_WORDS] += stop_words_seen
        counts[_SYLLABLES] += syllables
        counts[_SPLIT_SENTENCES] += split_sentences
        counts[_SENTENCES] += sentences
    return k


@compiled_within()
def ends_before(k: int, scratch: Scratch) -> int:
    """Whether a sentence ends before a piece, if that is simple."""
    return scratch.piece[SENTENCE] >> 1 & np.int64(get(scratch.kinds, k)) >> _BEGINS


@compiled_within()
def count_simple_pieces(
    piece: Int64[np.ndarray, " state"], want: int, counts: Int64[np.ndarray, " counts"]
) -> None:
    """Count, once a document, what follows from how many simple pieces it has."""
    simple, letters = piece[SIMPLE], piece[SIMPLE_LETTERS]
    counts[_RAW_WORDS] += simple + piece[SIMPLE_MARKS]
    counts[_RAW_ALPHABETIC] += simple
    if want & WANT_TOKENS:
        counts[_TOKEN_WORDS] += simple
        counts[_TOKEN_WORD_CHARACTERS] += letters
        counts[_TOKEN_ALPHABETIC] += simple
    if want & WANT_SYLLABLES:
        counts[_READING_WORDS] += simple
        counts[_READING_LETTERS] += letters
