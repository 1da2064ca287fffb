"""Unicode as tables that kernels read: classes as Python's ``str`` defines them, and folding.

Built from the running Python once a process, in about a quarter of a second; nothing is stored.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import repeat
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, UInt32

from dataselect.scorers.signals.kernels.stop_words import stop_word_tables
from zerocost.compiled import compiled_within

__all__ = [
    "ALNUM",
    "ASCII_LETTER",
    "CASED",
    "END",
    "IGNORABLE",
    "LETTER",
    "LOWER",
    "MARK",
    "NONASCII",
    "NUMERIC",
    "PUNCTUATION",
    "SCRIPTS",
    "SPACE",
    "SYMBOL",
    "TERMINAL",
    "TITLE",
    "UNICODE",
    "UNSPACED",
    "UPPER",
    "WORD",
    "Tables",
    "class_of",
    "unicode_tables",
]

SPACE = 1 << 0
"""``str.isspace``, the same set as ``\\s``."""
WORD = 1 << 1
"""``\\w``: ``str.isalnum`` or the underscore."""
ALNUM = 1 << 2
"""``str.isalnum``."""
LETTER = 1 << 3
"""``str.isalpha``."""
ASCII_LETTER = 1 << 4
"""a-z, A-Z."""
UPPER = 1 << 5
"""``str.isupper`` of the single character."""
LOWER = 1 << 6
"""``str.islower`` of the single character."""
NUMERIC = 1 << 7
"""``str.isnumeric``."""
PUNCTUATION = 1 << 8
"""``string.punctuation``: 32 ASCII characters."""
END = 1 << 9
"""``.``, ``!`` or ``?``."""
NONASCII = 1 << 10
"""U+0080 and above."""
UNSPACED = 1 << 11
"""A letter of a script that is written without spaces between words."""
CASED = 1 << 12
"""What a capital sigma has to follow to become a final one."""
IGNORABLE = 1 << 13
"""What is skipped in looking for that."""
MARK = 1 << 14
"""A combining mark (categories Mn, Mc, Me)."""

TERMINAL = 1 << 15
"""Ends a sentence (Unicode's Sentence_Terminal), in any script."""

SYMBOL = 1 << 16
"""U+2026, three full stops in one."""

TITLE = 1 << 17
"""``str.istitle`` but not ``str.isupper``: the four letters like U+01C5, and Greek ones."""

UNICODE = f"unicode {unicodedata.unidata_version}"
"""The version of the tables; part of a scorer's fingerprint."""

SCRIPTS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x109F),  # Tibetan, Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19FF),  # Tai Le, New Tai Lue, Khmer symbols
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x1B00, 0x1B7F),  # Balinese
    (0x3005, 0x3007),  # ideographic iteration mark, zero
    (0x3021, 0x3029),  # Hangzhou numerals
    (0x3041, 0x312F),  # Hiragana, Katakana, Bopomofo
    (0x31A0, 0x31BF),  # Bopomofo extended
    (0x31F0, 0x31FF),  # Katakana extended
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xA980, 0xA9DF),  # Javanese
    (0xA9E0, 0xA9FF),  # Myanmar extended
    (0xAA60, 0xAADF),  # Myanmar extended, Tai Viet
    (0xF900, 0xFAFF),  # Han, compatibility
    (0xFF66, 0xFF9F),  # Katakana, half width
    (0x1AFF0, 0x1B16F),  # Kana
    (0x20000, 0x3FFFF),  # Han
)
_CODES = 0x110000
_TERMINAL = (
    "!.?։؝؞؟۔܀܁܂߹࠷࠹࠽࠾।॥၊။።፧፨᙮᜵᜶។៕៖៙៚᠃᠉᥄᥅᪨᪩᪪᪫᭚᭛᭞᭟᭽᭾᰻᰼᱾᱿‼‽⁇⁈⁉⸮⸼⹓⹔。꓿꘎꘏꛳꛷꡶꡷꣎꣏꤯꧈꧉꩝꩞꩟꫰꫱꯫﹒﹖﹗！．？｡"
    "\U00010a56\U00010a57\U00010f55\U00010f56\U00010f57\U00010f58\U00010f59\U00010f86"
    "\U00010f87\U00010f88\U00010f89\U00011047\U00011048\U000110be\U000110bf\U000110c0"
    "\U000110c1\U00011141\U00011142\U00011143\U000111c5\U000111c6\U000111cd\U000111de"
    "\U000111df\U00011238\U00011239\U0001123b\U0001123c\U000112a9\U0001144b\U0001144c"
    "\U000115c2\U000115c3\U000115c9\U000115ca\U000115cb\U000115cc\U000115cd\U000115ce"
    "\U000115cf\U000115d0\U000115d1\U000115d2\U000115d3\U000115d4\U000115d5\U000115d6"
    "\U000115d7\U00011641\U00011642\U0001173c\U0001173d\U0001173e\U00011944\U00011946"
    "\U00011a42\U00011a43\U00011a9b\U00011a9c\U00011c41\U00011c42\U00011ef7\U00011ef8"
    "\U00011f43\U00011f44\U00016a6e\U00016a6f\U00016af5\U00016b37\U00016b38\U00016b44"
    "\U00016e98\U0001bc9f\U0001da88"
)
_HAN_PLANES = 0x20000
# Beyond these: nothing, or private use.
_ASSIGNED = (range(_HAN_PLANES), range(_HAN_PLANES, 0x40000), range(0xE0000, 0xE1000))
_MARKS = frozenset(("Mn", "Mc", "Me"))
_HANGUL = range(0xAC00, 0xD7A4)
_BLOCK = 256


