"""Eight bytes of text at a time, as the lanes of one 64-bit number; and sets of places as bits.

Little-endian: the first byte is the lowest. A mask of lanes has bit 7 of each lane that it holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from zerocost.compiled import compiled_within

__all__ = [
    "PADDING",
    "bits_between",
    "bits_from",
    "folded_product",
    "get",
    "lane_count",
    "load",
    "low_bits",
    "low_lanes",
    "matches",
    "next_bit",
    "prefetch",
    "put",
    "set_bits",
    "store",
    "trailing_zeros",
]

PADDING = 80
"""Bytes that have to be readable behind a text: a block of 64, and what is looked at beyond it."""

_EIGHT = np.uint64(8)
_SEVEN, _ONE = np.uint64(7), np.uint64(1)
_LOW = np.uint64(0x7F7F7F7F7F7F7F7F)
_HIGH = np.uint64(0x8080808080808080)
_ONES = np.uint64(0x0101010101010101)


def _eight_at(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    from llvmlite import ir

    place = builder.gep(context.make_array(kind)(context, builder, array).data, [at])
    return builder.bitcast(place, ir.IntType(64).as_pointer())


@intrinsic
def load(typing: Any, data: Any, at: Any) -> Any:
    """The eight bytes of an array from a place on, aligned or not; no bounds are checked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_eight_at(context, builder, signature.args[0], *arguments), align=1)

    return types.uint64(data, types.int64), generate


@intrinsic
def store(typing: Any, data: Any, at: Any, value: Any) -> Any:
    """Write eight bytes of an array, aligned or not; no bounds are checked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, at, value = arguments
        builder.store(value, _eight_at(context, builder, signature.args[0], array, at), align=1)
        return context.get_dummy_value()

    return types.none(data, types.int64, types.uint64), generate


@intrinsic
def get(typing: Any, array: Any, at: Any) -> Any:
    """An element of an array; neither bounds nor the sign of the place are checked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load(builder.gep(data, [arguments[1]]))

    return array.dtype(array, types.int64), generate


@intrinsic
def put(typing: Any, array: Any, at: Any, value: Any) -> Any:
    """Write an element of an array; neither bounds nor the sign of the place are checked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        data = context.make_array(kind)(context, builder, arguments[0]).data
        value = context.cast(builder, arguments[2], signature.args[2], kind.dtype)
        builder.store(value, builder.gep(data, [arguments[1]]))
        return context.get_dummy_value()

    return types.none(array, types.int64, value), generate


@intrinsic
def prefetch(typing: Any, array: Any, at: Any) -> Any:
    """Begin to bring an element of an array into the cache, without waiting for it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        word, address = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [address, word, word, word])
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), address)
        reading, keeping, of_data = (ir.Constant(word, value) for value in (0, 3, 1))
        function = builder.module.declare_intrinsic("llvm.prefetch", (), kind)
        builder.call(function, [place, reading, keeping, of_data])
        return context.get_dummy_value()

    return types.none(array, types.int64), generate


@intrinsic
def trailing_zeros(typing: Any, value: Any) -> Any:
    """How many low bits are 0: 0 .. 64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


@intrinsic
def set_bits(typing: Any, value: Any) -> Any:
    """How many bits are 1."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


@intrinsic
def folded_product(typing: Any, left: Any, right: Any) -> Any:
    """The halves of the 128-bit product of two numbers, one laid over the other."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(argument, wide) for argument in arguments))
        high = builder.lshr(product, ir.Constant(wide, 64))
        return builder.trunc(builder.xor(product, high), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


@compiled_within()
def bits_from(bits: np.ndarray, at: int) -> int:
    """57 bits from one on, the first one lowest; those above are 0."""
    return load(bits, at >> 3) >> (np.uint64(at) & _SEVEN)


@compiled_within()
def low_bits(count: int) -> int:
    """The lowest 0 .. 63 bits."""
    return (_ONE << np.uint64(count)) - _ONE


@compiled_within()
def next_bit(bits: np.ndarray, begin: int, at: int, end: int) -> int:
    """The first place from one on of a set that begins at a bit; the end where none is before."""
    while at < end:
        found = bits_from(bits, begin + at)
        if found:
            return min(at + trailing_zeros(found), end)
        at += 56
    return end


@compiled_within()
def bits_between(bits: np.ndarray, begin: int, at: int, end: int) -> int:
    """How many places between two are in a set that begins at a bit."""
    found = 0
    while at < end:
        found += set_bits(bits_from(bits, begin + at) & low_bits(min(end - at, 56)))
        at += 56
    return found


@compiled_within()
def matches(lanes: int, byte: int) -> int:
    """The mask of lanes that are a byte, below 128 like all lanes."""
    different = lanes ^ (_ONES * byte)
    return ~((different & _LOW) + _LOW) & ~different & _HIGH


@compiled_within()
def lane_count(mask: int) -> int:
    """How many lanes are in a mask."""
    return set_bits(mask)


@compiled_within()
def low_lanes(lanes: int, count: int) -> int:
    """The first 1 .. 8 lanes; the others are 0."""
    return lanes & (~np.uint64(0) >> (_EIGHT * np.uint64(8 - count)))
