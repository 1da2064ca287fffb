"""The one pass over a document: pieces of text between white space, and the lines they stand in."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from dataselect.scorers.signals.kernels.ascii_pieces import LONGEST, add_ascii_piece
from dataselect.scorers.signals.kernels.blocks import (
    CAPITALS,
    DIGITS,
    INNER,
    NEWLINES,
    ODD,
    find_pieces,
    find_places,
    set_at,
)
from dataselect.scorers.signals.kernels.eight import (
    bits_between,
    bits_from,
    get,
    low_bits,
    next_bit,
    set_bits,
)
from dataselect.scorers.signals.kernels.lines import count_full_line
from dataselect.scorers.signals.kernels.pieces import add_piece
from dataselect.scorers.signals.kernels.quantities import COUNTS, SUMS
from dataselect.scorers.signals.kernels.scratch import (
    FOLDED,
    NUMERIC_CHARACTERS,
    SENTENCE,
    STOPS,
    TOKENS,
    UPPERCASE,
    VOCABULARY,
    Scratch,
)
from dataselect.scorers.signals.kernels.sentences import BEGUN
from dataselect.scorers.signals.kernels.simple_pieces import (
    add_simple_pieces,
    count_simple_pieces,
    ends_before,
    find_simple_pieces,
)
from dataselect.scorers.signals.kernels.unicode_tables import Tables
from dataselect.scorers.signals.kernels.utf8 import width
from dataselect.scorers.signals.kernels.visible import is_space, visible_end
from dataselect.scorers.signals.kernels.wants import WANT_C4, WANT_TOKENS
from zerocost.compiled import compiled_within

__all__ = ["scan"]

_WORDS = COUNTS.index("words")
_WORD_CHARACTERS = COUNTS.index("word_characters")
_TOKENS = COUNTS.index("tokens")
_TOKEN_STOP_WORDS = COUNTS.index("token_stop_words")
_SENTENCES = COUNTS.index("sentences")
_LINES = COUNTS.index("lines")
_UPPERCASE = SUMS.index("line_uppercase")
_NUMERIC = SUMS.index("line_numeric")


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

    Line by line, and in each line from piece to piece. Most pieces are simple; `add_ascii_piece`
    and `add_piece` take the others through each definition of a word. What is counted by character
    comes from the sets of `find_places`.

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
    length = end - start
    find_places(data, start, end, want, scratch, counts)
    find_pieces(length, scratch)
    find_simple_pieces(data, start, scratch)
    index, flags = tables.index, tables.flags
    sets, begins, ends, piece = scratch.sets, scratch.begins, scratch.ends, scratch.piece
    newlines, odd = set_at(NEWLINES, scratch), set_at(ODD, scratch)
    capitals, digits = set_at(CAPITALS, scratch), set_at(DIGITS, scratch)
    inner = set_at(INNER, scratch)
    lines_of, paragraphs_of, visible_of = scratch.lines, scratch.paragraphs, scratch.visible
    piece[:] = 0
    lines = paragraphs = line_count = gap = k = 0
    uppercase_sum = numeric_sum = 0.0
    paragraph_begin = seen_end = -1
    text_end = visible_end(data, start, end, index, flags)

    line = 0
    while True:
        newline = next_bit(sets, newlines, line, length + 1)
        if newline > length:
            break
        words_before, folded_before = piece[VOCABULARY], piece[FOLDED]
        capitals_before, digits_before = piece[UPPERCASE], piece[NUMERIC_CHARACTERS]
        visible = spoken = -1  # sentences counted up to the line's first word
        is_sure = True
        while get(begins, k) < newline:
            first = k
            before = counts[_SENTENCES] + ends_before(k, scratch)
            k = add_simple_pieces(data, start, k, newline, tables, want, scratch, counts)
            if k > first:
                if visible < 0:
                    visible = start + np.int64(get(begins, first))
                if spoken < 0:
                    spoken = before
                seen_end = start + np.int64(get(ends, k - 1))
                continue
            place, beyond = np.int64(get(begins, k)), np.int64(get(ends, k))
            size = beyond - place
            at, stop = start + place, start + beyond
            if size <= LONGEST and not bits_from(sets, odd + place) & low_bits(size):
                add_ascii_piece(data, at, place, size, tables, want, scratch, counts)
                if visible < 0:
                    visible = at
                if spoken < 0 and piece[VOCABULARY] > words_before:
                    spoken = counts[_SENTENCES]
                seen_end = stop
            else:
                is_sure &= spoken >= 0
                while at < stop:  # white space beyond ASCII may stand in it
                    if is_space(data, at, index, flags):
                        at += width(data[at])
                        continue
                    if visible < 0:
                        visible = at
                    at = add_piece(data, at, stop, tables, want, scratch, counts)
                    seen_end = at
            k += 1

        at = start + newline
        is_real = np.int64(newline < length)
        characters = newline - line
        if scratch.found[INNER]:
            characters -= bits_between(sets, inner, line, newline)
        line_count += 1
        upper = piece[UPPERCASE] - capitals_before + bits_between(sets, capitals, line, newline)
        uppercase_sum += upper / (characters + is_real)
        words = piece[VOCABULARY] - words_before
        if words > 0:
            numeric = piece[NUMERIC_CHARACTERS] - digits_before
            numeric += bits_between(sets, digits, line, newline)
            numeric_sum += numeric / (piece[FOLDED] - folded_before + words - 1)
        if visible >= 0:
            count_full_line(data, visible, seen_end, characters, index, flags, counts)
            lines_of[lines, 0], lines_of[lines, 1] = start + line, at
            if want & WANT_C4:
                visible_of[lines, 0], visible_of[lines, 1] = visible, seen_end
                # Before a line's first word nothing ends where the line stands by itself, and
                # behind it nothing depends on what was before the line.
                ended = counts[_SENTENCES] - spoken + (piece[SENTENCE] & BEGUN)
                visible_of[lines, 2] = (ended if spoken >= 0 else 0) if is_sure else -1
            lines += 1
            if paragraph_begin < 0:
                paragraph_begin = visible
        gap = 1 if newline > line else gap + 1
        if is_real and gap >= 2 and at < text_end:
            if gap == 2:
                counts[_SENTENCES] += piece[SENTENCE] & BEGUN
                piece[SENTENCE] = 0
                if paragraph_begin >= 0:
                    paragraphs_of[paragraphs, 0] = paragraph_begin
                    paragraphs_of[paragraphs, 1] = at - 1
                    paragraphs += 1
            if paragraph_begin >= 0:
                paragraph_begin = at + 1
        line = newline + 1

    if paragraph_begin >= 0:
        paragraphs_of[paragraphs, 0] = paragraph_begin
        paragraphs_of[paragraphs, 1] = text_end
        paragraphs += 1
    words, tokens = piece[VOCABULARY], piece[TOKENS]
    counts[_LINES] += line_count
    sums[_UPPERCASE] += uppercase_sum
    sums[_NUMERIC] += numeric_sum
    counts[_SENTENCES] += piece[SENTENCE] & BEGUN
    counts[_WORDS] = words
    counts[_WORD_CHARACTERS] = piece[FOLDED]
    count_simple_pieces(piece, want, counts)
    if want & WANT_TOKENS:
        counts[_TOKENS] = tokens
        counts[_TOKEN_STOP_WORDS] += set_bits(np.uint64(piece[STOPS]))
    return words, tokens, lines, paragraphs
