"""Syllables of an English word, by its letters."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from dataselect.scorers.signals.kernels.eight import get, lane_count, load, low_lanes, matches
from zerocost.compiled import compiled_within

__all__ = ["LONGEST", "syllables"]

LONGEST = 64
"""Letters that are looked at: no word is longer."""

_CASE = np.uint64(0x2020202020202020)
_LANES = tuple(np.uint64(code) for code in b"aeiouy")
_LANE_A, _LANE_E, _LANE_I, _LANE_O, _LANE_U, _LANE_Y = _LANES
_EIGHT, _TOP = np.uint64(8), np.uint64(56)
_NONE = 0
# The letters that the endings and beginnings with rules have at their end and beginning.
_ENDINGS, _BEGINNINGS = np.zeros(256, np.bool_), np.zeros(256, np.bool_)
_ENDINGS[list(b"esdmgyltESDMGYLT")] = True
_BEGINNINGS[list(b"setwSETW")] = True
_A, _C, _D, _E, _F, _G, _H, _I, _L, _M, _N, _O, _P, _Q, _R, _S, _T, _U, _V, _X, _Y, _Z = (
    b"acdefghilmnopqrstuvxyz"
)


@compiled_within()
def _vowels(lanes: int) -> int:
    return (
        matches(lanes, _LANE_A)
        | matches(lanes, _LANE_E)
        | matches(lanes, _LANE_I)
        | matches(lanes, _LANE_O)
        | matches(lanes, _LANE_U)
        | matches(lanes, _LANE_Y)
    )


@compiled_within(inline=False)
def syllables(data: UInt8[np.ndarray, " bytes"], start: int, length: int) -> int:
    """How many syllables so many ASCII letters have: at least one.

    Groups of vowels (aeiouy), where a pair that is spoken apart counts twice (me-di-a), and an
    ending that is silent not at all (make, makes, called, safely). Against the CMU Pronouncing
    Dictionary: `docs/signals.md`.

    Args:
        data: eight bytes more than the word can be read.
        start: its first letter.
        length: how many letters; at least one.
    """
    n = min(length, LONGEST)
    groups = 0
    carry = pairs = np.uint64(0)
    for at in range(0, n, 8):
        vowels = _vowels(low_lanes(load(data, start + at) | _CASE, min(8, n - at)))
        behind = vowels << _EIGHT | carry
        groups += lane_count(vowels & ~behind)
        pairs |= vowels & behind
        carry = vowels >> _TOP
    if pairs:
        groups = _apart(data, start, n)
    if n > 2 and _ENDINGS[get(data, start + n - 1)]:
        groups += _ending(data, start, n)
    if n > 4 and _BEGINNINGS[get(data, start)]:
        groups += _beginning(data, start, n)
    return max(1, groups)


@compiled_within()
def _letter(data: UInt8[np.ndarray, " bytes"], start: int, n: int, k: int) -> int:
    """The k-th letter in lower case, or 0 outside the word."""
    return np.int64(get(data, start + k)) | 32 if 0 <= k < n else _NONE


@compiled_within()
def _is_vowel(letter: int) -> bool:
    """One of aeiouy."""
    return letter != _NONE and 0x1104111 >> (letter - 97) & 1 != 0


@compiled_within()
def _is_plain_vowel(letter: int) -> bool:
    return letter != _Y and _is_vowel(letter)


@compiled_within()
def _apart(data: UInt8[np.ndarray, " bytes"], start: int, n: int) -> int:
    """Vowel groups of a word where vowels meet, some of them counted twice.

    A y between vowels, or before one at the beginning, is a consonant; so is u between q and one.
    """
    found = 0
    previous = False
    third, second, before, here = _NONE, _NONE, _NONE, _letter(data, start, n, 0)
    for k in range(n):
        after = _letter(data, start, n, k + 1)
        vowel = _is_vowel(here)
        if _is_vowel(after) and (
            (here == _Y and (k == 0 or _is_vowel(before))) or (here == _U and before == _Q)
        ):
            vowel = False
        found += vowel and not previous
        if k > 0 and _is_vowel(here) and _is_vowel(before):
            beyond = _letter(data, start, n, k + 2)
            found += _is_apart(third, second, before, here, after, beyond, k, n)
            if before == _E and here == _A:
                found += _is_ea_apart(third, second, after, beyond, k, n, data[start])
        previous = vowel
        third, second, before, here = second, before, here, after
    return found


@compiled_within()
def _is_apart(
    third: int, second: int, before: int, here: int, after: int, beyond: int, k: int, n: int
) -> bool:
    """Whether the vowels ``before`` and ``here``, at place k, are spoken apart."""
    if before == _I and here in (_A, _U):
        return not (
            _is_vowel(second)
            or second in (_T, _C, _G)
            or (second in (_S, _L) and third == second)
            or (second == _R and after == _G)
        )
    if before == _I and here == _O:
        return not (
            _is_vowel(second)
            or (second in (_T, _S, _C, _G, _N, _X) and after in (_N, _U))
            or (second == _L and third == _L)
            or (second == _V and after == _R)
        )
    if before == _E and here == _O:
        return not (after == _P or (second == _G and after in (_N, _R)))
    if before == _I and here == _E:
        if after == _T:
            return second in (_U, _C)
        if after == _N:
            return beyond in (_C, _T) and (second not in (_T, _C) or k == 3)
        return after == _R and k + 2 == n and n > 4
    if before == _U and here == _A:
        return not (_is_vowel(second) or second in (_Q, _G, _NONE))
    return False


@compiled_within()
def _is_ea_apart(
    third: int, second: int, after: int, beyond: int, k: int, n: int, first: int
) -> bool:
    """Whether e and a are spoken apart: idea, areas; create, theatre, reality."""
    if k + 1 == n or (after == _S and k + 2 == n):
        return n > 5 or _is_vowel(first | 32)
    if after == _T:
        return (third == _C and second == _R) or (third == _T and second == _H)
    return second == _R and after == _L and beyond == _I


@compiled_within()
def _ending(data: UInt8[np.ndarray, " bytes"], start: int, n: int) -> int:
    """-1 for a silent e in the ending, +1 for one that is spoken apart, else 0."""
    last, second = _letter(data, start, n, n - 1), _letter(data, start, n, n - 2)
    third, fourth = _letter(data, start, n, n - 3), _letter(data, start, n, n - 4)
    if last == _E:
        if _is_plain_vowel(second):
            return -(n > 4 and second == _U and third in (_G, _Q))
        return -(not (second in (_L, _R) and not _is_vowel(third) and third != second))
    if n > 3 and second == _E and last in (_S, _D):
        if _is_plain_vowel(third) or (third == _L and not _is_vowel(fourth) and fourth != _L):
            return 0
        if last == _D:
            return -(third not in (_T, _D))
        return -(third not in (_S, _X, _Z, _C, _G) and not (third == _H and fourth in (_C, _S)))
    if n > 3 and last == _M and second == _S and third == _I:
        return 1
    fifth = _letter(data, start, n, n - 5)
    if n > 4 and last == _G and second == _N and third == _I:
        return fourth in (_A, _E, _I, _O) or (fourth == _Y and not _is_vowel(fifth))
    sixth = _letter(data, start, n, n - 6)
    if last == _Y and second == _L:  # basically, safely
        if n > 6 and third == _L and fourth == _A and fifth == _C and sixth == _I:
            return -1
        return -(n > 5 and _is_silent(third, fourth, fifth))
    if last == _S and second == _S and third == _E and fourth in (_L, _N):  # careless
        seventh = _letter(data, start, n, n - 7)
        return -(n > 6 and _is_silent(fifth, sixth, seventh))
    if last == _L and second == _U and third == _F:  # useful
        return -(n > 5 and _is_silent(fourth, fifth, sixth))
    if last == _S and second == _T:  # movements
        last, second, third, fourth, fifth = second, third, fourth, fifth, sixth
        n -= 1
    if last == _T and second == _N and third == _E and fourth == _M:
        sixth = _letter(data, start, n, n - 6)
        return -(n > 7 and _is_silent(fifth, sixth, _letter(data, start, n, n - 7)))
    return 0


@compiled_within()
def _is_silent(e: int, before: int, second: int) -> bool:
    """Whether the letter before a suffix is an e that is not spoken."""
    return e == _E and not _is_vowel(before) and not (before == _L and not _is_vowel(second))


@compiled_within()
def _beginning(data: UInt8[np.ndarray, " bytes"], start: int, n: int) -> int:
    """-1 for the silent e inside something, everywhere, therefore, whereas; else 0."""
    first, second = _letter(data, start, n, 0), _letter(data, start, n, 1)
    third, fourth = _letter(data, start, n, 2), _letter(data, start, n, 3)
    if n < 5:
        return 0
    if first == _S and second == _O and third == _M and fourth == _E:
        return -1
    fifth = _letter(data, start, n, 4)
    if n < 6:
        return 0
    if first == _E and second == _V and third == _E and fourth == _R and fifth == _Y:
        return -1
    start_of = (first == _T and second == _H) or (first == 119 and second == _H)
    return -(start_of and third == _E and fourth == _R and fifth == _E)
