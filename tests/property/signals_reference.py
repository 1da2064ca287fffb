"""Every signal in plain Python, straight from its definition; slow, and as simple as can be.

It knows nothing of the kernels: no hashes, no tables, no states. What RedPajama's and datatrove's
code does is done here with the same means (regular expressions, ``str`` methods, ``Counter``).
"""

from __future__ import annotations

import math
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

RAW_WORD = re.compile(r"\w+|[^\w\s]+")
SPLIT_SENTENCE = re.compile(r"\b[^.!?]+[.!?]*")
LINE = re.compile(r"[^\n]*\n|[^\n]+$")
BULLETS = tuple("\u2022\u2023\u25b6\u25c0\u25e6\u25a0\u25a1\u25aa\u25ab\u2013")
ELLIPSES = ("...", "…")
NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
GOPHER_STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}

Value = float | int | None


def normalised(text: str) -> str:
    text = re.sub(r"\s+", " ", text.translate(NO_PUNCTUATION).lower().strip())
    return unicodedata.normalize("NFD", text)


def mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return math.fsum(listed) / len(listed) if listed else None


def share(test: Callable[[Any], bool], elements: Sequence[Any]) -> float | None:
    return mean(bool(test(element)) for element in elements)


def n_grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def in_top(words: Sequence[str], n: int, *, spaces: bool) -> int:
    found = Counter(n_grams(words, n)).most_common(1)
    if not found or found[0][1] < 2:
        return 0
    return (sum(map(len, found[0][0])) + (n - 1 if spaces else 0)) * found[0][1]


def in_repeated(words: Sequence[str], n: int) -> int:
    grams = n_grams(words, n)
    often = Counter(grams)
    covered = {k for i, gram in enumerate(grams) if often[gram] > 1 for k in range(i, i + n)}
    return sum(len(words[k]) for k in covered)


def read_before(words: Sequence[str], n: int) -> int:
    seen: set[tuple[str, ...]] = set()
    characters = i = 0
    while i + n <= len(words):
        gram = tuple(words[i : i + n])
        if gram in seen:
            characters += sum(map(len, gram))
            i += n
        else:
            seen.add(gram)
            i += 1
    return characters


def duplicates(elements: Sequence[str]) -> tuple[int, int]:
    again = [element for i, element in enumerate(elements) if element in set(elements[:i])]
    return len(again), sum(map(len, again))


def entropy(words: Sequence[str]) -> float | None:
    total = len(words)
    counts = Counter(words).values()
    return math.fsum(-c / total * math.log(c / total) for c in counts) if words else None


def redpajama(text: str, stop_words: frozenset[str]) -> dict[str, Value]:
    raw = RAW_WORD.findall(text)
    whole = normalised(text)
    words = whole.split()
    lines = LINE.findall(text)
    plain_lines = [normalised(line) for line in lines]
    characters = sum(map(len, words))
    found: dict[str, Value] = {
        "rps_doc_word_count": len(words),
        "rps_doc_mean_word_length": mean(map(len, words)),
        "rps_doc_num_sentences": len(SPLIT_SENTENCE.findall(text)),
        "rps_doc_symbol_to_word_ratio": sum(map(text.count, ("#", *ELLIPSES))) / len(raw)
        if raw
        else None,
        "rps_doc_frac_lines_end_with_ellipsis": share(
            lambda line: line.rstrip().endswith(ELLIPSES), lines
        ),
        "rps_doc_frac_no_alph_words": share(lambda w: not re.search("[a-zA-Z]", w), raw),
        "rps_doc_frac_unique_words": len(set(words)) / len(words) if words else None,
        "rps_doc_unigram_entropy": entropy(words),
        "rps_doc_frac_all_caps_words": share(str.isupper, raw),
        "rps_doc_lorem_ipsum": whole.count("lorem ipsum") / len(whole) if whole else 0.0,
        "rps_doc_curly_bracket": sum(map(text.count, "{}")) / len(text) if text else 0.0,
        "rps_doc_stop_word_fraction": share(stop_words.__contains__, raw) if words else 0.0,
        "rps_lines_javascript_counts": mean(
            line.split().count("javascript") for line in plain_lines
        ),
        "rps_lines_ending_with_terminal_punctution_mark": share(
            lambda line: line.rstrip().endswith((".", "!", "?", "”")), lines
        ),
        "rps_lines_num_words": mean(len(line.split()) for line in plain_lines),
        "rps_lines_uppercase_letter_fraction": mean(
            sum(map(str.isupper, line)) / len(line) for line in lines
        ),
        "rps_lines_numerical_chars_fraction": mean(
            sum(map(str.isnumeric, line)) / len(line) if line else 0.0 for line in plain_lines
        ),
        "rps_lines_start_with_bulletpoint": share(
            lambda line: line.lstrip().startswith(BULLETS), lines
        ),
    }
    for n in (2, 3, 4):
        top = in_top(words, n, spaces=False)
        found[f"rps_doc_frac_chars_top_{n}gram"] = top / characters if characters else 0.0
    for n in range(5, 11):
        repeated = in_repeated(words, n)
        found[f"rps_doc_frac_chars_dupe_{n}grams"] = repeated / characters if characters else 0.0
    return found


