"""The words of a document as bytes, one space between them: what cryptographic hashes read."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, UInt8

from dataselect.scorers.signals.kernels.unicode_tables import SPACE, WORD, class_of
from dataselect.scorers.signals.kernels.utf8 import decoded, width
from dataselect.scorers.wordpunct.lowering import DOT_ABOVE, DOTTED_I, Lowering, lowered
from zerocost.compiled import compiled_within

__all__ = ["spell_words"]

_KIND = SPACE | WORD
_NONE = -1


@compiled_within(inline=False)
def spell_words(
    text: UInt8[np.ndarray, " bytes"],
    start: int,
    end: int,
    tables: Lowering,
    letters: UInt8[np.ndarray, " room"],
    places: Int64[np.ndarray, " words"],
) -> int:
    """The matches of ``\\w+|[^\\w\\s]+`` in the lower case of a document, as UTF-8.

    Args:
        text: valid UTF-8.
        start: of the document.
        end: behind its last byte.
        tables: of Unicode.
        letters: written: the words with one space between them; three times as long as the
            document and 8 more (the lower case of a character is at the most half as long again).
        places: written: word k is ``letters[places[k]:places[k + 1] - 1]``; as long as the
            document and 2 more.

    Returns:
        How many words there are.
    """
    words = 0
    size = 0
    kind = np.int64(_NONE)
    at = start
    while at < end:
        code = decoded(text, at)
        if code == DOTTED_I:
            if kind != WORD:
                size, words = _parted(letters, places, size, words)
            size = _encoded(ord("i"), letters, size)
            size, words = _parted(letters, places, size, words)
            size = _encoded(DOT_ABOVE, letters, size)
            kind = np.int64(0)
        else:
            small = lowered(text, start, at, end, code, tables)
            now = class_of(tables.index, tables.flags, small) & _KIND
            if now & SPACE:
                kind = np.int64(_NONE)
            else:
                if now != kind:
                    size, words = _parted(letters, places, size, words)
                    kind = now
                size = _encoded(small, letters, size)
        at += width(text[at])
    places[words] = size + 1
    return words


@compiled_within()
def _parted(
    letters: UInt8[np.ndarray, " room"], places: Int64[np.ndarray, " words"], size: int, words: int
) -> tuple[int, int]:
    """Begin the next word."""
    if words > 0:
        letters[size] = ord(" ")
        size += 1
    places[words] = size
    return size, words + 1


@compiled_within()
def _encoded(code: int, letters: UInt8[np.ndarray, " room"], size: int) -> int:
    if code < 0x80:
        letters[size] = code
        return size + 1
    if code < 0x800:
        letters[size] = 0xC0 | code >> 6
        letters[size + 1] = 0x80 | code & 0x3F
        return size + 2
    if code < 0x10000:
        letters[size] = 0xE0 | code >> 12
        letters[size + 1] = 0x80 | code >> 6 & 0x3F
        letters[size + 2] = 0x80 | code & 0x3F
        return size + 3
    letters[size] = 0xF0 | code >> 18
    letters[size + 1] = 0x80 | code >> 12 & 0x3F
    letters[size + 2] = 0x80 | code >> 6 & 0x3F
    letters[size + 3] = 0x80 | code & 0x3F
    return size + 4
