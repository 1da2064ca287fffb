"""The one pass over a document: pieces of text between white space, and the lines they stand in."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int32, Int64, UInt8, UInt32

from dataselect.scorers.signals.kernels.ascii_pieces import LONGEST, add_ascii_piece
from dataselect.scorers.signals.kernels.blocks import (
    CAPITALS,
    DIGITS,
    INNER,
    LETTERS,
    NEWLINES,
    ODD,
    SPACES,
    find_places,
    set_at,
)
from dataselect.scorers.signals.kernels.eight import (
    bits_from,
    get,
    load,
    low_bits,
    next_bit,
    put,
    set_bits,
    trailing_zeros,
)
from dataselect.scorers.signals.kernels.hashing import hash_bytes, hash_folded, hash_of
from dataselect.scorers.signals.kernels.known_words import (
    ENDS_IN_LOREM,
    GOPHER_SHIFT,
    IS_JAVASCRIPT,
    SPECIAL,
    STARTS_WITH_IPSUM,
    STOP_WORD_SHIFT,
    SYLLABLES,
    known_of,
)
from dataselect.scorers.signals.kernels.lines import count_full_line
from dataselect.scorers.signals.kernels.pieces import add_piece
from dataselect.scorers.signals.kernels.quantities import COUNTS, SUMS
from dataselect.scorers.signals.kernels.scratch import (
    FOLDED,
    LOREM,
    NUMERIC_CHARACTERS,
    SENTENCE,
    STOPS,
    STRETCH,
    TOKENS,
    UPPERCASE,
    VOCABULARY,
    Scratch,
)
from dataselect.scorers.signals.kernels.sentences import BEGUN, ENDING, is_abbreviation
from dataselect.scorers.signals.kernels.unicode_tables import SPACE, Tables, class_of
from dataselect.scorers.signals.kernels.utf8 import decoded, width
from dataselect.scorers.signals.kernels.wants import WANT_SYLLABLES, WANT_TOKEN_GRAMS, WANT_TOKENS
from zerocost.compiled import compiled_within

__all__ = ["scan"]

_RAW_WORDS = COUNTS.index("raw_words")
_RAW_ALPHABETIC = COUNTS.index("raw_alphabetic")
_RAW_CAPITALS = COUNTS.index("raw_capitals")
_RAW_STOP_WORDS = COUNTS.index("raw_stop_words")
_WORDS = COUNTS.index("words")
_WORD_CHARACTERS = COUNTS.index("word_characters")
_TOKENS = COUNTS.index("tokens")
_TOKEN_WORDS = COUNTS.index("token_words")
_TOKEN_WORD_CHARACTERS = COUNTS.index("token_word_characters")
_TOKEN_ALPHABETIC = COUNTS.index("token_alphabetic")
_TOKEN_STOP_WORDS = COUNTS.index("token_stop_words")
_SPLIT_SENTENCES = COUNTS.index("split_sentences")
_SENTENCES = COUNTS.index("sentences")
_LINES = COUNTS.index("lines")
_JAVASCRIPT_LINES = COUNTS.index("lines_javascript")
_LOREM_IPSUM = COUNTS.index("lorem_ipsum")
_READING_WORDS = COUNTS.index("reading_words")
_READING_LETTERS = COUNTS.index("reading_letters")
_SYLLABLES = COUNTS.index("syllables")
_UPPERCASE = SUMS.index("line_uppercase")
_NUMERIC = SUMS.index("line_numeric")

_BLOCK = 64
_NONE, _ONE = np.uint64(0), np.uint64(1)
_FULL_STOP = ord(".")
# Marks that may stand behind a simple word: 1 within a sentence, 3 at its end; else 0.
_MARKS = np.zeros(256, np.int64)
_MARKS[list(b",;:")] = 1
_MARKS[list(b".!?")] = 3
# The hash of each as a word of its own.
_MARK_HASHES = np.zeros(256, np.uint64)
for _mark in ",;:.!?":
    _MARK_HASHES[ord(_mark)] = hash_of(_mark)


@compiled_within(inline=False)
def scan(
    data: UInt8[np.ndarray, " bytes"],
    start: int,
    end: int,
    tables: Tables,
    want: int,
    scratch: Scratch,
    counts: Int64[np.ndarray, " counts"],
    sums: Float64[np.ndarray, " sums"],
) -> tuple[int, int, int, int]:
    """Count everything that needs no table of what was seen before.

    Most pieces are ASCII letters with or without one mark behind them. All definitions of a word
    agree on these, and they are counted here; `add_ascii_piece` and `add_piece` take the others
    through each definition. What is counted by character comes from the sets of `find_places`.

    Args:
        data: bytes; `eight.PADDING` more than ``end`` can be read.
        start: first byte of the document, which is valid UTF-8.
        end: behind its last byte.
        tables: of Unicode and stop words.
        want: bits of what is asked for.
        scratch: memory; left with the document's words, lines and paragraphs.
        counts: of the document; added to.
        sums: of the document; added to.

    Returns:
        How many words, Gopher words, lines that are not blank and paragraphs are in the scratch.
    """
    find_places(data, start, end, want, scratch, counts)
    # Locals, because reading an array from a tuple takes longer than from a register.
    index, flags = tables.index, tables.flags
    stop_words, stop_bits = tables.stop_words, tables.stop_bits
    sets = scratch.sets
    spaces, newlines, letters_of = (
        set_at(SPACES, scratch),
        set_at(NEWLINES, scratch),
        set_at(LETTERS, scratch),
    )
    capitals_of, digits_of, odd, inner = (
        set_at(CAPITALS, scratch), set_at(DIGITS, scratch),
        set_at(ODD, scratch), set_at(INNER, scratch),
    )  # fmt: skip
    known_words = scratch.known
    words_of, word_lengths = scratch.words, scratch.word_lengths
    tokens_of, token_lengths = scratch.tokens, scratch.token_lengths
    lines_of, paragraphs_of = scratch.lines, scratch.paragraphs
    piece = scratch.piece
    piece[:] = 0
    grams = want & WANT_TOKEN_GRAMS == WANT_TOKEN_GRAMS

    words = stops = sentence = stretch = lorem = folded = 0
    simple_marks = capital_words = stop_words_seen = 0
    words_apart = tokens_apart = folded_apart = 0  # of pieces that are not simple
    split_sentences = sentences = syllables = 0
    lines = paragraphs = line_count = 0
    uppercase_sum = numeric_sum = 0.0
    # Up to the block: capitals, digits, inner bytes; and all of it up to the line.
    capitals = digits = inner_bytes = 0
    capitals_before = digits_before = inner_before = words_before = folded_before = 0
    line_begin = start
    visible = visible_end = paragraph_begin = -1
    previous_newline, gap = start - 2, 0
    text_end = _visible_end(data, start, end, index, flags)

    carry = _ONE
    for block in range((end - start) // _BLOCK + 1):
        space: int = load(sets, (spaces >> 3) + block * 8)
        newline = load(sets, (newlines >> 3) + block * 8)
        begins = ~space & (space << _ONE | carry)
        carry = space >> np.uint64(63)
        events = begins | newline
        while events:
            bit = events & (~events + _ONE)
            offset = trailing_zeros(events)
            place = block * _BLOCK + offset
            at = start + place
            events ^= bit
            if newline & bit:
                real = np.int64(at < end)
                before = bit - _ONE
                capitals_now = (
                    piece[UPPERCASE]
                    + capitals
                    + set_bits(load(sets, (capitals_of >> 3) + block * 8) & before)
                )
                digits_now = (
                    piece[NUMERIC_CHARACTERS]
                    + digits
                    + set_bits(load(sets, (digits_of >> 3) + block * 8) & before)
                )
                inner_now = inner_bytes + set_bits(load(sets, (inner >> 3) + block * 8) & before)
                characters = at - line_begin - (inner_now - inner_before)
                line_count += 1
                uppercase_sum += (capitals_now - capitals_before) / (characters + real)
                if words > words_before:
                    numeric_sum += (digits_now - digits_before) / (
                        folded - folded_before + words - words_before - 1
                    )
                if visible >= 0:
                    count_full_line(data, visible, visible_end, characters, index, flags, counts)
                    lines_of[lines, 0] = line_begin
                    lines_of[lines, 1] = at
                    lines += 1
                    visible = -1
                capitals_before, digits_before, inner_before = capitals_now, digits_now, inner_now
                words_before, folded_before = words, folded
                line_begin = at + 1
                gap = gap + 1 if at == previous_newline + 1 else 1
                previous_newline = at
                if real and gap >= 2 and at < text_end:
                    if gap == 2:
                        sentences += sentence & BEGUN
                        sentence = 0
                        if paragraph_begin >= 0:
                            paragraphs_of[paragraphs, 0] = paragraph_begin
                            paragraphs_of[paragraphs, 1] = at - 1
                            paragraphs += 1
                    if paragraph_begin >= 0:
                        paragraph_begin = at + 1
                continue

            length = trailing_zeros(bits_from(sets, spaces + place))
            letters = trailing_zeros(~bits_from(sets, letters_of + place))
            mark = 0
            if letters + 1 == length and letters > 0:
                mark = get(_MARKS, np.int64(get(data, at + letters)))
            if length <= LONGEST and (letters == length or mark):
                if visible < 0:
                    visible = at
                    if paragraph_begin < 0:
                        paragraph_begin = at
                visible_end = at + length
                upper = set_bits(bits_from(sets, capitals_of + place) & low_bits(letters))
                normal = hash_folded(data, at, letters)
                known = known_of(data, at, letters, normal, known_words, stop_words, stop_bits)
                lower = np.int64(upper == 0)
                put(words_of, words, normal)
                put(word_lengths, words, letters)
                words += 1
                folded += letters
                stop_words_seen += known >> STOP_WORD_SHIFT & lower
                stops |= (lower << (known >> GOPHER_SHIFT & 15)) >> 1
                capital_words += upper == letters
                syllables += known & SYLLABLES
                split_sentences += 1 - stretch
                stretch = 1
                sentences += (sentence >> 1) & (get(data, at) < ord("a"))
                sentence = BEGUN
                if lorem | (known & SPECIAL):
                    counts[_JAVASCRIPT_LINES] += known & IS_JAVASCRIPT != 0
                    counts[_LOREM_IPSUM] += lorem & (known & STARTS_WITH_IPSUM != 0)
                    lorem = np.int64(known & ENDS_IN_LOREM != 0)
                if grams:
                    tokens = words - 1 - words_apart + simple_marks + tokens_apart
                    exact = normal if lower else hash_bytes(data, at, letters)
                    put(tokens_of, tokens, exact)
                    put(token_lengths, tokens, letters)
                    put(tokens_of, tokens + 1, _MARK_HASHES[get(data, at + letters)])
                    put(token_lengths, tokens + 1, 1)
                if mark:
                    simple_marks += 1
                    if mark == 3:
                        stretch = 0
                        if get(data, at + letters) != _FULL_STOP or not is_abbreviation(
                            hash_bytes(data, at, letters), letters
                        ):
                            sentence = BEGUN | ENDING
                continue

            tokens = words - words_apart + simple_marks
            words_apart -= words
            folded_apart -= folded
            piece[VOCABULARY], piece[TOKENS], piece[STOPS] = words, tokens + tokens_apart, stops
            piece[SENTENCE], piece[STRETCH] = sentence, stretch
            piece[LOREM], piece[FOLDED] = lorem, folded
            if length <= LONGEST and not bits_from(sets, odd + place) & low_bits(length):
                add_ascii_piece(data, at, place, length, tables, want, scratch, counts)
                if visible < 0:
                    visible = at
                visible_end = at + length
            else:
                # White space beyond ASCII may stand in it.
                stop = start + next_bit(sets, spaces, place, end - start)
                while at < stop:
                    if _is_space(data, at, index, flags):
                        at += width(data[at])
                        continue
                    if visible < 0:
                        visible = at
                    at = add_piece(data, at, stop, tables, want, scratch, counts)
                    visible_end = at
            if paragraph_begin < 0:
                paragraph_begin = visible
            words, tokens_apart, stops = piece[VOCABULARY], piece[TOKENS] - tokens, piece[STOPS]
            sentence, stretch = piece[SENTENCE], piece[STRETCH]
            lorem, folded = piece[LOREM], piece[FOLDED]
            words_apart += words
            folded_apart += folded
        capitals += set_bits(load(sets, (capitals_of >> 3) + block * 8))
        digits += set_bits(load(sets, (digits_of >> 3) + block * 8))
        inner_bytes += set_bits(load(sets, (inner >> 3) + block * 8))

    if paragraph_begin >= 0:
        paragraphs_of[paragraphs, 0] = paragraph_begin
        paragraphs_of[paragraphs, 1] = text_end
        paragraphs += 1
    simple = words - words_apart
    tokens = simple + simple_marks + tokens_apart
    counts[_LINES] += line_count
    sums[_UPPERCASE] += uppercase_sum
    sums[_NUMERIC] += numeric_sum
    counts[_SENTENCES] += sentences + (sentence & BEGUN)
    counts[_SPLIT_SENTENCES] += split_sentences
    counts[_RAW_WORDS] += simple + simple_marks
    counts[_RAW_ALPHABETIC] += simple
    counts[_RAW_CAPITALS] += capital_words
    counts[_RAW_STOP_WORDS] += stop_words_seen
    counts[_WORDS] = words
    counts[_WORD_CHARACTERS] = folded
    if want & WANT_TOKENS:
        counts[_TOKEN_WORDS] += simple
        counts[_TOKEN_WORD_CHARACTERS] += folded - folded_apart
        counts[_TOKEN_ALPHABETIC] += simple
        counts[_TOKENS] = tokens
        counts[_TOKEN_STOP_WORDS] += set_bits(np.uint64(stops))
    if want & WANT_SYLLABLES:
        counts[_READING_WORDS] += simple
        counts[_READING_LETTERS] += folded - folded_apart
        counts[_SYLLABLES] += syllables
    return words, tokens, lines, paragraphs


@compiled_within()
def _is_space(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    index: Int32[np.ndarray, " blocks"],
    flags: UInt32[np.ndarray, " values"],
) -> bool:
    return class_of(index, flags, decoded(data, at)) & SPACE != 0


@compiled_within()
def _visible_end(
    data: UInt8[np.ndarray, " bytes"],
    start: int,
    end: int,
    index: Int32[np.ndarray, " blocks"],
    flags: UInt32[np.ndarray, " values"],
) -> int:
    """Behind the last character that is not white space."""
    while end > start:
        at = end - 1
        while data[at] & 0xC0 == 0x80:
            at -= 1
        if not _is_space(data, at, index, flags):
            break
        end = at
    return end
