"""Where the visible part of a stretch of text begins and ends: what `str.strip` leaves of it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, UInt8, UInt32

from dataselect.scorers.signals.kernels.unicode_tables import SPACE, class_of
from dataselect.scorers.signals.kernels.utf8 import decoded, width
from zerocost.compiled import compiled_within

__all__ = ["is_space", "visible_begin", "visible_end"]


@compiled_within()
def is_space(
    data: UInt8[np.ndarray, " bytes"],
    at: int,
    index: Int32[np.ndarray, " blocks"],
    flags: UInt32[np.ndarray, " values"],
) -> bool:
    """Whether the character that begins at a byte is white space."""
    return class_of(index, flags, decoded(data, at)) & SPACE != 0


@compiled_within()
def visible_begin(
    data: UInt8[np.ndarray, " bytes"],
    start: int,
    end: int,
    index: Int32[np.ndarray, " blocks"],
    flags: UInt32[np.ndarray, " values"],
) -> int:
    """The first character that is not white space; the end where there is none."""
    while start < end and is_space(data, start, index, flags):
        start += width(data[start])
    return start


@compiled_within()
def visible_end(
    data: UInt8[np.ndarray, " bytes"],
    start: int,
    end: int,
    index: Int32[np.ndarray, " blocks"],
    flags: UInt32[np.ndarray, " values"],
) -> int:
    """Behind the last character that is not white space; the beginning where there is none."""
    while end > start:
        at = end - 1
        while data[at] & 0xC0 == 0x80:
            at -= 1
        if not is_space(data, at, index, flags):
            break
        end = at
    return end
