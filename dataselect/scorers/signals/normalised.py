"""One word as RedPajama normalises it: no punctuation, lower case, decomposed (NFD)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, UInt16

from dataselect.scorers.signals.unicode_tables import CASED, IGNORABLE, PUNCTUATION, UnicodeTables
from zerocost.compiled import compiled

__all__ = ["class_of", "normalise"]

_HANGUL, _SYLLABLES, _BLOCK_V, _BLOCK_T = 0xAC00, 11172, 588, 28
_L, _V, _T = 0x1100, 0x1161, 0x11A7
_SIGMA, _SMALL_SIGMA, _FINAL_SIGMA = 0x3A3, 0x3C3, 0x3C2
_SHORT = 16  # longer runs of combining marks are sorted by counting: hostile text stacks millions


@compiled
def class_of(
    index: Int32[np.ndarray, " blocks"], flags: UInt16[np.ndarray, " values"], code: int
) -> int:
    """The flags of a code point."""
    return np.int64(flags[(index[code >> 8] << 8) + (code & 255)])


@compiled
def normalise(
    codes: Int32[np.ndarray, " characters"],
    classes: UInt16[np.ndarray, " characters"],
    tables: UnicodeTables,
    out: Int32[np.ndarray, " room"],
) -> int:
    """Write the normalised code points of a piece of text without white space.

    Lower case is Python's ``str.lower``: of code points, except that a capital sigma after a cased
    letter and not before one is final. Hangul syllables are decomposed by arithmetic.

    Args:
        codes: the code points of the piece.
        classes: their flags.
        tables: of Unicode.
        out: room for four times as many code points.

    Returns:
        How many code points there are; 0 where there is only punctuation. Linear in the characters.
    """
    length = 0
    cased = False
    sigma = -1  # where a capital sigma stands whose right side is not known yet
    marks = False
    for i in range(codes.shape[0]):
        code, flags = codes[i], classes[i]
        if flags & PUNCTUATION:
            continue
        if not flags & IGNORABLE:
            if sigma >= 0 and flags & CASED:
                out[sigma] = _SMALL_SIGMA
            sigma = -1
        if code == _SIGMA:
            if cased:
                sigma = length
            out[length] = _FINAL_SIGMA if cased else _SMALL_SIGMA
            length += 1
        elif _HANGUL <= code < _HANGUL + _SYLLABLES:
            syllable = code - _HANGUL
            out[length] = _L + syllable // _BLOCK_V
            out[length + 1] = _V + syllable % _BLOCK_V // _BLOCK_T
            length += 2
            if syllable % _BLOCK_T:
                out[length] = _T + syllable % _BLOCK_T
                length += 1
        else:
            fold = tables.fold[(tables.fold_index[code >> 8] << 8) + (code & 255)]
            if fold == 0:
                out[length] = code
                length += 1
                marks |= _order(tables, code) > 0
            else:
                for k in range(fold & 7):
                    out[length] = tables.folded[(fold >> 3) + k]
                    length += 1
                marks |= fold & 7 > 1 or _order(tables, out[length - 1]) > 0
        if not flags & IGNORABLE:
            cased = flags & CASED != 0
    if marks:
        _reorder(out[:length], tables)
    return length


@compiled
def _order(tables: UnicodeTables, code: int) -> int:
    return np.int64(tables.order[(tables.order_index[code >> 8] << 8) + (code & 255)])


@compiled
def _reorder(codes: Int32[np.ndarray, " length"], tables: UnicodeTables) -> None:
    """Sort each run of combining marks by their class, stably: the canonical order."""
    first = 0
    while first < codes.shape[0]:
        if _order(tables, codes[first]) == 0:
            first += 1
            continue
        last = first + 1
        while last < codes.shape[0] and _order(tables, codes[last]) > 0:
            last += 1
        if last - first <= _SHORT:
            for i in range(first + 1, last):
                code, order = codes[i], _order(tables, codes[i])
                k = i
                while k > first and _order(tables, codes[k - 1]) > order:
                    codes[k] = codes[k - 1]
                    k -= 1
                codes[k] = code
        else:
            _count_sort(codes[first:last], tables)
        first = last


@compiled
def _count_sort(codes: Int32[np.ndarray, " length"], tables: UnicodeTables) -> None:
    places = np.zeros(257, np.int64)
    for code in codes:
        places[_order(tables, code) + 1] += 1
    for order in range(1, 257):
        places[order] += places[order - 1]
    found = codes.copy()
    for code in found:
        order = _order(tables, code)
        codes[places[order]] = code
        places[order] += 1
