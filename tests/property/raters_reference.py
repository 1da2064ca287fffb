"""What a rater sees, in plain Python, straight from its definition; slow, as simple as can be."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from dataselect.scorers.signals.kernels.unicode_tables import SCRIPTS

PRIME = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1
Gram = tuple[str, ...]


def fold(character: str) -> str:
    if 0xAC00 <= ord(character) < 0xD7A4:
        return character
    return unicodedata.normalize("NFD", character.lower())


def unspaced(character: str) -> bool:
    return character.isalpha() and any(low <= ord(character) <= high for low, high in SCRIPTS)


def in_word(character: str) -> bool:
    return (
        character.isalnum()
        or character == "_"
        or unicodedata.category(character) in ("Mn", "Mc", "Me")
    )


def tokens(text: str) -> list[tuple[bool, str]]:
    """(is a word, as it stands) of each token."""
    found: list[tuple[bool, str]] = []
    grows = False
    for character in text:
        if character.isspace():
            grows = False
        elif not in_word(character):
            found.append((False, character))
            grows = False
        elif unspaced(character):
            found.append((True, character))
            grows = False
        elif grows:
            found[-1] = (True, found[-1][1] + character)
        else:
            found.append((True, character))
            grows = True
    return found


def mixed(value: int, length: int) -> int:
    value = (value ^ length) * PRIME & MASK
    return value ^ (value >> 32)


def token_hash(is_word: bool, token: str) -> int:
    folded = "".join(map(fold, token)) if is_word else token
    if is_word and folded.isascii():
        value, letters = 0xCBF29CE484222325, folded.encode()
        for at in range(0, len(letters), 8):
            value = (value ^ int.from_bytes(letters[at : at + 8], "little")) * PRIME & MASK
            value ^= value >> 32
        return mixed(value, len(letters))
    value = 0x2545F4914F6CDD1D
    for character in folded:
        value = (value ^ ord(character)) * PRIME & MASK
    return mixed(value ^ (value >> 32), len(folded))


def pair_hash(before: int, here: int) -> int:
    value = ((before * 0xD6E8FEB86659FD93 + here) ^ 0xD6E8FEB86659FD93) & MASK
    value = (value ^ (value >> 32)) * PRIME & MASK
    return value ^ (value >> 32)


def bucket(value: int, seed: int, bits: int) -> int:
    value = (value ^ seed) * PRIME & MASK
    value = (value ^ (value >> 32)) * PRIME & MASK
    return value >> (64 - bits)


def characters(word: str, shortest: int, longest: int) -> list[str]:
    inside = "<" + "".join(map(fold, word))[:64] + ">"
    return [
        inside[first : first + n]
        for first in range(len(inside))
        for n in range(shortest, longest + 1)
        if first + n <= len(inside)
    ]


def character_bucket(gram: str, bits: int) -> int:
    value = 0x8EBC6AF09C88C6E3
    for character in gram:
        value = (value ^ ord(character)) * PRIME & MASK
    return bucket(value, len(gram) - 1, bits)


def values(
    text: str, *, pairs: bool, shortest: int, longest: int, bits: int
) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """(bucket, 1 + ln count) of each different token and pair, and of each n-gram of a word."""
    listed = tokens(text)
    hashes = [token_hash(*token) for token in listed]
    first = dict(zip(reversed(hashes), reversed(listed), strict=True))
    words, inside = [], []
    for value, count in Counter(hashes).items():
        weight = 1 + math.log(count)
        words.append((bucket(value, 0xA0761D6478BD642F, bits), weight))
        is_word, token = first[value]
        if is_word and shortest:
            inside += [
                (character_bucket(gram, bits), weight)
                for gram in characters(token, shortest, longest)
            ]
    if pairs:
        many = Counter(pair_hash(a, b) for a, b in pairwise(hashes))
        words += [
            (bucket(value, 0xE7037ED1A0B428DB, bits), 1 + math.log(count))
            for value, count in many.items()
        ]
    return words, inside


def block_score(found: list[tuple[int, float]], weights: np.ndarray) -> float:
    scaled = [(value * float(weights[at, 0]), float(weights[at, 1])) for at, value in found]
    square = math.fsum(value**2 for value, _ in scaled)
    return (
        math.fsum(value * weight for value, weight in scaled) / math.sqrt(square) if square else 0
    )


def vocabulary_sums(text: str, ranks: Mapping[str, int]) -> list[float]:
    """Sums of log ranks, then words by bins of rank, of all words and of the different ones."""
    words = [
        "".join(map(fold, token))
        for is_word, token in tokens(text)
        if is_word and token[0].isascii() and token[0].isalpha()
    ]
    sums = [0.0] * 24
    for word, count in Counter(words).items():
        rank = ranks.get(word, 1 << 14)
        group = sum(rank >= 1 << k for k in range(5, 15))
        sums[0] += count * math.log(rank + 3)
        sums[1] += math.log(rank + 3)
        sums[2 + group] += count
        sums[13 + group] += 1
    return sums
