"""Syllables and readability in plain Python; see ``signals_reference``."""

from __future__ import annotations

import unicodedata

from signals_reference import Value, sentences

VOWELS = frozenset("aeiouy")
PLAIN = frozenset("aeiou")


def syllables(letters: str) -> int:  # noqa: PLR0912
    """Syllables of a word of ASCII letters: vowel groups, hiatus, silent endings."""
    word = letters[:64].lower()
    n = len(word)

    def at(k: int) -> str:
        return word[k] if 0 <= k < n else " "

    def silent(suffix: str) -> bool:
        k = n - len(suffix) - 1
        return (
            k > (1 if suffix in ("ful", "less", "ness") else 2)
            and word.endswith("e" + suffix)
            and at(k - 1) not in VOWELS
            and not (at(k - 1) == "l" and at(k - 2) not in VOWELS)
        )

    vowel = [letter in VOWELS for letter in word]
    for k, letter in enumerate(word):
        if letter == "y" and at(k + 1) in VOWELS and (k == 0 or at(k - 1) in VOWELS):
            vowel[k] = False
        if letter == "u" and at(k - 1) == "q" and at(k + 1) in VOWELS:
            vowel[k] = False
    total = sum(v and not (k and vowel[k - 1]) for k, v in enumerate(vowel))
    for k in range(1, n):
        pair, second, third = word[k - 1 : k + 1], at(k - 2), at(k - 3)
        after, beyond = at(k + 1), at(k + 2)
        if pair in ("ia", "iu"):
            total += not (
                second in VOWELS
                or second in "tcg"
                or (second in "sl" and third == second)
                or (second == "r" and after == "g")
            )
        elif pair == "io":
            total += not (
                second in VOWELS
                or (second in "tscgnx" and after in "nu")
                or (second == "l" and third == "l")
                or (second == "v" and after == "r")
            )
        elif pair == "eo":
            total += not (after == "p" or (second == "g" and after in "nr"))
        elif pair == "ie" and after == "t":
            total += second in "uc"
        elif pair == "ie" and after == "n":
            total += beyond in "ct" and (second not in "tc" or k == 3)
        elif pair == "ie":
            total += after == "r" and k + 2 == n and n > 4
        elif pair == "ua":
            total += not (second in VOWELS or second in "qg ")
        elif pair == "ea":
            final = k + 1 == n or (after == "s" and k + 2 == n)
            total += (
                (n > 5 or word[0] in VOWELS)
                if final
                else (word[max(0, k - 3) : k + 2] in ("creat", "theat") and k >= 3)
                or word[max(0, k - 2) : k + 3] == "reali"
            )
    if n < 3:
        return max(1, total)
    second, third, fourth = at(n - 2), at(n - 3), at(n - 4)
    syllabic = third == "l" and fourth not in VOWELS and fourth != "l"
    if word[-1] == "e":
        if second in PLAIN:
            total -= n > 4 and word[-3:] in ("gue", "que")
        else:
            total -= not (second in "lr" and third not in VOWELS and third != second)
    elif n > 3 and word[-2:] == "es":
        total -= not (third in PLAIN or syllabic or third in "sxzcg" or word[-4:-2] in ("ch", "sh"))
    elif n > 3 and word[-2:] == "ed":
        total -= not (third in PLAIN or syllabic or third in "td")
    elif n > 3 and word[-3:] == "ism":
        total += 1
    elif n > 4 and word[-3:] == "ing":
        total += fourth in "aeio" or (fourth == "y" and at(n - 5) not in VOWELS)
    elif n > 6 and word.endswith("ically"):
        total -= 1
    else:
        total -= any(map(silent, ("ly", "ment", "ments", "ful", "less", "ness")))
    if n > 4 and word.startswith("some"):
        total -= 1
    if n > 5 and word.startswith(("every", "there", "where")):
        total -= 1
    return max(1, total)


def reading(text: str, terminal: frozenset[str]) -> dict[str, Value]:
    """Readability by its formulas; None where the letters are not mostly Latin."""
    words = [
        word
        for piece in text.split()
        for word in _reading_words(piece)
    ]  # fmt: skip
    letters = sum(sum(map(str.isalpha, word)) for word in words)
    spoken = sum(syllables(_plain(word)) for word in words)
    found = sentences(text, terminal)
    everything = [letter for letter in text if letter.isalpha()]
    latin = 2 * sum(letter.isascii() for letter in everything) >= len(everything)
    if not words or not found or not latin:
        return dict.fromkeys(
            ("flesch_reading_ease", "flesch_kincaid_grade", "automated_readability_index",
             "coleman_liau_index")
        )  # fmt: skip
    n = len(words)
    return {
        "flesch_reading_ease": 206.835 - 1.015 * n / found - 84.6 * spoken / n,
        "flesch_kincaid_grade": 0.39 * n / found + 11.8 * spoken / n - 15.59,
        "automated_readability_index": 4.71 * letters / n + 0.5 * n / found - 21.43,
        "coleman_liau_index": 5.88 * letters / n - 29.6 * found / n - 15.8,
    }


def _reading_words(piece: str) -> list[str]:
    """Runs of letters, with the marks and the apostrophes inside them."""
    words: list[str] = []
    word = ""
    for k, character in enumerate(piece):
        letter = character.isalpha()
        mark = unicodedata.category(character).startswith("M")
        apostrophe = character in "'’" and piece[k + 1 : k + 2].isalpha()
        if letter or (word and (mark or apostrophe)):
            word += character
        elif word:
            words.append(word)
            word = ""
    return [*words, word] if word else words


def _plain(word: str) -> str:
    """The letters of a word as ASCII: an accented vowel is an a, any other letter an x."""
    return "".join(
        letter
        if letter.isascii()
        else "a"
        if len(base := unicodedata.normalize("NFD", letter.lower())) > 1 and base[0] in VOWELS
        else "x"
        for letter in word
        if letter.isalpha()
    )
