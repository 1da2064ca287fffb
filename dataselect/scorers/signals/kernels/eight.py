"""Eight bytes of text at a time, as the lanes of one 64-bit number.

Little-endian: the first byte is the lowest. A mask has bit 7 of each lane that it holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from zerocost.compiled import compiled_within

__all__ = ["PADDING", "lane_count", "letters_of", "load", "low_lanes", "matches", "trailing_lanes"]

PADDING = 8
"""Bytes that have to be readable behind a text."""

_EIGHT = np.uint64(8)
_LOW = np.uint64(0x7F7F7F7F7F7F7F7F)
_HIGH = np.uint64(0x8080808080808080)
_CASE = np.uint64(0x2020202020202020)
_ONES = np.uint64(0x0101010101010101)
_FROM_A = np.uint64(0x0101010101010101 * (0x80 - ord("a")))
_BEYOND_Z = np.uint64(0x0101010101010101 * (0x80 - ord("z") - 1))


@intrinsic
def load(typing: Any, data: Any, at: Any) -> Any:
    """The eight bytes of an array from a place on, aligned or not; no bounds are checked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        wide = builder.bitcast(place, ir.IntType(64).as_pointer())
        return builder.load(wide, align=1)

    return types.uint64(data, types.int64), generate


@intrinsic
def _trailing_zeros(typing: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), generate


@intrinsic
def _set_bits(typing: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@compiled_within()
def letters_of(lanes: int) -> int:
    """The mask of lanes that are a-z or A-Z."""
    lower = (lanes | _CASE) & _LOW
    return (lower + _FROM_A) & ~(lower + _BEYOND_Z) & ~lanes & _HIGH


@compiled_within()
def matches(lanes: int, byte: int) -> int:
    """The mask of lanes that are a byte, below 128 like all lanes."""
    different = lanes ^ (_ONES * byte)
    return ~((different & _LOW) + _LOW) & ~different & _HIGH


@compiled_within()
def trailing_lanes(mask: int) -> int:
    """How many of the first lanes are in a mask, without a gap: 0 .. 8."""
    return np.int64(_trailing_zeros(~mask & _HIGH) >> np.uint64(3))


@compiled_within()
def lane_count(mask: int) -> int:
    """How many lanes are in a mask."""
    return np.int64(_set_bits(mask))


@compiled_within()
def low_lanes(lanes: int, count: int) -> int:
    """The first 1 .. 8 lanes; the others are 0."""
    return lanes & (~np.uint64(0) >> (_EIGHT * np.uint64(8 - count)))
