"""C4's rules on lines: which lines they keep, and what is left of a document.

In the order of C4's code, a line, stripped, is dropped where a word is longer than 1,000
characters. Citation marks ("[12]", "[edit]", "[citation needed]") are removed from it. It is
dropped where it then does not end with . ? ! " or ', or ends with "...", where it has fewer than
three words, and where it mentions javascript, or cookies or terms of use in one of six phrases. A
line that gets so far with "lorem ipsum" or "{" takes its document with it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, Int64, UInt8, UInt32

from dataselect.scorers.signals.kernels.quantities import COUNTS
from dataselect.scorers.signals.kernels.scratch import Scratch
from dataselect.scorers.signals.kernels.sentences import BEGUN, sentence_state
from dataselect.scorers.signals.kernels.unicode_tables import SPACE, Tables, class_of
from dataselect.scorers.signals.kernels.utf8 import decoded, width
from zerocost.compiled import compiled_within

__all__ = ["PHRASES", "keep_lines"]

PHRASES = (
    b"lorem ipsum",
    b"javascript",
    b"terms of use",
    b"privacy policy",
    b"cookie policy",
    b"uses cookies",
    b"use of cookies",
    b"use cookies",
)
"""Looked for in lower case: the first drops a document, the others a line."""

_LINES = COUNTS.index("c4_lines")
_KEPT = COUNTS.index("c4_lines_kept")
_C4_SENTENCES = COUNTS.index("c4_sentences")
_LOREM_IPSUM = COUNTS.index("c4_lorem_ipsum")
_BRACKETS = COUNTS.index("c4_brackets")
_SENTENCES = COUNTS.index("sentences")
_LONGEST_WORD, _FEWEST_WORDS = 1000, 3
_NEWLINE, _DOT, _BRACE, _OPEN, _CLOSE = ord("\n"), ord("."), ord("{"), ord("["), ord("]")
_ENDINGS = (ord("."), ord("?"), ord("!"), ord('"'), ord("'"))
_ZERO, _NINE = ord("0"), ord("9")
_EDIT = np.frombuffer(b"[edit]", np.uint8)
_NEEDED = np.frombuffer(b"[citation needed]", np.uint8)
_WIDEST = max(map(len, PHRASES))
_PHRASES = np.zeros((len(PHRASES), _WIDEST), np.uint8)
for _row, _phrase in enumerate(PHRASES):
    _PHRASES[_row, : len(_phrase)] = np.frombuffer(_phrase, np.uint8)
_LENGTHS = np.array(list(map(len, PHRASES)), np.int64)
_INITIALS = np.zeros(256, np.bool_)
for _phrase in PHRASES:
    _INITIALS[[_phrase[0], _phrase[0] - 32]] = True


@compiled_within(inline=False)
def keep_lines(
    data: UInt8[np.ndarray, " bytes"],
    start: int,
    end: int,
    tables: Tables,
    scratch: Scratch,
    out: UInt8[np.ndarray, " room"],
    counts: Int64[np.ndarray, " counts"],
) -> int:
    """Apply the rules to the lines of a document.

    Args:
        data: bytes.
        start: first byte of the document, which is valid UTF-8.
        end: behind its last byte.
        tables: of Unicode.
        scratch: memory.
        out: room for the document; the lines that are kept are written here, newlines between.
        counts: of the document; lines, lines kept, their sentences, and lines that take the
            document with them are added to.

    Returns:
        How many bytes are written.
    """
    index, flags = tables.index, tables.flags
    written = 0
    kept = 0
    at = start
    while at < end:
        stop = at
        while stop < end and data[stop] != _NEWLINE:
            stop += 1
        first = written + 1 if kept else 0  # room for the newline between
        length, words, longest = _copied(data, at, stop, index, flags, out, first)
        at = stop + 1
        if words == 0:
            continue
        counts[_LINES] += 1
        if longest > _LONGEST_WORD:
            continue
        length = _without_citations(out, first, length)
        if not _is_complete(out, first, length) or words < _FEWEST_WORDS:
            continue
        found = _phrases(out, first, length)
        if found & 1:
            counts[_LOREM_IPSUM] += 1
            continue
        if found & 2:
            continue
        if _has_brace(out, first, length):
            counts[_BRACKETS] += 1
            continue
        if found:
            continue
        counts[_C4_SENTENCES] += _sentences(out, first, length, tables, scratch, counts)
        if kept:
            out[written] = _NEWLINE
        kept += 1
        written = first + length
    counts[_KEPT] += kept
    return written


@compiled_within()
def _copied(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    stop: int,
    index: Int32[np.ndarray, " blocks"],
    flags: UInt32[np.ndarray, " values"],
    out: UInt8[np.ndarray, " room"],
    to: int,
) -> tuple[int, int, int]:
    """Copy a line without white space at its ends; its bytes, words, longest word's characters."""
    words = longest = here = 0
    length = last = 0
    while at < stop:
        size = width(data[at])
        if class_of(index, flags, decoded(data, at)) & SPACE:
            here = 0
            if words == 0:
                at += size
                continue
        else:
            words += here == 0
            here += 1
            longest = max(longest, here)
            last = length + size
        for k in range(size):
            out[to + length + k] = data[at + k]
        length += size
        at += size
    return last, words, longest


