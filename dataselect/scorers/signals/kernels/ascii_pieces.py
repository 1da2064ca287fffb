"""A piece of ASCII with other marks than one at its end, by every definition of a word.

What `pieces.add_piece` does for any text, character by character, is done here on sets of places:
bit k stands for the k-th character of the piece.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, UInt8

from dataselect.scorers.signals.kernels.ascii_gopher_words import add_ascii_gopher_words
from dataselect.scorers.signals.kernels.blocks import (
    CAPITALS,
    DIGITS,
    ENDS,
    LETTERS,
    WORD,
    set_at,
)
from dataselect.scorers.signals.kernels.eight import (
    bits_from,
    load,
    low_bits,
    set_bits,
    store,
    trailing_zeros,
)
from dataselect.scorers.signals.kernels.hashing import hash_folded
from dataselect.scorers.signals.kernels.known_words import (
    ENDS_IN_LOREM,
    IPSUM,
    IS_JAVASCRIPT,
    IS_STOP_WORD,
    JAVASCRIPT,
    LOREM_LETTERS,
    STARTS_WITH_IPSUM,
    SYLLABLES,
    known_of,
    stands,
)
from dataselect.scorers.signals.kernels.quantities import COUNTS
from dataselect.scorers.signals.kernels.scratch import (
    FOLDED,
    LOREM,
    SENTENCE,
    STRETCH,
    VOCABULARY,
    Scratch,
)
from dataselect.scorers.signals.kernels.sentences import ascii_sentence_state
from dataselect.scorers.signals.kernels.unicode_tables import Tables
from dataselect.scorers.signals.kernels.wants import WANT_SYLLABLES, WANT_TOKENS
from zerocost.compiled import compiled_within

__all__ = ["LONGEST", "add_ascii_piece"]

LONGEST = 56
"""Characters that a piece may have: as many bits as can be had at once, but for its end."""

_RAW_WORDS = COUNTS.index("raw_words")
_RAW_ALPHABETIC = COUNTS.index("raw_alphabetic")
_RAW_CAPITALS = COUNTS.index("raw_capitals")
_RAW_STOP_WORDS = COUNTS.index("raw_stop_words")
_ELLIPSES = COUNTS.index("ellipses")
_SPLIT_SENTENCES = COUNTS.index("split_sentences")
_SENTENCES = COUNTS.index("sentences")
_JAVASCRIPT_LINES = COUNTS.index("lines_javascript")
_LOREM_IPSUM = COUNTS.index("lorem_ipsum")
_READING_WORDS = COUNTS.index("reading_words")
_READING_LETTERS = COUNTS.index("reading_letters")
_SYLLABLES = COUNTS.index("syllables")
_NONE, _ONE = np.uint64(0), np.uint64(1)
_DOT, _APOSTROPHE = ord("."), ord("'")


@compiled_within()
def add_ascii_piece(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    place: int,
    length: int,
    tables: Tables,
    want: int,
    scratch: Scratch,
    counts: Int64[np.ndarray, " counts"],
) -> None:
    """Count a piece of text without white space, control characters, or any beyond ASCII.

    Args:
        data: bytes.
        at: first byte of the piece.
        place: the same, counted from the beginning of the document.
        length: its bytes, 1 .. `LONGEST`.
        tables: of stop words.
        want: bits of what is asked for.
        scratch: memory, with the sets of the document, the words so far and the state between
            pieces.
        counts: of the document; added to.
    """
    piece, sets = scratch.piece, scratch.sets
    inside = low_bits(length)
    letters = bits_from(sets, set_at(LETTERS, scratch) + place) & inside
    capitals = bits_from(sets, set_at(CAPITALS, scratch) + place) & inside
    digits = bits_from(sets, set_at(DIGITS, scratch) + place) & inside
    word = bits_from(sets, set_at(WORD, scratch) + place) & inside
    ends = bits_from(sets, set_at(ENDS, scratch) + place) & inside
    plain = letters | digits

    if ends:
        _count_ellipses(data, at, length, ends, counts)
        # A stretch between two marks counts where it has a word character.
        begun = piece[STRETCH]
        split = 0
        rest, marks = word, ends
        while marks:
            mark = marks & (~marks + _ONE)
            before = rest & (mark - _ONE)
            split += (begun == 0) & (before != _NONE)
            begun = 0
            rest &= ~(mark - _ONE)
            marks &= marks - _ONE
        split += (begun == 0) & (rest != _NONE)
        piece[STRETCH] = begun | (rest != _NONE)
        counts[_SPLIT_SENTENCES] += split
    elif word and not piece[STRETCH]:
        piece[STRETCH] = 1
        counts[_SPLIT_SENTENCES] += 1
    ended, piece[SENTENCE] = ascii_sentence_state(
        data, at, length, letters, capitals, plain, piece[SENTENCE]
    )
    counts[_SENTENCES] += ended

    known = _add_raw_words(
        data, at, inside, letters, capitals, word, plain, tables, want, scratch, counts
    )
    if plain:
        _add_normalised(data, at, plain, known, scratch, counts)
    if want & WANT_TOKENS:
        add_ascii_gopher_words(
            data, at, length, letters, capitals, digits, ends, tables, want, scratch, counts
        )


@compiled_within()
def _count_ellipses(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    length: int,
    ends: int,
    counts: Int64[np.ndarray, " counts"],
) -> None:
    if not ends & (ends >> _ONE) & (ends >> np.uint64(2)):
        return
    dots = 0
    for k in range(length):
        dots = dots + 1 if data[at + k] == _DOT else 0
        if dots == 3:
            dots = 0
            counts[_ELLIPSES] += 1


@compiled_within()
def _add_raw_words(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    inside: int,
    letters: int,
    capitals: int,
    word: int,
    plain: int,
    tables: Tables,
    want: int,
    scratch: Scratch,
    counts: Int64[np.ndarray, " counts"],
) -> int:
    """Count the matches of ``\\w+|[^\\w\\s]+``, and the words that readability formulas need.

    Returns:
        What is known of the piece's letters where they stand together and are all it has beside
        marks; -1 of any other piece.
    """
    marks = inside & ~word
    counts[_RAW_WORDS] += set_bits(word & ~(word << _ONE)) + set_bits(marks & ~(marks << _ONE))
    found = -1
    rest = letters
    joined = 0  # letters before an apostrophe that belong to the same word
    buffer = scratch.joined
    last_run = -1
    while rest:
        first = trailing_zeros(rest)
        size = trailing_zeros(~(letters >> np.uint64(first)))
        run = low_bits(size) << np.uint64(first)
        rest &= ~run
        hashed = hash_folded(data, at + first, size)
        known = known_of(
            data, at + first, size, hashed,
            scratch.known, tables.stop_words, tables.stop_bits,
        )  # fmt: skip
        if run == plain:
            found = known
        if word & (run << _ONE | run >> _ONE | run) == run:
            counts[_RAW_ALPHABETIC] += 1
            counts[_RAW_CAPITALS] += capitals & run == run
            counts[_RAW_STOP_WORDS] += (known & IS_STOP_WORD != 0) & (capitals & run == _NONE)
        else:  # a raw word with digits too, which is counted at the first letters in it
            begin = first
            while begin > 0 and word >> np.uint64(begin - 1) & _ONE:
                begin -= 1
            if begin > last_run:
                last_run = begin
                size_of = trailing_zeros(~(word >> np.uint64(begin)))
                whole = low_bits(size_of) << np.uint64(begin)
                counts[_RAW_ALPHABETIC] += 1
                counts[_RAW_CAPITALS] += (capitals & whole != _NONE) & (
                    letters & whole & ~capitals == _NONE
                )
        if want & WANT_SYLLABLES:
            behind = first + size
            goes_on = (
                data[at + behind] == _APOSTROPHE
                and letters >> np.uint64(behind + 1) & _ONE != _NONE
            )
            if goes_on or joined:
                _copy(data, at + first, size, buffer, joined)
                joined += size
                if not goes_on:
                    hashed = hash_folded(buffer, 0, joined)
                    known = known_of(
                        buffer, 0, joined, hashed,
                        scratch.known, tables.stop_words, tables.stop_bits,
                    )  # fmt: skip
                    counts[_READING_WORDS] += 1
                    counts[_READING_LETTERS] += joined
                    counts[_SYLLABLES] += known & SYLLABLES
                    joined = 0
            else:
                counts[_READING_WORDS] += 1
                counts[_READING_LETTERS] += size
                counts[_SYLLABLES] += known & SYLLABLES
    return found


@compiled_within()
def _add_normalised(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    plain: int,
    known: int,
    scratch: Scratch,
    counts: Int64[np.ndarray, " counts"],
) -> None:
    """Append the word without its marks."""
    piece = scratch.piece
    first: int = trailing_zeros(plain)
    size = set_bits(plain)
    text, begin = data, at + first
    if plain >> np.uint64(first) != low_bits(size):
        text, begin = scratch.joined, 0
        to = 0
        rest = plain
        while rest:
            start = trailing_zeros(rest)
            length = trailing_zeros(~(rest >> np.uint64(start)))
            _copy(data, at + start, length, scratch.joined, to)
            to += length
            rest &= ~(low_bits(length) << np.uint64(start))
    normal = hash_folded(text, begin, size)
    if known < 0:
        known = IS_JAVASCRIPT if normal == JAVASCRIPT else 0
        if size >= LOREM_LETTERS.shape[0]:
            if piece[LOREM] and stands(text, begin, IPSUM):
                known |= STARTS_WITH_IPSUM
            if stands(text, begin + size - LOREM_LETTERS.shape[0], LOREM_LETTERS):
                known |= ENDS_IN_LOREM
    words = piece[VOCABULARY]
    scratch.words[words] = normal
    scratch.word_lengths[words] = size
    piece[VOCABULARY] = words + 1
    piece[FOLDED] += size
    counts[_JAVASCRIPT_LINES] += known & IS_JAVASCRIPT != 0
    counts[_LOREM_IPSUM] += (piece[LOREM] != 0) & (known & STARTS_WITH_IPSUM != 0)
    piece[LOREM] = known & ENDS_IN_LOREM != 0


@compiled_within()
def _copy(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    length: int,
    out: UInt8[np.ndarray, " room"],
    to: int,
) -> None:
    """Copy bytes, and up to seven more."""
    for k in range(0, length, 8):
        store(out, to + k, load(data, at + k))
