"""Where the newlines of a block of lines are, sixty-four bytes at a time."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, UInt8

from dataselect.scorers.signals.kernels.blocks import sets_of
from dataselect.scorers.signals.kernels.eight import set_bits, trailing_zeros
from zerocost.compiled import compiled

__all__ = ["count_newlines", "newline_places"]

_NEWLINE = ord("\n")
_BLOCK = 64
_NONE, _ONE = np.uint64(0), np.uint64(1)
_newlines_of = sets_of(lambda of: [of.between(_NEWLINE, _NEWLINE)], 1)


@compiled
def count_newlines(data: UInt8[np.ndarray, " bytes"]) -> int:
    """How many newlines there are."""
    found = 0
    whole = data.shape[0] // _BLOCK * _BLOCK
    for at in range(0, whole, _BLOCK):
        (here,) = _newlines_of(data, at)
        found += set_bits(here)
    for at in range(whole, data.shape[0]):
        found += data[at] == _NEWLINE
    return found


@compiled
def newline_places(data: UInt8[np.ndarray, " bytes"]) -> Int64[np.ndarray, " newlines"]:
    """The places of all newlines, in order."""
    places = np.empty(count_newlines(data), np.int64)
    found = 0
    whole = data.shape[0] // _BLOCK * _BLOCK
    for block in range(0, whole, _BLOCK):
        (here,) = _newlines_of(data, block)
        while here != _NONE:
            places[found] = block + trailing_zeros(here)
            found += 1
            here &= here - _ONE
    for at in range(whole, data.shape[0]):
        if data[at] == _NEWLINE:
            places[found] = at
            found += 1
    return places
