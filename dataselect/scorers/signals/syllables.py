"""Syllables of an English word, by its letters."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from zerocost.compiled import compiled

__all__ = ["syllables"]

_VOWEL = np.zeros(256, np.bool_)
for _letter in b"aeiouyAEIOUY":
    _VOWEL[_letter] = True
_A, _D, _E, _L, _S, _T, _Y, _R = b"adelstyr"


@compiled
def syllables(data: UInt8[np.ndarray, " bytes"], start: int, end: int) -> int:
    """How many syllables the letters ``data[start:end]`` have: at least one.

    Groups of vowels, without a silent e.
    """
    groups = 0
    vowel = False
    for at in range(start, end):
        now = _VOWEL[data[at]]
        groups += now and not vowel
        vowel = now
    n = end - start
    if n > 2:
        last = data[end - 1] | 32
        before = data[end - 2] | 32
        if last == _E and not _VOWEL[before] and not (before == _L and not _VOWEL[data[end - 3]]):
            groups -= 1
    return max(1, groups)