@compiled_within()
def _without_citations(text: UInt8[np.ndarray, " room"], first: int, length: int) -> int:
    """Remove citation marks in place; how many bytes are left."""
    to = at = first
    end = first + length
    while at < end:
        size = 0
        if text[at] == _OPEN:
            stop = at + 1
            while stop < end and _ZERO <= text[stop] <= _NINE:
                stop += 1
            if stop < end and text[stop] == _CLOSE:
                size = stop + 1 - at
            elif _stands(text, at, end, _EDIT):
                size = _EDIT.shape[0]
            elif _stands(text, at, end, _NEEDED):
                size = _NEEDED.shape[0]
        if size == 0:
            text[to] = text[at]
            to += 1
            size = 1
        at += size
    return to - first


@compiled_within()
def _stands(
    text: UInt8[np.ndarray, " room"], at: int, end: int, word: UInt8[np.ndarray, " letters"]
) -> bool:
    if at + word.shape[0] > end:
        return False
    for k in range(word.shape[0]):
        if text[at + k] != word[k]:
            return False
    return True


@compiled_within()
def _is_complete(text: UInt8[np.ndarray, " room"], first: int, length: int) -> bool:
    """Whether a line ends with a terminal mark or a quotation mark, and not with an ellipsis."""
    end = first + length
    if length == 0 or text[end - 1] not in _ENDINGS:
        return False
    return not (
        length >= 3 and text[end - 1] == _DOT and text[end - 2] == _DOT and text[end - 3] == _DOT
    )


@compiled_within()
def _phrases(text: UInt8[np.ndarray, " room"], first: int, length: int) -> int:
    """Which phrases a line holds, a bit each."""
    found = 0
    for at in range(first, first + length):
        if not _INITIALS[text[at]]:
            continue
        for row in range(_LENGTHS.shape[0]):
            if at + _LENGTHS[row] > first + length:
                continue
            k = 0
            while k < _LENGTHS[row] and _lower(text[at + k]) == _PHRASES[row, k]:
                k += 1
            if k == _LENGTHS[row]:
                found |= 1 << row
    return found


@compiled_within()
def _lower(letter: int) -> int:
    return letter | 32 if 65 <= letter <= 90 else letter


@compiled_within()
def _has_brace(text: UInt8[np.ndarray, " room"], first: int, length: int) -> bool:
    for at in range(first, first + length):
        if text[at] == _BRACE:
            return True
    return False


@compiled_within()
def _sentences(
    text: UInt8[np.ndarray, " room"],
    first: int,
    length: int,
    tables: Tables,
    scratch: Scratch,
    counts: Int64[np.ndarray, " counts"],
) -> int:
    """How many sentences a line has, as the signal `sentences` counts them; at least one."""
    ascii, index, flags = tables.ascii, tables.index, tables.flags
    codes, classes = scratch.codes, scratch.classes
    before = counts[_SENTENCES]
    state = n = 0
    seen = np.int64(0)
    at, end = first, first + length
    while at <= end:
        kind = np.int64(SPACE)
        code = size = 1
        if at < end:
            code = decoded(text, at)
            size = width(text[at])
            kind = np.int64(ascii[code]) if code < 0x80 else class_of(index, flags, code)
        if not kind & SPACE:
            codes[n] = code
            classes[n] = kind
            seen |= kind
            n += 1
        elif n > 0:
            state = sentence_state(codes, classes, n, seen, state, counts)
            n = 0
            seen = np.int64(0)
        at += size
    found = counts[_SENTENCES] - before + (state & BEGUN)
    counts[_SENTENCES] = before
    return max(1, found)
