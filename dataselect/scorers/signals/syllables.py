"""Syllables of an English word, by its letters."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from dataselect.scorers.signals.eight import lane_count, load, low_lanes, matches
from zerocost.compiled import compiled_within

__all__ = ["LONGEST", "syllables"]

LONGEST = 64
"""Letters that are looked at: no word is longer."""

_CASE = np.uint64(0x2020202020202020)
_A, _E, _I, _O, _U, _Y = (np.uint64(code) for code in b"aeiouy")
_LETTER_E, _LETTER_L = ord("e"), ord("l")
_EIGHT, _TOP = np.uint64(8), np.uint64(56)


@compiled_within()
def _vowels(lanes: int) -> int:
    return (
        matches(lanes, _A)
        | matches(lanes, _E)
        | matches(lanes, _I)
        | matches(lanes, _O)
        | matches(lanes, _U)
        | matches(lanes, _Y)
    )


@compiled_within()
def syllables(data: UInt8[np.ndarray, " bytes"], start: int, length: int) -> int:
    """How many syllables so many ASCII letters have: at least one.

    Groups of vowels, without a silent e at the end.

    Args:
        data: eight bytes more than the word can be read.
        start: its first letter.
        length: how many letters; at least one.
    """
    length = min(length, LONGEST)
    groups = 0
    carry = np.uint64(0)
    vowels = np.uint64(0)
    for at in range(0, length, 8):
        vowels = _vowels(low_lanes(load(data, start + at) | _CASE, min(8, length - at)))
        groups += lane_count(vowels & ~(vowels << _EIGHT | carry))
        carry = vowels >> _TOP
    end = start + length
    if length > 2 and data[end - 1] | 32 == _LETTER_E:
        before, second = np.int64(data[end - 2]) | 32, np.int64(data[end - 3]) | 32
        if not _is_vowel(before) and not (before == _LETTER_L and not _is_vowel(second)):
            groups -= 1
    return max(1, groups)


@compiled_within()
def _is_vowel(letter: int) -> bool:
    return 0x1104111 >> (letter - 97) & 1 != 0
