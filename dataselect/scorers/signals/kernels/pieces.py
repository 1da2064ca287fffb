"""One piece of text between white space, by every definition of a word."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, UInt8

from dataselect.scorers.signals.kernels.gopher_words import add_gopher_words
from dataselect.scorers.signals.kernels.hashing import hash_codes
from dataselect.scorers.signals.kernels.known_words import IPSUM, JAVASCRIPT, LOREM_LETTERS
from dataselect.scorers.signals.kernels.normalised import normalise
from dataselect.scorers.signals.kernels.quantities import COUNTS
from dataselect.scorers.signals.kernels.raw_words import (
    count_ellipses,
    count_raw_words,
    split_sentences,
)
from dataselect.scorers.signals.kernels.reading import count_reading_words
from dataselect.scorers.signals.kernels.scratch import (
    FOLDED,
    LOREM,
    NUMERIC_CHARACTERS,
    SENTENCE,
    STRETCH,
    TOKENS,
    UPPERCASE,
    VOCABULARY,
    Scratch,
)
from dataselect.scorers.signals.kernels.sentences import sentence_state
from dataselect.scorers.signals.kernels.unicode_tables import (
    NONASCII,
    NUMERIC,
    SPACE,
    SYMBOL,
    WORD,
    Tables,
    class_of,
)
from dataselect.scorers.signals.kernels.utf8 import decoded, width
from dataselect.scorers.signals.kernels.wants import WANT_SYLLABLES, WANT_TOKENS
from zerocost.compiled import compiled_within

__all__ = ["add_piece"]

_LETTERS = COUNTS.index("letters")
_LOWERCASE = COUNTS.index("lowercase")
_UNSPACED = COUNTS.index("unspaced_letters")
_LOREM_IPSUM = COUNTS.index("lorem_ipsum")
_SPLIT_SENTENCES = COUNTS.index("split_sentences")
_JAVASCRIPT_LINES = COUNTS.index("lines_javascript")


@compiled_within()
def add_piece(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    end: int,
    tables: Tables,
    want: int,
    scratch: Scratch,
    counts: Int64[np.ndarray, " counts"],
) -> int:
    """Count a piece of text, up to the next white space, but for what `find_places` has counted.

    Args:
        data: bytes, valid UTF-8.
        at: first byte of the piece.
        end: behind the last byte of the document.
        tables: of Unicode and stop words.
        want: bits of what is asked for.
        scratch: memory, with the words so far and the state between pieces.
        counts: of the document; added to.

    Returns:
        Behind the last byte.
    """
    ascii, index, flags_of = tables.ascii, tables.index, tables.flags
    codes, classes, piece = scratch.codes, scratch.classes, scratch.piece
    length = letters = unspaced = uppercase = lowercase = ends = 0
    seen = np.int64(0)
    while at < end:
        code = np.int64(data[at])
        size = 1
        if code < 0x80:
            flags = np.int64(ascii[code])
        else:
            code = decoded(data, at)
            size = width(data[at])
            flags = class_of(index, flags_of, code)
        if flags & SPACE:
            break
        codes[length] = code
        classes[length] = flags
        length += 1
        at += size
        seen |= flags
        ends += (flags >> 9) & 1
        if code >= 0x80:
            letters += (flags >> 3) & 1
            uppercase += (flags >> 5) & 1
            lowercase += (flags >> 6) & 1
            unspaced += (flags >> 11) & 1
    counts[_LETTERS] += letters
    counts[_UNSPACED] += unspaced
    counts[_LOWERCASE] += lowercase
    piece[UPPERCASE] += uppercase

    if seen & SYMBOL or ends > 2:
        count_ellipses(codes, length, counts)
    count_raw_words(codes, classes, length, tables.stop_words, counts)
    if ends > 0:
        piece[STRETCH] = split_sentences(classes, length, piece[STRETCH], counts)
    elif seen & WORD and not piece[STRETCH]:
        piece[STRETCH] = 1
        counts[_SPLIT_SENTENCES] += 1
    piece[SENTENCE] = sentence_state(codes, classes, length, seen, piece[SENTENCE], counts)

    folded = scratch.folded
    n = normalise(codes, classes, length, seen, tables, folded, scratch.spare)
    if n > 0:
        normal = hash_codes(folded, 0, n)
        words = piece[VOCABULARY]
        scratch.words[words] = normal
        scratch.word_lengths[words] = n
        piece[VOCABULARY] = words + 1
        piece[FOLDED] += n
        if seen & NUMERIC and seen & NONASCII:
            for k in range(n):
                if folded[k] >= 0x80:
                    numeric = class_of(index, flags_of, np.int64(folded[k])) & NUMERIC
                    piece[NUMERIC_CHARACTERS] += numeric != 0
        counts[_JAVASCRIPT_LINES] += normal == JAVASCRIPT
        if piece[LOREM] and n >= 5:
            counts[_LOREM_IPSUM] += _stands(folded, 0, IPSUM)
        piece[LOREM] = n >= 5 and _stands(folded, n - 5, LOREM_LETTERS)
    if want & WANT_TOKENS:
        piece[TOKENS] = add_gopher_words(
            codes,
            classes,
            length,
            tables,
            want,
            scratch.tokens,
            scratch.token_lengths,
            piece,
            counts,
        )
    if want & WANT_SYLLABLES and seen & 8:
        count_reading_words(codes, classes, length, tables, scratch.joined, counts)
    return at


@compiled_within()
def _stands(text: np.ndarray, at: int, word: UInt8[np.ndarray, " letters"]) -> bool:
    """Whether a word stands at a place."""
    for k in range(word.shape[0]):
        if text[at + k] != word[k]:
            return False
    return True
