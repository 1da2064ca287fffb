"""The one pass over a document: pieces of text between white space, and the lines they stand in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int32, Int64, UInt8, UInt16, UInt64

from dataselect.scorers.signals.gopher_words import add_gopher_words, stop_word_bit
from dataselect.scorers.signals.hashing import PRIME, SEED, hash_of, mixed
from dataselect.scorers.signals.lines import (
    CHARACTERS,
    FIRST,
    FOLDED,
    LAST,
    LINE_STATE,
    NUMERIC_CHARACTERS,
    UPPERCASE,
    WORDS,
    begin_line,
    end_line,
)
from dataselect.scorers.signals.normalised import class_of, normalise
from dataselect.scorers.signals.quantities import COUNTS
from dataselect.scorers.signals.raw_words import (
    count_raw_words,
    count_split_sentences,
    count_symbols,
    is_member,
)
from dataselect.scorers.signals.reading import count_reading_words
from dataselect.scorers.signals.sentences import BEGUN, ENDING, add_piece
from dataselect.scorers.signals.syllables import syllables
from dataselect.scorers.signals.unicode_tables import (
    END,
    LETTER,
    LOWER,
    NUMERIC,
    PUNCTUATION,
    SPACE,
    UNSPACED,
    UPPER,
    UnicodeTables,
)
from dataselect.scorers.signals.utf8 import decoded, width
from zerocost.compiled import compiled

__all__ = ["WANT_SYLLABLES", "WANT_TOKENS", "Scratch", "room_for", "scan"]

WANT_TOKENS, WANT_SYLLABLES = 1, 2

_CHARACTERS = COUNTS.index("characters")
_LETTERS = COUNTS.index("letters")
_ASCII_LETTERS = COUNTS.index("ascii_letters")
_UNSPACED = COUNTS.index("unspaced_letters")
_NEWLINES = COUNTS.index("newlines")
_RAW_WORDS = COUNTS.index("raw_words")
_RAW_ALPHABETIC = COUNTS.index("raw_alphabetic")
_RAW_CAPITALS = COUNTS.index("raw_capitals")
_RAW_STOP_WORDS = COUNTS.index("raw_stop_words")
_WORDS = COUNTS.index("words")
_WORD_CHARACTERS = COUNTS.index("word_characters")
_LOREM_IPSUM = COUNTS.index("lorem_ipsum")
_TOKENS = COUNTS.index("tokens")
_TOKEN_WORDS = COUNTS.index("token_words")
_TOKEN_WORD_CHARACTERS = COUNTS.index("token_word_characters")
_TOKEN_ALPHABETIC = COUNTS.index("token_alphabetic")
_TOKEN_STOP_WORDS = COUNTS.index("token_stop_words")
_SPLIT_SENTENCES = COUNTS.index("split_sentences")
_SENTENCES = COUNTS.index("sentences")
_JAVASCRIPT_LINES = COUNTS.index("lines_javascript")
_READING_WORDS = COUNTS.index("reading_words")
_READING_LETTERS = COUNTS.index("reading_letters")
_SYLLABLES = COUNTS.index("syllables")

_JAVASCRIPT = np.uint64(hash_of("javascript"))
_LONGEST_STOP_WORD, _LONGEST_GOPHER_STOP_WORD, _LONGEST_ABBREVIATION = 13, 4, 4
_NEWLINE, _FULL_STOP = ord("\n"), ord(".")
_LOREM, _IPSUM = np.frombuffer(b"lorem", np.uint8), np.frombuffer(b"ipsum", np.uint8)
_TRAILING = np.zeros(128, np.bool_)
_TRAILING[[ord(mark) for mark in ",.;:!?"]] = True


class Scratch(NamedTuple):
    """Memory that documents take in turns. Only what a document needs of it is ever touched.

    Attributes:
        codes: code points of a piece.
        classes: their flags.
        folded: code points of the piece normalised.
        line: state of a line.
        words: hashes of the normalised words.
        word_lengths: their code points.
        tokens: hashes of Gopher's words.
        token_lengths: their code points.
        lines: hashes of the lines that are not blank.
        line_lengths: their code points.
        paragraphs: hashes of the paragraphs.
        paragraph_lengths: their code points.
    """

    codes: np.ndarray
    classes: np.ndarray
    folded: np.ndarray
    line: np.ndarray
    words: np.ndarray
    word_lengths: np.ndarray
    tokens: np.ndarray
    token_lengths: np.ndarray
    lines: np.ndarray
    line_lengths: np.ndarray
    paragraphs: np.ndarray
    paragraph_lengths: np.ndarray


@compiled
def room_for(size: int) -> Scratch:
    """Memory for documents of up to so many bytes."""
    half = size // 2 + 2
    return Scratch(
        np.empty(size + 2, np.int32),
        np.empty(size + 2, np.uint16),
        np.empty(2 * size + 8, np.int32),
        np.empty(LINE_STATE, np.int64),
        np.empty(half, np.uint64),
        np.empty(half, np.int32),
        np.empty(size + 2, np.uint64),
        np.empty(size + 2, np.int32),
        np.empty(half, np.uint64),
        np.empty(half, np.int64),
        np.empty(half, np.uint64),
        np.empty(half, np.int64),
    )


@compiled
def scan(
    data: UInt8[np.ndarray, " bytes"],
    start: int,
    end: int,
    tables: UnicodeTables,
    stop_words: UInt64[np.ndarray, " slots"],
    want: int,
    scratch: Scratch,
    counts: Int64[np.ndarray, " counts"],
    sums: Float64[np.ndarray, " sums"],
) -> tuple[int, int, int, int]:
    """Count everything that needs no table of what was seen before.

    Most pieces are ASCII letters with or without one mark behind them: for these all definitions
    of a word agree, and they are counted on the spot. The others go through each definition.

    Args:
        data: bytes.
        start: first byte of the document, which is valid UTF-8.
        end: behind its last byte.
        tables: of Unicode.
        stop_words: hashes, in a table to look up.
        want: bits of what is asked for beyond the rest.
        scratch: memory; left with the document's words, lines and paragraphs.
        counts: of the document; added to.
        sums: of the document; added to.

    Returns:
        How many words, Gopher words, lines that are not blank and paragraphs are in the scratch.
    """
    # Locals, because reading a field of a tuple counts a reference, atomically, each time.
    ascii, index, classes_of = tables.ascii, tables.index, tables.flags
    line, all_codes, all_classes = scratch.line, scratch.codes, scratch.classes
    all_folded = scratch.folded
    word_hashes, word_lengths = scratch.words, scratch.word_lengths
    token_hashes, token_lengths = scratch.tokens, scratch.token_lengths
    line_hashes, line_lengths = scratch.lines, scratch.line_lengths
    paragraph_hashes, paragraph_lengths = scratch.paragraphs, scratch.paragraph_lengths
    begin_line(line)
    text_end = _visible_end(data, start, end, index, classes_of)
    words = tokens = lines = paragraphs = 0
    stops = 0
    sentence = 0
    stretch = False  # a stretch between . ! ? has had its word character
    lorem = False
    line_hash = SEED
    paragraph_hash = SEED
    paragraph_length = 0
    gap = 0  # newlines in a row
    at = start
    while at < end:
        # White space, a character at a time.
        code = np.int64(data[at])
        size = 1
        if code < 0x80:
            flags = np.int64(ascii[code])
        else:
            code = decoded(data, at)
            size = width(data[at])
            flags = class_of(index, classes_of, code)
        if flags & SPACE:
            counts[_CHARACTERS] += 1
            line[CHARACTERS] += 1
            if code == _NEWLINE:
                counts[_NEWLINES] += 1
                if line[FIRST] >= 0:
                    line_hashes[lines] = mixed(line_hash)
                    line_lengths[lines] = line[CHARACTERS] - 1
                    lines += 1
                end_line(data, index, classes_of, line, 1, counts, sums)
                line_hash = SEED
                gap += 1
                if gap == 2 and paragraph_length > 0 and at < text_end:
                    paragraph_hashes[paragraphs] = mixed(paragraph_hash)
                    paragraph_lengths[paragraphs] = paragraph_length
                    paragraphs += 1
                    paragraph_hash = SEED
                    paragraph_length = 0
                if gap == 2 and sentence & BEGUN:
                    counts[_SENTENCES] += 1
                    sentence = 0
            else:
                line_hash = (line_hash ^ np.uint64(code)) * PRIME
                if at < text_end and (paragraph_length > 0 or paragraphs > 0):
                    if gap == 1:
                        paragraph_hash = (paragraph_hash ^ np.uint64(_NEWLINE)) * PRIME
                        paragraph_length += 1
                    paragraph_hash = (paragraph_hash ^ np.uint64(code)) * PRIME
                    paragraph_length += 1
                gap = 0
            at += size
            continue

        # A piece: its hash with every character, and its hash as a normalised ASCII word.
        first = at
        value = before = plain = SEED
        seen = np.int64(0)
        letters = ascii_letters = uppercase = unspaced = length = 0
        while at < end:
            code = np.int64(data[at])
            if code < 0x80:
                flags = np.int64(ascii[code])
                if flags & SPACE:
                    break
                ascii_letters += (flags >> 4) & 1
                if not flags & PUNCTUATION:
                    plain = (plain ^ np.uint64(code | (flags & UPPER))) * PRIME
                at += 1
            else:
                code = decoded(data, at)
                flags = class_of(index, classes_of, code)
                if flags & SPACE:
                    break
                letters += (flags >> 3) & 1
                unspaced += (flags >> 11) & 1
                at += width(data[at])
            before = value
            value = (value ^ np.uint64(code)) * PRIME
            uppercase += (flags >> 5) & 1
            seen |= flags
            length += 1
        letters += ascii_letters
        counts[_CHARACTERS] += length
        counts[_LETTERS] += letters
        counts[_ASCII_LETTERS] += ascii_letters
        counts[_UNSPACED] += unspaced
        if line[FIRST] < 0:
            line[FIRST] = first
        line[LAST] = at
        line[CHARACTERS] += length
        line[UPPERCASE] += uppercase
        whole = mixed(value)
        line_hash = (line_hash ^ whole) * PRIME
        if gap == 1 and paragraph_length > 0:
            paragraph_hash = (paragraph_hash ^ np.uint64(_NEWLINE)) * PRIME
            paragraph_length += 1
        gap = 0
        paragraph_hash = (paragraph_hash ^ whole) * PRIME
        paragraph_length += length

        mark = np.int64(data[at - 1]) if ascii_letters == length - 1 else 0
        simple = ascii_letters == length or (
            ascii_letters > 0
            and 0 < mark < 0x80
            and _TRAILING[mark]
            and (mark != _FULL_STOP or ascii_letters > _LONGEST_ABBREVIATION)
        )
        if simple:
            trailing = length - ascii_letters
            if trailing == 0:
                before = value
            word = mixed(before)
            counts[_RAW_WORDS] += length - ascii_letters + 1
            counts[_RAW_ALPHABETIC] += 1
            if uppercase == 0:
                if ascii_letters <= _LONGEST_STOP_WORD and is_member(word, stop_words):
                    counts[_RAW_STOP_WORDS] += 1
            elif uppercase == ascii_letters:
                counts[_RAW_CAPITALS] += 1
            if not stretch:
                counts[_SPLIT_SENTENCES] += 1
                stretch = True
            if sentence & ENDING and uppercase > 0 and ascii[data[first]] & UPPER:
                counts[_SENTENCES] += 1
            sentence = BEGUN
            if trailing and ascii[mark] & END:
                stretch = False
                sentence |= ENDING
            normal = mixed(plain)
            word_hashes[words] = normal
            word_lengths[words] = ascii_letters
            words += 1
            line[FOLDED] += ascii_letters
            line[WORDS] += 1
            if normal == _JAVASCRIPT:
                counts[_JAVASCRIPT_LINES] += 1
            if ascii_letters >= 5:
                if lorem and _same(data, first, _IPSUM):
                    counts[_LOREM_IPSUM] += 1
                lorem = _same(data, at - trailing - 5, _LOREM)
            else:
                lorem = False
            if want & WANT_TOKENS:
                token_hashes[tokens] = word
                token_lengths[tokens] = ascii_letters
                tokens += 1
                counts[_TOKEN_WORDS] += 1
                counts[_TOKEN_WORD_CHARACTERS] += ascii_letters
                counts[_TOKEN_ALPHABETIC] += 1
                if uppercase == 0 and ascii_letters <= _LONGEST_GOPHER_STOP_WORD:
                    stops |= stop_word_bit(word)
                if trailing:
                    token_hashes[tokens] = mixed((SEED ^ np.uint64(mark)) * PRIME)
                    token_lengths[tokens] = 1
                    tokens += 1
            if want & WANT_SYLLABLES:
                counts[_READING_WORDS] += 1
                counts[_READING_LETTERS] += ascii_letters
                counts[_SYLLABLES] += syllables(data, first, at - trailing)
            continue

        # Any other piece.
        k = first
        for i in range(length):
            all_codes[i] = decoded(data, k)
            all_classes[i] = class_of(index, classes_of, all_codes[i])
            k += width(data[k])
        codes, classes = all_codes[:length], all_classes[:length]
        count_symbols(codes, counts)
        count_raw_words(codes, classes, stop_words, counts)
        stretch = count_split_sentences(classes, stretch, counts)
        sentence = add_piece(codes, classes, sentence, counts)
        n = normalise(codes, classes, tables, all_folded)
        if n > 0:
            folded = all_folded[:n]
            value = SEED
            numeric = 0
            for code in folded:
                value = (value ^ np.uint64(code)) * PRIME
                numeric += class_of(index, classes_of, code) & NUMERIC != 0
            normal = mixed(value)
            word_hashes[words] = normal
            word_lengths[words] = n
            words += 1
            line[FOLDED] += n
            line[WORDS] += 1
            line[NUMERIC_CHARACTERS] += numeric
            if normal == _JAVASCRIPT:
                counts[_JAVASCRIPT_LINES] += 1
            if lorem and n >= 5 and _same(folded, 0, _IPSUM):
                counts[_LOREM_IPSUM] += 1
            lorem = n >= 5 and _same(folded, n - 5, _LOREM)
        if want & WANT_TOKENS:
            tokens, stops = add_gopher_words(
                codes, classes, counts, token_hashes, token_lengths, tokens, stops
            )
        if want & WANT_SYLLABLES:
            count_reading_words(codes, classes, tables, counts)

    if line[CHARACTERS] > 0:
        if line[FIRST] >= 0:
            line_hashes[lines] = mixed(line_hash)
            line_lengths[lines] = line[CHARACTERS]
            lines += 1
        end_line(data, index, classes_of, line, 0, counts, sums)
    if paragraph_length > 0:
        paragraph_hashes[paragraphs] = mixed(paragraph_hash)
        paragraph_lengths[paragraphs] = paragraph_length
        paragraphs += 1
    if sentence & BEGUN:
        counts[_SENTENCES] += 1
    counts[_WORDS] = words
    for k in range(words):
        counts[_WORD_CHARACTERS] += word_lengths[k]
    counts[_TOKENS] = tokens
    while stops:
        stops &= stops - 1
        counts[_TOKEN_STOP_WORDS] += 1
    return words, tokens, lines, paragraphs


@compiled
def _visible_end(
    data: UInt8[np.ndarray, " bytes"],
    start: int,
    end: int,
    index: Int32[np.ndarray, " blocks"],
    classes_of: UInt16[np.ndarray, " values"],
) -> int:
    """Behind the last character that is not white space."""
    while end > start:
        at = end - 1
        while data[at] & 0xC0 == 0x80:
            at -= 1
        if not class_of(index, classes_of, decoded(data, at)) & SPACE:
            break
        end = at
    return end


@compiled
def _same(text: np.ndarray, at: int, word: UInt8[np.ndarray, " letters"]) -> bool:
    """Whether a lower-case ASCII word stands at a place, in either case."""
    for k in range(word.shape[0]):
        if text[at + k] | 32 != word[k]:
            return False
    return True
