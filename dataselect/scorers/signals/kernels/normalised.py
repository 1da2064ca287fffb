"""One word as RedPajama normalises it: no punctuation, lower case, decomposed (NFD)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, UInt8, UInt32

from dataselect.scorers.signals.kernels.unicode_tables import (
    CASED,
    IGNORABLE,
    NONASCII,
    PUNCTUATION,
    UPPER,
    Tables,
)
from zerocost.compiled import compiled_within

__all__ = ["normalise"]

_HANGUL, _SYLLABLES, _BLOCK_V, _BLOCK_T = 0xAC00, 11172, 588, 28
_L, _V, _T = 0x1100, 0x1161, 0x11A7
_SIGMA, _SMALL_SIGMA, _FINAL_SIGMA = 0x3A3, 0x3C3, 0x3C2
_SHORT = 16  # longer runs of combining marks are sorted by counting: hostile text stacks millions


@compiled_within()
def normalise(
    codes: Int32[np.ndarray, " room"],
    classes: UInt32[np.ndarray, " room"],
    length: int,
    seen: int,
    tables: Tables,
    out: Int32[np.ndarray, " room"],
    spare: UInt32[np.ndarray, " spare"],
) -> int:
    """Write the normalised code points of a piece of text without white space.

    Lower case is Python's ``str.lower``: of code points, except that a capital sigma after a cased
    letter and not before one is final. Hangul syllables are decomposed by arithmetic.

    Args:
        codes: the code points of the piece.
        classes: their flags.
        length: how many there are.
        seen: all their flags together.
        tables: of Unicode.
        out: room for four times as many code points.
        spare: memory for 257 numbers and as many as ``out`` has room for.

    Returns:
        How many code points there are; 0 where there is only punctuation. Linear in the characters.
    """
    if not seen & NONASCII:
        n = 0
        for i in range(length):
            if not classes[i] & PUNCTUATION:
                out[n] = codes[i] | np.int32(classes[i] & UPPER)  # the flag is the bit of case
                n += 1
        return n
    fold_table, fold_index, pool = tables.fold, tables.fold_index, tables.folded
    order_table, order_index = tables.order, tables.order_index
    n = 0
    cased = False
    sigma = -1  # where a capital sigma stands whose right side is not known yet
    marks = False
    for i in range(length):
        code, flags = codes[i], classes[i]
        if flags & PUNCTUATION:
            continue
        if not flags & IGNORABLE:
            if sigma >= 0 and flags & CASED:
                out[sigma] = _SMALL_SIGMA
            sigma = -1
        if code == _SIGMA:
            if cased:
                sigma = n
            out[n] = _FINAL_SIGMA if cased else _SMALL_SIGMA
            n += 1
        elif _HANGUL <= code < _HANGUL + _SYLLABLES:
            syllable = code - _HANGUL
            out[n] = _L + syllable // _BLOCK_V
            out[n + 1] = _V + syllable % _BLOCK_V // _BLOCK_T
            n += 2
            if syllable % _BLOCK_T:
                out[n] = _T + syllable % _BLOCK_T
                n += 1
        else:
            fold = fold_table[(fold_index[code >> 8] << 8) + (code & 255)]
            if fold == 0:
                out[n] = code
                n += 1
                marks |= _order(order_index, order_table, code) > 0
            else:
                for k in range(fold & 7):
                    out[n] = pool[(fold >> 3) + k]
                    n += 1
                marks |= fold & 7 > 1 or _order(order_index, order_table, out[n - 1]) > 0
        if not flags & IGNORABLE:
            cased = flags & CASED != 0
    if marks:
        _reorder(out, n, order_index, order_table, spare)
    return n


@compiled_within()
def _order(
    index: Int32[np.ndarray, " blocks"], order: UInt8[np.ndarray, " values"], code: int
) -> int:
    return np.int64(order[(index[code >> 8] << 8) + (code & 255)])


@compiled_within()
def _reorder(
    codes: Int32[np.ndarray, " room"],
    length: int,
    index: Int32[np.ndarray, " blocks"],
    order: UInt8[np.ndarray, " values"],
    spare: UInt32[np.ndarray, " spare"],
) -> None:
    """Sort each run of combining marks by their class, stably: the canonical order."""
    first = 0
    while first < length:
        if _order(index, order, codes[first]) == 0:
            first += 1
            continue
        last = first + 1
        while last < length and _order(index, order, codes[last]) > 0:
            last += 1
        if last - first <= _SHORT:
            for i in range(first + 1, last):
                code = codes[i]
                rank = _order(index, order, code)
                k = i
                while k > first and _order(index, order, codes[k - 1]) > rank:
                    codes[k] = codes[k - 1]
                    k -= 1
                codes[k] = code
        else:
            _count_sort(codes, first, last, index, order, spare)
        first = last


@compiled_within()
def _count_sort(
    codes: Int32[np.ndarray, " room"],
    first: int,
    last: int,
    index: Int32[np.ndarray, " blocks"],
    order: UInt8[np.ndarray, " values"],
    spare: UInt32[np.ndarray, " spare"],
) -> None:
    places = spare[:257]
    places[:] = 0
    for k in range(first, last):
        places[_order(index, order, codes[k]) + 1] += np.uint32(1)
        spare[257 + k - first] = np.uint32(codes[k])
    for rank in range(1, 257):
        places[rank] += places[rank - 1]
    for k in range(first, last):
        code = np.int32(spare[257 + k - first])
        rank = _order(index, order, code)
        codes[first + np.int64(places[rank])] = code
        places[rank] += np.uint32(1)
