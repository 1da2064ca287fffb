"""Letters among eight bytes of text at a time; see ``signals.kernels.eight``."""

from __future__ import annotations

import numpy as np

from dataselect.scorers.signals.kernels.eight import trailing_zeros
from zerocost.compiled import compiled_within

__all__ = ["letters_of", "trailing_lanes"]

_LOW = np.uint64(0x7F7F7F7F7F7F7F7F)
_HIGH = np.uint64(0x8080808080808080)
_CASE = np.uint64(0x2020202020202020)
_FROM_A = np.uint64(0x0101010101010101 * (0x80 - ord("a")))
_BEYOND_Z = np.uint64(0x0101010101010101 * (0x80 - ord("z") - 1))


@compiled_within()
def letters_of(lanes: int) -> int:
    """The mask of lanes that are a-z or A-Z."""
    lower = (lanes | _CASE) & _LOW
    return (lower + _FROM_A) & ~(lower + _BEYOND_Z) & ~lanes & _HIGH


@compiled_within()
def trailing_lanes(mask: int) -> int:
    """How many of the first lanes are in a mask, without a gap: 0 .. 8."""
    return trailing_zeros(~mask & _HIGH) >> 3
