"""Strings of JSON as a column of Arrow, without a Python string for each."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int32, UInt8

from dataselect.scorers.signals.kernels.eight import PADDING, load, store, trailing_zeros
from dataselect.scorers.signals.kernels.utf8 import well_formed
from zerocost.compiled import compiled, compiled_within

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["string_column"]

_ONES = np.uint64(0x0101010101010101)
_HIGH = np.uint64(0x8080808080808080)
_QUOTE, _BACKSLASH, _UNICODE = ord('"'), ord("\\"), ord("u")
_QUOTES, _BACKSLASHES = _ONES * np.uint64(_QUOTE), _ONES * np.uint64(_BACKSLASH)
_SPACES = _ONES * np.uint64(0x20)
# What stands for what behind a backslash; 0 for nothing.
_ESCAPES = np.zeros(256, np.uint8)
for _letter, _meant in zip('"\\/bfnrt', '"\\/\b\f\n\r\t', strict=True):
    _ESCAPES[ord(_letter)] = ord(_meant)
_DIGITS = np.full(256, -1, np.int64)
for _digit in "0123456789abcdefABCDEF":
    _DIGITS[ord(_digit)] = int(_digit, 16)


def string_column(strings: Iterable[Any], spare: BytesIO) -> pa.Array[Any] | None:
    """The texts of JSON strings, given as they are written, in quotes.

    Args:
        strings: anything with the buffer protocol.
        spare: memory for them one behind the other, kept from call to call; overwritten.

    Returns:
        Texts of valid UTF-8, with `PADDING` bytes behind the last; None where one of the values is
        no string, or holds what JSON does not allow, or half of a surrogate pair.
    """
    import pyarrow as pa

    spare.seek(0)
    count = 0
    for string in strings:
        spare.write(string)
        count += 1
    size = spare.tell()
    spare.write(bytes(PADDING))  # control characters, which end every string
    offsets = np.empty(count + 1, np.int32)
    # One byte is never written as two or more.
    texts = np.empty(size + PADDING, np.uint8)
    with spare.getbuffer() as written:
        if not _unescape(np.frombuffer(written, np.uint8), size, offsets, texts):
            return None
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(texts)]
    return pa.Array.from_buffers(pa.string(), count, buffers)


@compiled
def _unescape(
    written: UInt8[np.ndarray, " bytes"],
    size: int,
    offsets: Int32[np.ndarray, " strings"],
    texts: UInt8[np.ndarray, " room"],
) -> bool:
    """Write the texts of strings one behind the other; False where one is not valid."""
    at = to = 0
    for string in range(offsets.shape[0] - 1):
        offsets[string] = to
        if written[at] != _QUOTE:
            return False
        at += 1
        while True:
            lanes: int = load(written, at)
            store(texts, to, lanes)
            special = _special(lanes)
            if not special:  # a step that does not wait for what is found
                at += 8
                to += 8
                continue
            plain = trailing_zeros(special) >> 3
            at += plain
            to += plain
            byte = written[at]
            if byte == _QUOTE:
                at += 1
                break
            if byte == _BACKSLASH:
                meant = _ESCAPES[written[at + 1]]
                if meant:
                    texts[to] = meant
                    at += 2
                    to += 1
                    continue
                code, after = _code_point(written, at)
                if code < 0:
                    return False
                at = after
                to = _encode(code, texts, to)
            elif byte >= 0x80:
                while written[at] >= 0x80:
                    width = well_formed(written, at, size)
                    if width < 0:
                        return False
                    store(texts, to, load(written, at))
                    at += width
                    to += width
            else:  # a control character, or the end of all
                return False
    offsets[offsets.shape[0] - 1] = to
    return at == size


@compiled_within()
def _special(lanes: int) -> int:
    """A mask whose lowest lane is the first byte that is not an ASCII character for itself.

    A byte that is 0 borrows from the next when 1 is taken from it: lanes above are not to be
    relied on.
    """
    quotes, backslashes = lanes ^ _QUOTES, lanes ^ _BACKSLASHES
    found: int = (
        lanes
        | ((lanes - _SPACES) & ~lanes)
        | ((quotes - _ONES) & ~quotes)
        | ((backslashes - _ONES) & ~backslashes)
    )
    return found & _HIGH


@compiled_within()
def _code_point(written: UInt8[np.ndarray, " bytes"], at: int) -> tuple[int, int]:
    r"""The code point of ``\uXXXX``, or of a surrogate pair, and where it ends; -1 of others."""
    code = _four_digits(written, at)
    if 0xD800 <= code < 0xDC00:
        low = _four_digits(written, at + 6)
        if not 0xDC00 <= low < 0xE000:
            return -1, at
        return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00), at + 12
    if 0xDC00 <= code < 0xE000:
        return -1, at
    return code, at + 6


@compiled_within()
def _four_digits(written: UInt8[np.ndarray, " bytes"], at: int) -> int:
    if written[at] != _BACKSLASH or written[at + 1] != _UNICODE:
        return -1
    code = 0
    for k in range(at + 2, at + 6):
        digit = _DIGITS[written[k]]
        if digit < 0:
            return -1
        code = code << 4 | digit
    return code


@compiled_within()
def _encode(code: int, texts: UInt8[np.ndarray, " room"], to: int) -> int:
    """Write a code point as UTF-8; return where it ends."""
    if code < 0x80:
        texts[to] = code
        return to + 1
    if code < 0x800:
        texts[to] = 0xC0 | code >> 6
    else:
        if code < 0x10000:
            texts[to] = 0xE0 | code >> 12
        else:
            texts[to] = 0xF0 | code >> 18
            texts[to + 1] = 0x80 | code >> 12 & 0x3F
            to += 1
        texts[to + 1] = 0x80 | code >> 6 & 0x3F
        to += 1
    texts[to + 1] = 0x80 | code & 0x3F
    return to + 2
