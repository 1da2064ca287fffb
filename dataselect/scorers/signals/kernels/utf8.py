"""UTF-8 in kernels: decode, check, repair."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from dataselect.scorers.signals.kernels.eight import PADDING, load
from zerocost.compiled import compiled, compiled_within

__all__ = ["decoded", "is_valid", "readable", "repaired", "well_formed", "width"]

_HIGH = np.uint64(0x8080808080808080)
_REPLACEMENT = (0xEF, 0xBF, 0xBD)  # U+FFFD


@compiled_within()
def width(lead: int) -> int:
    """How many bytes the character of a leading byte takes, in valid UTF-8."""
    if lead < 0x80:
        return 1
    if lead < 0xE0:
        return 2
    if lead < 0xF0:
        return 3
    return 4


@compiled_within()
def decoded(data: UInt8[np.ndarray, " bytes"], at: int) -> int:
    """The code point that begins at a byte, in valid UTF-8."""
    lead = np.int64(data[at])
    if lead < 0x80:
        return lead
    second = np.int64(data[at + 1]) & 0x3F
    if lead < 0xE0:
        return (lead & 0x1F) << 6 | second
    third = np.int64(data[at + 2]) & 0x3F
    if lead < 0xF0:
        return (lead & 0x0F) << 12 | second << 6 | third
    return (lead & 0x07) << 18 | second << 12 | third << 6 | np.int64(data[at + 3]) & 0x3F


@compiled_within()
def well_formed(data: UInt8[np.ndarray, " bytes"], at: int, end: int) -> int:
    """Bytes of the well-formed character at a byte; minus those of its longest good beginning."""
    lead = data[at]
    if lead < 0x80:
        return 1
    low, high = np.uint8(0x80), np.uint8(0xBF)
    if 0xC2 <= lead <= 0xDF:
        size = 2
    elif 0xE0 <= lead <= 0xEF:
        size = 3
        if lead == 0xE0:
            low = np.uint8(0xA0)  # shorter forms exist
        elif lead == 0xED:
            high = np.uint8(0x9F)  # surrogates
    elif 0xF0 <= lead <= 0xF4:
        size = 4
        if lead == 0xF0:
            low = np.uint8(0x90)
        elif lead == 0xF4:
            high = np.uint8(0x8F)  # beyond U+10FFFF
    else:
        return -1
    for k in range(1, size):
        if at + k >= end or data[at + k] < low or data[at + k] > high:
            return -k
        low, high = np.uint8(0x80), np.uint8(0xBF)
    return size


@compiled_within(inline=False)
def is_valid(data: UInt8[np.ndarray, " bytes"], start: int, end: int) -> bool:
    """Whether these bytes are UTF-8. ASCII is passed over many bytes at a time."""
    at = start
    while at < end:
        if data[at] < 0x80:
            while at + 32 <= end and not _HIGH & (
                load(data, at) | load(data, at + 8) | load(data, at + 16) | load(data, at + 24)
            ):
                at += 32
            while at < end and data[at] < 0x80:
                at += 1
            continue
        size = well_formed(data, at, end)
        if size < 0:
            return False
        at += size
    return True


@compiled
def repaired(
    data: UInt8[np.ndarray, " bytes"], start: int, end: int
) -> UInt8[np.ndarray, " repaired"]:
    """The bytes with U+FFFD in the place of each longest ill-formed part, as Python decodes them.

    Returns:
        Valid UTF-8, at the most three times as long, and `eight.PADDING` zeros.
    """
    length = 0
    at = start
    while at < end:
        size = well_formed(data, at, end)
        length += size if size > 0 else 3
        at += abs(size)
    out = np.zeros(length + PADDING, np.uint8)
    to = 0
    at = start
    while at < end:
        size = well_formed(data, at, end)
        if size > 0:
            for k in range(size):
                out[to + k] = data[at + k]
            to += size
        else:
            for k in range(3):
                out[to + k] = _REPLACEMENT[k]
            to += 3
        at += abs(size)
    return out


@compiled
def readable(
    data: UInt8[np.ndarray, " bytes"], start: int, end: int
) -> tuple[UInt8[np.ndarray, " text"], int, int]:
    """Where a document is read: in place, or repaired, with `eight.PADDING` bytes behind it.

    Returns:
        Valid UTF-8, and where the document begins and ends in it.
    """
    if end + PADDING <= data.shape[0] and is_valid(data, start, end):
        return data, start, end
    text = repaired(data, start, end)
    return text, np.int64(0), np.int64(text.shape[0] - PADDING)
