"""``str.lower`` for kernels: by code point, with the two letters that need more."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, UInt8, UInt32

from dataselect.scorers.signals.kernels.unicode_tables import (
    CASED,
    IGNORABLE,
    class_of,
    unicode_tables,
)
from dataselect.scorers.signals.kernels.utf8 import decoded, width
from zerocost.compiled import compiled_within

__all__ = ["DOTTED_I", "DOT_ABOVE", "Lowering", "lowered", "lowering"]

DOTTED_I = 0x130
"""The one letter whose lower case is two code points: i, and..."""
DOT_ABOVE = 0x307
_SIGMA, _FINAL_SIGMA = 0x3A3, 0x3C2
_CODES, _BLOCK = 0x110000, 256
_CASED_PLANES = 0x20000


class Lowering(NamedTuple):
    """Two-level tables: ``values[index[code >> 8] * 256 + (code & 255)]``.

    Attributes:
        ascii: flags of the 128 ASCII characters; see `unicode_tables`.
        index: where each block of 256 code points is in ``flags``.
        flags: of every code point.
        lower_index: where each block is in ``lower``.
        lower: the lower case of every code point; of `DOTTED_I` its first one.
    """

    ascii: np.ndarray
    index: np.ndarray
    flags: np.ndarray
    lower_index: np.ndarray
    lower: np.ndarray


@lru_cache(maxsize=1)
def lowering() -> Lowering:
    """The tables of the running Python's Unicode."""
    lower = np.arange(_CODES, dtype=np.int32)
    lower[:_CASED_PLANES] = [ord(chr(code).lower()[0]) for code in range(_CASED_PLANES)]
    found: dict[bytes, int] = {}
    index = [found.setdefault(block.tobytes(), len(found)) for block in lower.reshape(-1, _BLOCK)]
    blocks = np.frombuffer(b"".join(found), np.int32)
    tables = unicode_tables()
    return Lowering(tables.ascii, tables.index, tables.flags, np.array(index, np.int32), blocks)


@compiled_within()
def lowered(
    text: UInt8[np.ndarray, " bytes"], start: int, at: int, end: int, code: int, tables: Lowering
) -> int:
    """The lower case of the character at a place, in its surroundings.

    Args:
        text: valid UTF-8.
        start: of the document.
        at: where the character begins.
        end: of the document.
        code: of the character.
        tables: of Unicode.
    """
    if code == _SIGMA:
        return _sigma(text, start, at, end, tables.index, tables.flags)
    return np.int64(tables.lower[(np.int64(tables.lower_index[code >> 8]) << 8) + (code & 255)])


@compiled_within(inline=False)
def _sigma(
    text: UInt8[np.ndarray, " bytes"],
    start: int,
    at: int,
    end: int,
    index: Int32[np.ndarray, " blocks"],
    flags: UInt32[np.ndarray, " values"],
) -> int:
    """A sigma ends a word where a cased letter stands before it and none behind."""
    before = np.int64(0)
    place = at
    while place > start:
        place -= 1
        while text[place] & 0xC0 == 0x80:
            place -= 1
        before = class_of(index, flags, decoded(text, place))
        if not before & IGNORABLE:
            break
    if before & IGNORABLE or not before & CASED:
        return _SIGMA + 0x20
    place = at + 2
    while place < end:
        behind = class_of(index, flags, decoded(text, place))
        if not behind & IGNORABLE:
            return _SIGMA + 0x20 if behind & CASED else _FINAL_SIGMA
        place += width(text[place])
    return _FINAL_SIGMA