def _inside(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _parts(piece: str, at: int) -> bool:
    """Whether a mark inside a piece is a word of its own."""
    if at == 0 or at + 1 >= len(piece) or _inside(piece[at]):
        return False
    before, mark, after = piece[at - 1 : at + 2]
    if mark in "-–—~":
        return before.isalnum() and (after.isalpha() or (before.isnumeric() and after.isnumeric()))
    if mark in ":/=<>":
        return before.isalnum() and after.isalpha()
    if mark == ",":
        return before.isalpha() and after.isalpha()
    if mark == ".":
        return before.islower() and after.isupper()
    return mark in "+*" and before.isnumeric() and after.isnumeric()


def gopher_words(text: str) -> list[str]:
    words: list[str] = []
    for piece in text.split():

        def edge(character: str) -> bool:
            return not _inside(character) and character not in "-/\\|^~@"

        low, high = 0, len(piece)
        while low < high and edge(piece[low]):
            low += 1
        while high > low and edge(piece[high - 1]):
            high -= 1
        words += re.findall(r"\.+|.", piece[:low], re.DOTALL)
        inner = piece[low:high]
        word = ""
        for k, character in enumerate(inner):
            if _parts(inner, k):
                words += [word, character]
                word = ""
            elif (
                character in "'’"
                and 0 < k < len(inner) - 1
                and inner[k - 1].isalpha()
                and inner[k + 1].isalpha()
            ):
                words.append(word)
                word = character
            else:
                word += character
        words.append(word)
        words += re.findall(r"\.+|.", piece[high:], re.DOTALL)
    return [word for word in words if word]


def gopher(text: str) -> dict[str, Value]:
    words = gopher_words(text)
    counted = [word for word in words if any(map(str.isalnum, word))]
    lines = LINE.findall(text)
    full = [line.removesuffix("\n") for line in lines if line.strip()]
    paragraphs = re.split(r"\n{2,}", text.strip()) if text.strip() else []
    line_count, line_characters = duplicates(full)
    paragraph_count, paragraph_characters = duplicates(paragraphs)

    def of_text(characters: float) -> float | None:
        return characters / len(text) if text else None

    def per_word(symbols: float) -> float | None:
        return symbols / len(words) if words else None

    found: dict[str, Value] = {
        "gopher_word_count": len(counted),
        "gopher_mean_word_length": mean(map(len, counted)),
        "gopher_hash_ratio": per_word(text.count("#")),
        "gopher_ellipsis_ratio": per_word(sum(map(text.count, ELLIPSES))),
        "gopher_bullet_line_fraction": share(
            lambda line: line.lstrip().startswith(("•", "-")), lines
        ),
        "gopher_alphabetic_word_fraction": share(lambda word: any(map(str.isalpha, word)), words),
        "gopher_stop_word_count": len(GOPHER_STOP_WORDS & set(words)),
        "gopher_duplicate_line_fraction": line_count / len(full) if full else None,
        "gopher_duplicate_line_character_fraction": of_text(line_characters),
        "gopher_duplicate_paragraph_fraction": paragraph_count / len(paragraphs)
        if paragraphs
        else None,
        "gopher_duplicate_paragraph_character_fraction": of_text(paragraph_characters),
        "fineweb_duplicate_line_character_fraction": line_characters / len(text.replace("\n", ""))
        if text.replace("\n", "")
        else None,
        "fineweb_newline_ratio": per_word(text.count("\n")),
        "fineweb_short_line_fraction": share(lambda line: len(line) <= 30, full),
    }
    for n in (2, 3, 4):
        found[f"gopher_top_{n}gram_character_fraction"] = of_text(in_top(words, n, spaces=True))
    for n in range(5, 11):
        found[f"gopher_duplicate_{n}gram_character_fraction"] = of_text(read_before(words, n))
    return found


CLOSERS = "\"')]}’”»›」』）】》〉"
INLINE = "。！？｡．"
ABBREVIATIONS = {"Mr", "Mrs", "Ms", "Dr", "Prof", "St", "vs"}


def _ends_sentence(piece: str, terminal: frozenset[str]) -> bool:
    bare = piece.rstrip(CLOSERS) or piece[0]
    if bare[-1] not in terminal and bare[-1] != "…":
        return False
    if bare[-1] != ".":
        return True
    letters = bare[:-1]
    while letters and not letters[0].isalpha():
        letters = letters[1:]
    return len(letters) != 1 and letters not in ABBREVIATIONS


def sentences(text: str, terminal: frozenset[str]) -> int:
    """Sentences of paragraph after paragraph, piece after piece."""
    total = 0
    for paragraph in re.split(r"\n{2,}", text):
        begun = ending = False
        for piece in paragraph.split():
            visible = [character for character in piece if character.isalnum()]
            if ending:
                first = visible[0] if visible else ""
                if not first.islower():
                    total += 1
                    begun = False
            ending = False
            for character in piece:
                if character.isalnum():
                    begun = True
                elif begun and character in INLINE:
                    total += 1
                    begun = False
            ending = begun and _ends_sentence(piece, terminal)
        total += begun
    return total


PHRASES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies",
           "use cookies")  # fmt: skip
