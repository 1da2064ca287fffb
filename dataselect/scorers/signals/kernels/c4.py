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

from dataselect.scorers.signals.kernels.ascii_pieces import LONGEST
from dataselect.scorers.signals.kernels.blocks import (
    BRACKETS,
    INNER,
    ODD,
    SIGNS,
    SPACES,
    is_within,
    set_at,
)
from dataselect.scorers.signals.kernels.c4_sentences import count_sentences
from dataselect.scorers.signals.kernels.eight import bits_between, bits_from, low_bits, set_bits
from dataselect.scorers.signals.kernels.quantities import COUNTS
from dataselect.scorers.signals.kernels.scratch import Scratch
from dataselect.scorers.signals.kernels.unicode_tables import SPACE, Tables, class_of
from dataselect.scorers.signals.kernels.utf8 import decoded, width
from zerocost.compiled import compiled_within

__all__ = ["KEPT", "PHRASES", "count_kept_lines", "judged"]

KEPT, _DROPPED, _DROPS_BY_LOREM, _DROPS_BY_BRACE = range(4)
"""What the rules say of a line: it is kept; or not; or it takes its document with it."""

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
_CHARACTERS = COUNTS.index("c4_characters")
_C4_SENTENCES = COUNTS.index("c4_sentences")
_LOREM_IPSUM = COUNTS.index("c4_lorem_ipsum")
_BRACKETS = COUNTS.index("c4_brackets")
_LONGEST_WORD, _FEWEST_WORDS = 1000, 3
_DOT, _BRACE, _OPEN, _CLOSE = ord("."), ord("{"), ord("["), ord("]")
_ENDINGS = (ord("."), ord("?"), ord("!"), ord('"'), ord("'"))
_MAY_END = np.zeros(256, np.bool_)
_MAY_END[[*_ENDINGS, _CLOSE]] = True
_SPACE = ord(" ")
_ONE = np.uint64(1)
_LOREM, _SCRIPT, _BRACE_BIT = 1 << 0, 1 << 1, 1 << len(PHRASES)
_ZERO, _NINE = ord("0"), ord("9")
_EDIT = np.frombuffer(b"[edit]", np.uint8)
_NEEDED = np.frombuffer(b"[citation needed]", np.uint8)
_WIDEST = max(map(len, PHRASES))
_PHRASES = np.zeros((len(PHRASES), _WIDEST), np.uint8)
for _row, _phrase in enumerate(PHRASES):
    _PHRASES[_row, : len(_phrase)] = np.frombuffer(_phrase, np.uint8)
_LENGTHS = np.array(list(map(len, PHRASES)), np.int64)
# For each byte, the phrases whose first, and whose second letter it is in either case, a bit each.
_FIRST, _SECOND = np.zeros(256, np.int64), np.full(256, 1 << len(PHRASES), np.int64)
for _row, _phrase in enumerate(PHRASES):
    for _case in (0, 32):
        _FIRST[_phrase[0] - _case] |= 1 << _row
        _SECOND[_phrase[1] - _case] |= 1 << _row
_FIRST[_BRACE] = 1 << len(PHRASES)


@compiled_within(inline=False)
def count_kept_lines(
    data: UInt8[np.ndarray, " bytes"],
    start: int,
    lines: int,
    tables: Tables,
    scratch: Scratch,
    counts: Int64[np.ndarray, " counts"],
) -> None:
    """Count the lines of a document that the rules keep, their characters and sentences.

    Args:
        data: bytes.
        start: first byte of the document, which is valid UTF-8.
        lines: how many of its lines are not blank.
        tables: of Unicode.
        scratch: memory, with the sets that `find_places` leaves and these lines in `visible`.
        counts: of the document; added to.
    """
    visible = scratch.visible
    counts[_LINES] += lines
    for line in range(lines):
        first, last = visible[line, 0], visible[line, 1]
        verdict, length, cited = judged(data, start, first, last, tables, scratch, scratch.kept, 0)
        counts[_LOREM_IPSUM] += verdict == _DROPS_BY_LOREM
        counts[_BRACKETS] += verdict == _DROPS_BY_BRACE
        if verdict != KEPT:
            continue
        sentences, characters = visible[line, 2], length
        text, begin = data, first
        if cited:
            text, begin = scratch.kept, 0
            for k in range(length):
                characters -= text[k] & 0xC0 == 0x80
        elif scratch.found[INNER]:
            inner = set_at(INNER, scratch)
            characters -= bits_between(scratch.sets, inner, first - start, last - start)
        if cited or sentences < 0:
            sentences = count_sentences(text, begin, length, tables, scratch, counts)
        counts[_C4_SENTENCES] += max(1, sentences)
        counts[_CHARACTERS] += characters
        counts[_KEPT] += 1


