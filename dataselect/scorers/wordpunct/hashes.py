"""The words of a document as 64-bit hashes, letters of ASCII eight at a time."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, UInt8, UInt64

from dataselect.scorers.signals.kernels.eight import load, low_lanes
from dataselect.scorers.signals.kernels.unicode_tables import SPACE, UPPER, WORD, class_of
from dataselect.scorers.signals.kernels.utf8 import decoded, width
from dataselect.scorers.wordpunct.lowering import DOT_ABOVE, DOTTED_I, Lowering, lowered
from dataselect.scorers.words.hashing import SEED, hash_codes, mixed, stirred
from dataselect.scorers.words.lanes import letters_of, trailing_lanes
from zerocost.compiled import compiled_within

__all__ = ["LINE_END", "hash_words"]

LINE_END = 0
"""Stands in the place of a word at the end of a line that has words."""

_KIND = SPACE | WORD
_CASE = np.uint64(0x2020202020202020)
_EIGHT, _WHOLE = np.uint64(8), np.uint64(64)
_NEWLINE = ord("\n")


@compiled_within(inline=False)
def hash_words(
    text: UInt8[np.ndarray, " bytes"],
    start: int,
    end: int,
    tables: Lowering,
    lines: bool,
    hashes: UInt64[np.ndarray, " room"],
    codes: Int32[np.ndarray, " room"],
) -> int:
    """The hashes of the matches of ``\\w+|[^\\w\\s]+`` in the lower case of a document, in order.

    Args:
        text: valid UTF-8, `eight.PADDING` bytes behind the end readable.
        start: of the document.
        end: behind its last byte.
        tables: of Unicode.
        lines: whether `LINE_END` follows the last word of each line that has words.
        hashes: written; at least ``end - start + 1`` long.
        codes: memory, likewise.

    Returns:
        How many were written.

    Complexity: linear in the bytes.
    """
    ascii = tables.ascii
    found = 0
    at = start
    while at < end:
        byte = np.int64(text[at])
        if byte >= 0x80:
            kind = class_of(tables.index, tables.flags, decoded(text, at)) & _KIND
        else:
            kind = np.int64(ascii[byte]) & _KIND
        if kind & SPACE:
            if lines and byte == _NEWLINE and found > 0 and hashes[found - 1] != LINE_END:
                hashes[found] = LINE_END
                found += 1
            at += width(byte)
            continue
        first = at
        value = SEED
        if byte < 0x80:
            if kind:
                while True:
                    lanes: int = load(text, at)
                    count = min(trailing_lanes(letters_of(lanes)), end - at)
                    if count > 0:
                        value = stirred(value, low_lanes(lanes | _CASE, count))
                        at += count
                    if count < 8:
                        break
            if at == end or (text[at] < 0x80 and np.int64(ascii[text[at]]) & _KIND != kind):
                hashes[found] = mixed(value, at - first)
                found += 1
                continue
            at, whole, value = _ascii_run(text, first, end, kind, ascii)
            if whole:
                hashes[found] = value
                found += 1
                continue
        at, found = _any_run(text, start, first, end, kind, tables, hashes, found, codes)
    if lines and found > 0 and hashes[found - 1] != LINE_END:
        hashes[found] = LINE_END
        found += 1
    return found


@compiled_within()
def _ascii_run(
    text: UInt8[np.ndarray, " bytes"],
    at: int,
    end: int,
    kind: int,
    ascii: np.ndarray,
) -> tuple[int, bool, int]:
    """A run of one kind: behind it, whether it is all ASCII, its hash."""
    first = at
    value = SEED
    lanes = np.uint64(0)
    shift = np.uint64(0)
    while at < end:
        byte = text[at]
        if byte >= 0x80:
            return at, False, value
        flags = np.int64(ascii[byte])
        if flags & _KIND != kind:
            break
        lanes |= np.uint64(byte | 0x20 if flags & UPPER else byte) << shift
        shift += _EIGHT
        if shift == _WHOLE:
            value = stirred(value, lanes)
            lanes = shift = np.uint64(0)
        at += 1
    if shift:
        value = stirred(value, lanes)
    return at, True, mixed(value, at - first)


@compiled_within(inline=False)
def _any_run(
    text: UInt8[np.ndarray, " bytes"],
    start: int,
    at: int,
    end: int,
    kind: int,
    tables: Lowering,
    hashes: UInt64[np.ndarray, " room"],
    found: int,
    codes: Int32[np.ndarray, " room"],
) -> tuple[int, int]:
    """A run of one kind in the lower case, which a dotted capital I breaks: it is i and a mark."""
    size = 0
    while at < end:
        code = decoded(text, at)
        if code == DOTTED_I:
            if not kind & WORD:
                break
            codes[size] = ord("i")
            hashes[found] = hash_codes(codes, 0, size + 1)
            found += 1
            codes[0] = DOT_ABOVE
            size = 1
            kind = 0
        else:
            small = lowered(text, start, at, end, code, tables)
            if class_of(tables.index, tables.flags, small) & _KIND != kind:
                break
            codes[size] = small
            size += 1
        at += width(text[at])
    if size > 0:
        hashes[found] = hash_codes(codes, 0, size)
        found += 1
    return at, found