CITATION = re.compile(r"\[[0-9]*]|\[edit]|\[citation needed]")


def ascii_lower(text: str) -> str:
    return re.sub("[A-Z]", lambda letter: letter[0].lower(), text)


def c4(text: str, terminal: frozenset[str]) -> tuple[dict[str, Value], str]:
    """The quantities behind C4's rules, and the text that its rules on lines leave."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    kept: list[str] = []
    lorem = brackets = 0
    for line in lines:
        words = line.split()
        if max(map(len, words)) > 1000:
            continue
        line = CITATION.sub("", line)  # noqa: PLW2901
        if not line.endswith((".", "?", "!", '"', "'")) or line.endswith("..."):
            continue
        if len(words) < 3:
            continue
        lowered = ascii_lower(line)
        if "lorem ipsum" in lowered:
            lorem += 1
        elif "javascript" in lowered:
            continue
        elif "{" in line:
            brackets += 1
        elif not any(phrase in lowered for phrase in PHRASES):
            kept.append(line)
    return {
        "c4_kept_line_fraction": len(kept) / len(lines) if lines else None,
        "c4_kept_characters": sum(map(len, kept)),
        "c4_sentence_count": sum(max(1, sentences(line, terminal)) for line in kept),
        "c4_lorem_ipsum_lines": lorem,
        "c4_curly_bracket_lines": brackets,
    }, "\n".join(kept)


def sizes(text: str, terminal: frozenset[str]) -> dict[str, Value]:
    lines = LINE.findall(text)
    full = [line for line in lines if line.strip()]
    return {
        "characters": len(text),
        "lines": len(lines),
        "lowercase_fraction": sum(map(str.islower, text)) / len(text) if text else None,
        "paragraphs": len(re.split(r"\n{2,}", text.strip())) if text.strip() else 0,
        "sentences": sentences(text, terminal),
        "fineweb_terminal_line_fraction": share(lambda line: line.rstrip()[-1] in terminal, full),
    }