@compiled_within()
def judged(
    data: UInt8[np.ndarray, " bytes"],
    start: int,
    first: int,
    last: int,
    tables: Tables,
    scratch: Scratch,
    out: UInt8[np.ndarray, " room"],
    to: int,
) -> tuple[int, int, bool]:
    """What the rules say of a line that is not blank.

    Args:
        data: bytes.
        start: where the document begins.
        first: where the line's first visible character begins.
        last: behind its last one.
        tables: of Unicode.
        scratch: memory, with the sets that `find_places` leaves.
        out: room for the line.
        to: where, if it may hold citation marks, it is written there without them.

    Returns:
        `KEPT`, or why it is not; how many bytes it has; whether it is written, for these marks.
    """
    length, cited = last - first, False
    # A mark of a citation may stand behind the last sentence.
    if not _MAY_END[data[last - 1]]:
        return _DROPPED, length, cited
    place, beyond = first - start, last - start
    spaces = set_at(SPACES, scratch)
    if not (
        (
            _has_three_words(scratch.sets, spaces + place, length)
            and not is_within(ODD, scratch, place, beyond)
        )
        or _has_words(data, first, last, tables.ascii, tables.index, tables.flags)
    ):
        return _DROPPED, length, cited
    text, begin = data, first
    cited = is_within(BRACKETS, scratch, place, beyond)
    if cited:
        text, begin = out, to
        length = _without_citations(data, first, last, out, to)
    if not _is_complete(text, begin, length):
        return _DROPPED, length, cited
    if cited or is_within(SIGNS, scratch, place, beyond):
        found = _phrases(text, begin, length)
        if found & _LOREM:
            return _DROPS_BY_LOREM, length, cited
        if found & _SCRIPT:
            return _DROPPED, length, cited
        if found & _BRACE_BIT:
            return _DROPS_BY_BRACE, length, cited
        if found:
            return _DROPPED, length, cited
    return KEPT, length, cited


@compiled_within()
def _has_three_words(sets: UInt8[np.ndarray, " bits"], spaces: int, length: int) -> bool:
    """Whether a line of ASCII surely has three words, and none of more than a thousand bytes."""
    if length > _LONGEST_WORD:
        return False
    here = bits_from(sets, spaces) & low_bits(min(LONGEST, length))
    return set_bits(here & ~(here << _ONE)) >= _FEWEST_WORDS - 1


@compiled_within()
def _has_words(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    end: int,
    ascii: UInt32[np.ndarray, " characters"],
    index: Int32[np.ndarray, " blocks"],
    flags: UInt32[np.ndarray, " values"],
) -> bool:
    """Whether a line has three words, and none of more than a thousand characters."""
    words = here = 0
    all_short = _has_spaces(data, at, end)
    while at < end:
        size = 1
        if data[at] < 0x80:
            space = np.int64(ascii[data[at]]) & SPACE
        else:
            size = width(data[at])
            space = class_of(index, flags, decoded(data, at)) & SPACE
        words += here == 0 and not space
        if words == _FEWEST_WORDS and all_short:
            return True
        here = 0 if space else here + 1
        if here > _LONGEST_WORD:
            return False
        at += size
    return words >= _FEWEST_WORDS


@compiled_within()
def _has_spaces(data: UInt8[np.ndarray, " bytes"], at: int, end: int) -> bool:
    """Whether a space stands in every thousand bytes of a line: then no word is too long.

    Looking backwards from a thousand bytes ahead finds one after a few.
    """
    while at + _LONGEST_WORD < end:
        ahead = at + _LONGEST_WORD
        while ahead >= at and data[ahead] != _SPACE:
            ahead -= 1
        if ahead < at:
            return False
        at = ahead + 1
    return True


@compiled_within()
def _without_citations(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    end: int,
    out: UInt8[np.ndarray, " room"],
    first: int,
) -> int:
    """Copy a line without its citation marks; how many bytes it then has."""
    to = first
    while at < end:
        size = 0
        if data[at] == _OPEN:
            stop = at + 1
            while stop < end and _ZERO <= data[stop] <= _NINE:
                stop += 1
            if stop < end and data[stop] == _CLOSE:
                size = stop + 1 - at
            elif _stands(data, at, end, _EDIT):
                size = _EDIT.shape[0]
            elif _stands(data, at, end, _NEEDED):
                size = _NEEDED.shape[0]
        if size == 0:
            out[to] = data[at]
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
    """Which phrases a line holds, a bit each, and whether it holds an opening bracket."""
    found = 0
    end = first + length
    for at in range(first, end):
        beyond = text[at + 1] if at + 1 < end else np.uint8(0)
        maybe = _FIRST[text[at]] & _SECOND[beyond]
        if not maybe:
            continue
        found |= maybe & _BRACE_BIT
        for row in range(_LENGTHS.shape[0]):
            if maybe >> row & 1 and at + _LENGTHS[row] <= end:
                k = 2
                while k < _LENGTHS[row] and _lower(text[at + k]) == _PHRASES[row, k]:
                    k += 1
                if k == _LENGTHS[row]:
                    found |= 1 << row
    return found


@compiled_within()
def _lower(letter: int) -> int:
    return letter | 32 if 65 <= letter <= 90 else letter