class Tables(NamedTuple):
    """Two-level tables: ``values[index[code >> 8] * 256 + (code & 255)]``.

    Attributes:
        ascii: flags of the 128 ASCII characters.
        index: where each block of 256 code points is in ``flags``.
        flags: the bits above.
        fold_index: where each block is in ``fold``.
        fold: 0 where a code point is its own folding, else 8 * offset + length in ``folded``.
        folded: the code points of NFD(lower(c)) of those that change, Hangul syllables left out.
        order_index: where each block is in ``order``.
        order: canonical combining classes.
        stop_words: hashes of RedPajama's stop words, in a table to look up.
        stop_bits: for each place there, the bit of one of Gopher's stop words, or 0.
    """

    ascii: np.ndarray
    index: np.ndarray
    flags: np.ndarray
    fold_index: np.ndarray
    fold: np.ndarray
    folded: np.ndarray
    order_index: np.ndarray
    order: np.ndarray
    stop_words: np.ndarray
    stop_bits: np.ndarray


@compiled_within()
def class_of(
    index: Int32[np.ndarray, " blocks"], flags: UInt32[np.ndarray, " values"], code: int
) -> int:
    """The flags of a code point."""
    return np.int64(flags[(np.int64(index[code >> 8]) << 8) + (code & 255)])


@lru_cache(maxsize=1)
def unicode_tables() -> Tables:
    """The tables of the running Python's Unicode."""
    flags = _flags()
    fold, folded = _folding()
    order = np.zeros(_CODES, np.uint8)
    for codes, characters in _assigned():
        order[codes] = list(map(unicodedata.combining, characters))
    index, blocks = _two_level(flags)
    fold_index, fold_blocks = _two_level(fold)
    order_index, order_blocks = _two_level(order)
    return Tables(
        flags[:128].copy(),
        index,
        blocks,
        fold_index,
        fold_blocks,
        folded,
        order_index,
        order_blocks,
        *stop_word_tables(),
    )


def _assigned() -> Iterator[tuple[slice, str]]:
    for codes in _ASSIGNED:
        # Surrogates stand in no UTF-8, and a str of them cannot be joined to others' encodings.
        yield slice(codes.start, codes.stop), "".join(map(chr, codes))


def _flags() -> np.ndarray:
    flags = np.zeros(_CODES, np.uint32)
    tests: tuple[tuple[int, Callable[[str], bool]], ...] = (
        (SPACE, str.isspace),
        (WORD | ALNUM, str.isalnum),
        (LETTER, str.isalpha),
        (UPPER, str.isupper),
        (LOWER, str.islower),
        (TITLE, str.istitle),
        (NUMERIC, str.isnumeric),
    )
    for codes, characters in _assigned():
        part = flags[codes]
        for flag, test in tests:
            # istitle holds for capital letters too; only those that are not upper-case count.
            where = np.fromiter(map(test, characters), bool, len(characters))
            if test is str.istitle:
                where &= part & UPPER == 0
            part[where] |= flag
        marks = map(_MARKS.__contains__, map(unicodedata.category, characters))
        part[np.fromiter(marks, bool, len(characters))] |= MARK
        if codes.start != _HAN_PLANES:
            cased, ignorable = _sigma_context(characters)
            part[cased] |= CASED
            part[ignorable] |= IGNORABLE
    for low, high in SCRIPTS:
        part = flags[low : high + 1]
        part[part & LETTER != 0] |= UNSPACED
    flags[ord("_")] |= WORD
    flags[_codes(string.ascii_letters)] |= ASCII_LETTER
    flags[_codes(string.punctuation)] |= PUNCTUATION
    flags[_codes(".!?")] |= END
    flags[ord("…")] |= SYMBOL
    flags[_codes(_TERMINAL)] |= TERMINAL
    flags[128:] |= NONASCII
    return flags


def _sigma_context(characters: str) -> tuple[np.ndarray, np.ndarray]:
    # Python does not tell which characters are cased or case-ignorable; its lower() does: a capital
    # sigma becomes a final one after a cased letter, with ignorable ones between skipped.
    def finals(before: str) -> np.ndarray:
        parts = (before + f"Σ\0{before}".join(characters) + "Σ").lower().split("\0")
        return np.fromiter(map("ς".__eq__, map(itemgetter(-1), parts)), bool, len(parts))

    characters = characters.replace("\0", "\1")  # the separator; both are neither
    cased = finals("")
    return cased, finals("A") & ~cased


def _folding() -> tuple[np.ndarray, np.ndarray]:
    fold = np.zeros(_CODES, np.int32)
    folded: list[int] = []
    for codes, characters in _assigned():
        lowered = map(str.lower, characters)
        normal = list(map(unicodedata.normalize, repeat("NFD"), lowered))
        changed = np.fromiter(map(str.__ne__, normal, characters), bool, len(characters))
        for at in np.flatnonzero(changed).tolist():
            if at + codes.start not in _HANGUL:
                fold[at + codes.start] = 8 * len(folded) + len(normal[at])
                folded.extend(map(ord, normal[at]))
    return fold, np.array(folded, np.int32)


def _codes(characters: Iterable[str]) -> list[int]:
    return [ord(character) for character in characters]


def _two_level(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found: dict[bytes, int] = {}
    index = [found.setdefault(block.tobytes(), len(found)) for block in values.reshape(-1, _BLOCK)]
    blocks = np.frombuffer(b"".join(found), values.dtype)
    return np.array(index, np.int32), blocks
