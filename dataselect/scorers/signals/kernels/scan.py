"""The one pass over a document: pieces of text between white space, and the lines they stand in."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int32, Int64, UInt8, UInt32

from dataselect.scorers.signals.kernels.eight import (
    lane_count,
    letters_of,
    load,
    low_lanes,
    trailing_lanes,
)
from dataselect.scorers.signals.kernels.hashing import PRIME, SEED, hash_of, mixed, stirred
from dataselect.scorers.signals.kernels.lines import (
    CHARACTERS,
    FIRST,
    FOLDED,
    LAST,
    UPPERCASE,
    WORDS,
    begin_line,
    end_line,
)
from dataselect.scorers.signals.kernels.pieces import add_piece
from dataselect.scorers.signals.kernels.quantities import COUNTS
from dataselect.scorers.signals.kernels.scratch import (
    LOREM,
    SENTENCE,
    SPOKEN_BITS,
    STOPS,
    STRETCH,
    TOKENS,
    VOCABULARY,
    Scratch,
)
from dataselect.scorers.signals.kernels.sentences import BEGUN, ENDING, is_abbreviation
from dataselect.scorers.signals.kernels.stop_words import find
from dataselect.scorers.signals.kernels.syllables import syllables
from dataselect.scorers.signals.kernels.unicode_tables import END, SPACE, Tables, class_of
from dataselect.scorers.signals.kernels.utf8 import decoded, width
from dataselect.scorers.signals.kernels.wants import WANT_SYLLABLES, WANT_TOKENS
from zerocost.compiled import compiled_within

__all__ = ["scan"]

_ASCII_LETTERS = COUNTS.index("ascii_letters")
_LETTERS = COUNTS.index("letters")
_LOWERCASE = COUNTS.index("lowercase")
_NEWLINES = COUNTS.index("newlines")
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
_JAVASCRIPT_LINES = COUNTS.index("lines_javascript")
_LOREM_IPSUM = COUNTS.index("lorem_ipsum")
_READING_WORDS = COUNTS.index("reading_words")
_READING_LETTERS = COUNTS.index("reading_letters")
_SYLLABLES = COUNTS.index("syllables")

_JAVASCRIPT, _JAVASCRIPT_LENGTH = np.uint64(hash_of("javascript")), len("javascript")
_SPOKEN_SHIFT = np.uint64(64 - SPOKEN_BITS)
_EIGHT, _LOW_BYTE = np.uint64(8), np.uint64(255)
_LONGEST_STOP_WORD = 13
_SPACE, _NEWLINE, _FULL_STOP, _M = ord(" "), ord("\n"), ord("."), ord("m")
_CASE = np.uint64(0x2020202020202020)
# One of these may stand behind a simple word: the hash of the mark as a word of its own, else 0.
_MARKS = np.zeros(128, np.uint64)
for _mark in ",.;:!?":
    _MARKS[ord(_mark)] = hash_of(_mark)
_LOREM, _IPSUM = np.frombuffer(b"lorem", np.uint8), np.frombuffer(b"ipsum", np.uint8)


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
    agree on these, and they are counted here, eight letters at a time; `add_piece` takes the
    others through each definition.

    Args:
        data: bytes; eight more than ``end`` can be read.
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
    # Locals, because reading an array from a tuple counts a reference, atomically, each time.
    ascii, index, flags_of = tables.ascii, tables.index, tables.flags
    stop_words, stop_bits = tables.stop_words, tables.stop_bits
    line, piece, spoken = scratch.line, scratch.piece, scratch.spoken
    word_hashes, word_lengths = scratch.words, scratch.word_lengths
    token_hashes, token_lengths = scratch.tokens, scratch.token_lengths
    line_hashes, line_lengths = scratch.lines, scratch.line_lengths
    paragraph_hashes, paragraph_lengths = scratch.paragraphs, scratch.paragraph_lengths
    piece[:] = 0
    begin_line(line)
    text_end = _visible_end(data, start, end, index, flags_of)
    lines = paragraphs = 0
    simple_words = simple_letters = simple_uppercase = simple_marks = 0
    line_hash = paragraph_hash = SEED
    line_space = paragraph_space = np.uint64(0)
    paragraph_length = pending = 0  # characters up to the last piece, and of white space behind it
    gap = 0  # newlines in a row
    at = start
    while at < end:
        # White space, a character at a time.
        code = np.int64(data[at])
        size = 1
        if code < 0x80:
            space = np.int64(ascii[code]) & SPACE
        else:
            code = decoded(data, at)
            size = width(data[at])
            space = class_of(index, flags_of, code) & SPACE
        if space:
            line[CHARACTERS] += 1
            if code == _NEWLINE:
                if line[FIRST] >= 0:
                    line_hashes[lines] = mixed(line_hash ^ line_space, 0)
                    line_lengths[lines] = line[CHARACTERS] - 1
                    lines += 1
                end_line(data, index, flags_of, line, 1, counts, sums)
                counts[_NEWLINES] += 1
                line_hash = SEED
                line_space = np.uint64(0)
                gap += 1
                if gap == 2:
                    if paragraph_length + pending > 0 and at < text_end:
                        paragraph_hashes[paragraphs] = mixed(paragraph_hash ^ paragraph_space, 0)
                        paragraph_lengths[paragraphs] = paragraph_length + pending
                        paragraphs += 1
                        paragraph_hash = SEED
                        paragraph_space = np.uint64(0)
                        paragraph_length = pending = 0
                    if piece[SENTENCE] & BEGUN:
                        counts[_SENTENCES] += 1
                    piece[SENTENCE] = 0
            else:
                line_space = (line_space ^ np.uint64(code)) * PRIME
                if paragraph_length > 0 or paragraphs > 0:
                    if gap == 1:
                        paragraph_space = (paragraph_space ^ np.uint64(_NEWLINE)) * PRIME
                        pending += 1
                    paragraph_space = (paragraph_space ^ np.uint64(code)) * PRIME
                    pending += 1
                gap = 0
            at += size
            continue

        # A piece begins. Its letters, eight at a time.
        first = at
        if line[FIRST] < 0:
            line[FIRST] = at
        if gap == 1 and paragraph_length > 0:
            paragraph_space = (paragraph_space ^ np.uint64(_NEWLINE)) * PRIME
            pending += 1
        gap = 0
        exact = folded = SEED
        letters = uppercase = 0
        lanes = lower = np.uint64(0)
        while True:
            lanes = load(data, at)
            mask = letters_of(lanes)
            here = min(trailing_lanes(mask), end - at)
            if here > 0:
                lanes = low_lanes(lanes, here)
                lower = low_lanes(lanes | _CASE, here)
                uppercase += lane_count(lanes ^ lower)
                exact = stirred(exact, lanes)
                folded = stirred(folded, lower)
                letters += here
                at += here
            if here < 8:
                break
        mark = np.uint64(0)
        simple = False
        if letters > 0:
            if at == end or data[at] == _SPACE:
                simple = True
            elif data[at] < 0x80:
                if np.int64(ascii[data[at]]) & SPACE:
                    simple = True
                elif at + 1 == end or (
                    data[at + 1] < 0x80 and np.int64(ascii[data[at + 1]]) & SPACE
                ):
                    mark = _MARKS[data[at]]
                    simple = mark != np.uint64(0)
        if simple:
            word = mixed(exact, letters)
            normal = word if uppercase == 0 else mixed(folded, letters)
            simple_words += 1
            simple_letters += letters
            stop = np.int64(-1)
            if uppercase == 0:
                if letters <= _LONGEST_STOP_WORD:
                    stop = find(word, stop_words)
                    counts[_RAW_STOP_WORDS] += stop >= 0
            else:
                simple_uppercase += uppercase
                counts[_RAW_CAPITALS] += uppercase == letters
                if piece[SENTENCE] & ENDING and data[first] < ord("a"):
                    counts[_SENTENCES] += 1
            if not piece[STRETCH]:
                counts[_SPLIT_SENTENCES] += 1
                piece[STRETCH] = 1
            piece[SENTENCE] = BEGUN
            words = piece[VOCABULARY]
            word_hashes[words] = normal
            word_lengths[words] = letters
            piece[VOCABULARY] = words + 1
            line[FOLDED] += letters
            line[WORDS] += 1
            if letters == _JAVASCRIPT_LENGTH and normal == _JAVASCRIPT:
                counts[_JAVASCRIPT_LINES] += 1
            if piece[LOREM]:
                piece[LOREM] = 0
                if letters >= 5 and _same(data, first, _IPSUM):
                    counts[_LOREM_IPSUM] += 1
            if letters >= 5 and data[at - 1] | 32 == _M:
                piece[LOREM] = _same(data, at - 5, _LOREM)
            if want & WANT_SYLLABLES:
                place = np.int64(normal >> _SPOKEN_SHIFT)
                known = spoken[place]
                if known >> _EIGHT != normal >> _EIGHT:
                    known = (normal >> _EIGHT << _EIGHT) | np.uint64(
                        syllables(data, first, letters)
                    )
                    spoken[place] = known
                counts[_SYLLABLES] += np.int64(known & _LOW_BYTE)
            if want & WANT_TOKENS:
                tokens = piece[TOKENS]
                token_hashes[tokens] = word
                token_lengths[tokens] = letters
                piece[TOKENS] = tokens + 1
                if stop >= 0:
                    piece[STOPS] |= np.int64(stop_bits[stop])
            length = letters
            whole = word
            if mark:
                simple_marks += 1
                length += 1
                whole = word ^ (mark >> np.uint64(1))
                if np.int64(ascii[data[at]]) & END:
                    piece[STRETCH] = 0
                    if data[at] != _FULL_STOP or not is_abbreviation(word, letters):
                        piece[SENTENCE] |= ENDING
                if want & WANT_TOKENS:
                    tokens = piece[TOKENS]
                    token_hashes[tokens] = mark
                    token_lengths[tokens] = 1
                    piece[TOKENS] = tokens + 1
                at += 1
        else:
            at, length, uppercase, whole = add_piece(
                data, first, end, tables, want, scratch, counts
            )
        line[LAST] = at
        line[CHARACTERS] += length
        line[UPPERCASE] += uppercase
        line_hash = ((line_hash + line_space) ^ whole) * PRIME
        line_hash ^= line_hash >> np.uint64(32)
        line_space = np.uint64(0)
        paragraph_hash = ((paragraph_hash + paragraph_space) ^ whole) * PRIME
        paragraph_hash ^= paragraph_hash >> np.uint64(32)
        paragraph_space = np.uint64(0)
        paragraph_length += pending + length
        pending = 0

    if line[CHARACTERS] > 0:
        if line[FIRST] >= 0:
            line_hashes[lines] = mixed(line_hash ^ line_space, 0)
            line_lengths[lines] = line[CHARACTERS]
            lines += 1
        end_line(data, index, flags_of, line, 0, counts, sums)
    if paragraph_length > 0:
        paragraph_hashes[paragraphs] = mixed(paragraph_hash, 0)
        paragraph_lengths[paragraphs] = paragraph_length
        paragraphs += 1
    counts[_SENTENCES] += piece[SENTENCE] & BEGUN
    counts[_LETTERS] += simple_letters
    counts[_ASCII_LETTERS] += simple_letters
    counts[_LOWERCASE] += simple_letters - simple_uppercase
    counts[_RAW_WORDS] += simple_words + simple_marks
    counts[_RAW_ALPHABETIC] += simple_words
    counts[_WORDS] = piece[VOCABULARY]
    counts[_WORD_CHARACTERS] += simple_letters
    if want & WANT_TOKENS:
        counts[_TOKEN_WORDS] += simple_words
        counts[_TOKEN_WORD_CHARACTERS] += simple_letters
        counts[_TOKEN_ALPHABETIC] += simple_words
        counts[_TOKENS] = piece[TOKENS]
        stops = piece[STOPS]
        while stops:
            stops &= stops - 1
            counts[_TOKEN_STOP_WORDS] += 1
    if want & WANT_SYLLABLES:
        counts[_READING_WORDS] += simple_words
        counts[_READING_LETTERS] += simple_letters
    return piece[VOCABULARY], piece[TOKENS], lines, paragraphs


@compiled_within()
def _visible_end(
    data: UInt8[np.ndarray, " bytes"],
    start: int,
    end: int,
    index: Int32[np.ndarray, " blocks"],
    flags_of: UInt32[np.ndarray, " values"],
) -> int:
    """Behind the last character that is not white space."""
    while end > start:
        at = end - 1
        while data[at] & 0xC0 == 0x80:
            at -= 1
        if not class_of(index, flags_of, decoded(data, at)) & SPACE:
            break
        end = at
    return end


@compiled_within()
def _same(text: UInt8[np.ndarray, " bytes"], at: int, word: UInt8[np.ndarray, " letters"]) -> bool:
    """Whether a lower-case ASCII word stands at a place, in either case."""
    for k in range(word.shape[0]):
        if text[at + k] | 32 != word[k]:
            return False
    return True
