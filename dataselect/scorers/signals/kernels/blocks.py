"""A document as sets of places: where there is white space, a letter, a digit ... a bit a byte.

Sixty-four bytes are compared at a time. What a loop over characters would have to ask of each of
them is then counted and searched for sixty-four at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Int32, Int64, UInt8
from numba import types
from numba.extending import intrinsic

from dataselect.scorers.signals.kernels.eight import (
    load,
    next_bit,
    put,
    set_bits,
    store,
    trailing_zeros,
)
from dataselect.scorers.signals.kernels.quantities import COUNTS
from dataselect.scorers.signals.kernels.scratch import EAGER, SETS, Scratch
from dataselect.scorers.signals.kernels.wants import WANT_C4
from zerocost.compiled import compiled_within

__all__ = [
    "BEYOND",
    "BRACKETS",
    "CAPITALS",
    "DIGITS",
    "ENDS",
    "INNER",
    "LETTERS",
    "NEWLINES",
    "ODD",
    "SIGNS",
    "SPACES",
    "WORD",
    "find_pieces",
    "find_places",
    "is_within",
    "set_at",
    "sets_of",
]

_LETTERS = COUNTS.index("letters")
_ASCII_LETTERS = COUNTS.index("ascii_letters")
_LOWERCASE = COUNTS.index("lowercase")
_NEWLINES = COUNTS.index("newlines")
_CHARACTERS = COUNTS.index("characters")
_HASHES = COUNTS.index("hashes")
_CURLY = COUNTS.index("curly_brackets")
SPACES, NEWLINES, LETTERS, CAPITALS, DIGITS, WORD, ENDS, ODD, INNER, SIGNS, BRACKETS = range(SETS)
"""The sets. White space of ASCII, and all beyond the document's end; newlines, and the end where no
newline stands before it; a-z and A-Z; A-Z; 0-9; letters, digits and the underscore; ``.!?``; what
is beyond ASCII or a control character; second to fourth bytes of characters; where a phrase of C4's
rules may stand, or "{"; "["."""

BEYOND = np.int64(1 << 31) - 1
"""Beyond every place."""

_NONE, _ALL = np.uint64(0), ~np.uint64(0)
_BLOCK = 64
_LANES = 32
# Letters that stand so in each of C4's phrases, with their distance from the first of them, and in
# little else: (lorem) ips(um), jav(ascript), ms o(f), (pri)v.c., kie.
_SIGNS = (
    ((0, "i"), (1, "p"), (2, "s")),
    ((0, "j"), (1, "a"), (2, "v")),
    ((0, "m"), (1, "s"), (3, "o")),
    ((0, "v"), (2, "c"), (3, "y")),
    ((0, "k"), (1, "i"), (2, "e")),
)


class _Bytes:
    """Comparisons of 32 bytes with constants, as the instructions that do them."""

    def __init__(self, builder: Any, data: Any, offset: int = 0) -> None:
        from llvmlite import ir

        self._ir, self._builder, self._data = ir, builder, data
        self._vector = ir.VectorType(ir.IntType(8), _LANES)
        self._here = self._load(offset)

    def _load(self, offset: int) -> Any:
        ir = self._ir
        place = self._builder.gep(self._data, [ir.Constant(ir.IntType(64), offset)])
        return self._builder.load(self._builder.bitcast(place, self._vector.as_pointer()), align=1)

    def _constant(self, value: int) -> Any:
        return self._ir.Constant(self._vector, [value] * _LANES)

    def at(self, offset: int) -> Any:
        return self._load(offset)

    def folded(self, lanes: Any) -> Any:
        return self._builder.or_(lanes, self._constant(0x20))

    def between(self, first: int, last: int, lanes: Any = None) -> Any:
        lanes = self._here if lanes is None else lanes
        if first == last:
            return self._builder.icmp_unsigned("==", lanes, self._constant(first))
        shifted = self._builder.sub(lanes, self._constant(first))
        return self._builder.icmp_unsigned("<=", shifted, self._constant(last - first))

    def letters(self) -> Any:
        return self.between(ord("a"), ord("z"), self.folded(self._here))

    def any_of(self, *found: Any) -> Any:
        whole = found[0]
        for other in found[1:]:
            whole = self._builder.or_(whole, other)
        return whole

    def all_of(self, *found: Any) -> Any:
        whole = found[0]
        for other in found[1:]:
            whole = self._builder.and_(whole, other)
        return whole


def _classes(of: _Bytes) -> list[Any]:
    space = of.any_of(of.between(9, 13), of.between(28, 32))
    digits = of.between(ord("0"), ord("9"))
    control = of.any_of(of.between(0, 8), of.between(14, 27))
    return [
        space,
        of.between(10, 10),
        of.letters(),
        of.between(ord("A"), ord("Z")),
        digits,
        of.any_of(of.letters(), digits, of.between(ord("_"), ord("_"))),
        of.any_of(*(of.between(ord(mark), ord(mark)) for mark in ".!?")),
        of.any_of(control, of.between(0x7F, 0xFF)),
        of.any_of(*(of.between(ord(mark), ord(mark)) for mark in "#{}")),
        of.between(0x80, 0xBF),
    ]


def _signs(of: _Bytes) -> list[Any]:
    folded = [of.folded(of.at(offset)) for offset in range(4)]
    found = [
        of.all_of(*(of.between(ord(letter), ord(letter), folded[k]) for k, letter in sign))
        for sign in _SIGNS
    ]
    brace, bracket = ord("{"), ord("[")
    return [of.any_of(*found, of.between(brace, brace)), of.between(bracket, bracket)]


def sets_of(of: Callable[[_Bytes], list[Any]], count: int) -> Any:
    """An intrinsic function: for 64 bytes of an array from a place on, so many sets as numbers."""

    @intrinsic
    def sets(typing: Any, data: Any, at: Any) -> Any:
        result: Any = types.UniTuple(types.uint64, count)  # type: ignore[no-untyped-call]

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            from llvmlite import ir

            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            place = builder.gep(array.data, [arguments[1]])
            wide = ir.IntType(64)
            halves = [
                [
                    builder.zext(builder.bitcast(found, ir.IntType(_LANES)), wide)
                    for found in of(_Bytes(builder, builder.gep(place, [ir.Constant(wide, half)])))
                ]
                for half in (0, _LANES)
            ]
            found = [
                builder.or_(low, builder.shl(high, ir.Constant(wide, _LANES)))
                for low, high in zip(*halves, strict=True)
            ]
            return context.make_tuple(builder, result, found)

        return result(data, types.int64), generate

    return sets


_classes_of = sets_of(_classes, 10)
_signs_of = sets_of(_signs, 2)


@compiled_within()
def set_at(kind: int, scratch: Scratch) -> int:
    """The bit of ``scratch.sets`` at which one of the sets of the document begins."""
    return kind * 8 * scratch.extent[0]


@compiled_within()
def is_within(kind: int, scratch: Scratch, place: int, beyond: int) -> bool:
    """Whether a set that most texts have nothing in has something between two places."""
    begin = set_at(kind, scratch)
    return scratch.found[kind] and next_bit(scratch.sets, begin, place, beyond) < beyond


@compiled_within(inline=False)
def find_places(
    data: UInt8[np.ndarray, " bytes"],
    start: int,
    end: int,
    want: int,
    scratch: Scratch,
    counts: Int64[np.ndarray, " counts"],
) -> None:
    """Fill the sets of a document, and count what they alone tell.

    Beyond the document there is white space. Its end counts as a newline where it has none.

    Args:
        data: bytes; `eight.PADDING` more than ``end`` can be read.
        start: first byte of the document.
        end: behind its last byte.
        want: bits of what is asked for.
        scratch: memory; its sets are written.
        counts: of the document; added to.
    """
    extent = ((end - start) // _BLOCK + 2) * 8
    scratch.extent[0] = extent
    sets = scratch.sets
    length = end - start
    letter_count = capital_count = newline_count = inner_count = 0
    any_odd = any_sign = any_bracket = _NONE
    for block in range(length // _BLOCK + 1):
        at = start + block * _BLOCK
        within = min(end - at, _BLOCK)
        inside = _ALL
        if within < _BLOCK:
            inside = (np.uint64(1) << np.uint64(within)) - np.uint64(1)
        s, n, a, c, d, w, e, o, m, i = _classes_of(data, at)
        a &= inside
        c &= inside
        n &= inside
        i &= inside
        o &= inside
        m &= inside
        letter_count += set_bits(a)
        capital_count += set_bits(c)
        newline_count += set_bits(n)
        inner_count += set_bits(i)
        if m:
            for k in range(within):
                byte = data[at + k]
                counts[_HASHES] += byte == 0x23
                counts[_CURLY] += (byte == 0x7B) | (byte == 0x7D)
        if within < _BLOCK and length > 0 and data[end - 1] != 10:
            n |= np.uint64(1) << np.uint64(within)
        place = block * 8
        store(sets, SPACES * extent + place, s | ~inside)
        store(sets, NEWLINES * extent + place, n)
        store(sets, LETTERS * extent + place, a)
        store(sets, CAPITALS * extent + place, c)
        store(sets, DIGITS * extent + place, d & inside)
        store(sets, WORD * extent + place, w & inside)
        store(sets, ENDS * extent + place, e & inside)
        any_odd |= o
        store(sets, ODD * extent + place, o)
        store(sets, INNER * extent + place, i)
        if want & WANT_C4:
            sign, bracket = _signs_of(data, at)
            any_sign |= sign
            any_bracket |= bracket
            store(sets, SIGNS * extent + place, sign & inside)
            store(sets, BRACKETS * extent + place, bracket & inside)
    found = scratch.found
    found[ODD], found[INNER] = any_odd != _NONE, inner_count > 0
    found[SIGNS], found[BRACKETS] = any_sign != _NONE, any_bracket != _NONE
    behind = (length // _BLOCK + 1) * 8
    store(sets, SPACES * extent + behind, _ALL)
    store(sets, LETTERS * extent + behind, _NONE)
    store(sets, CAPITALS * extent + behind, _NONE)
    store(sets, DIGITS * extent + behind, _NONE)
    store(sets, WORD * extent + behind, _NONE)
    store(sets, ENDS * extent + behind, _NONE)
    store(sets, ODD * extent + behind, _NONE)
    counts[_LETTERS] += letter_count
    counts[_ASCII_LETTERS] += letter_count
    counts[_LOWERCASE] += letter_count - capital_count
    counts[_NEWLINES] += newline_count
    counts[_CHARACTERS] += length - inner_count


@compiled_within(inline=False)
def find_pieces(length: int, scratch: Scratch) -> None:
    """Find where the pieces of a document between white space begin and end.

    Args:
        length: bytes of the document.
        scratch: memory, with the sets of the document; its `begins` and `ends` are written.
    """
    sets, begins, ends = scratch.sets, scratch.begins, scratch.ends
    spaces = set_at(SPACES, scratch) >> 3
    begun = ended = 0
    carry = np.uint64(1)
    for block in range(length // _BLOCK + 1):
        space: int = load(sets, spaces + block * 8)
        behind = space << np.uint64(1) | carry
        carry = space >> np.uint64(63)
        begun = _listed(~space & behind, block * _BLOCK, begins, begun)
        ended = _listed(space & ~behind, block * _BLOCK, ends, ended)
    put(begins, begun, BEYOND)


@compiled_within()
def _listed(places: int, block: int, out: Int32[np.ndarray, " room"], at: int) -> int:
    """Write the places of a set, as many at a time as most blocks have; return how many there are.

    A loop from one to the next would be guessed wrong at its end, in every block.
    """
    found = at + set_bits(places)
    while True:
        for k in range(EAGER):
            put(out, at + k, block + trailing_zeros(places))
            places &= places - np.uint64(1)
        at += EAGER
        if at >= found:
            return found
