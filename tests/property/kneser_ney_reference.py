"""Interpolated modified Kneser-Ney in plain Python, straight from the formulas; slow.

Tokens are strings, n-grams tuples; nothing is hashed, nothing is in back-off form.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import cache

WORDS = re.compile(r"\w+|[^\w\s]+")
BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"


def lines_of(text: str, unit: str) -> list[list[str]]:
    lines = []
    for line in text.split("\n"):
        found = WORDS.findall(line.lower()) if unit == "words" else list(map(str, line.encode()))
        if found:
            lines.append([BEGIN, *found, END])
    return lines


class Reference:
    def __init__(self, texts: list[str], order: int, unit: str = "words", least: int = 1) -> None:
        lines = [line for text in texts for line in lines_of(text, unit)]
        self.order, self.unit, self.least = order, unit, least
        self.raw = [
            Counter(
                tuple(line[i : i + n])
                for line in lines
                for i in range(len(line) - n + 1)
                if n > 1 or line[i] != BEGIN
            )
            for n in range(1, order + 1)
        ]
        self.counts = [self.adjusted(n) for n in range(1, order + 1)]
        self.discounts = [self.discount(counts) for counts in self.counts]
        self.vocabulary = [gram[0] for gram in self.raw[0]]
        self.p = cache(self._p)

    def adjusted(self, n: int) -> Counter[tuple[str, ...]]:
        if n == self.order:
            return self.raw[n - 1]
        counts = Counter(gram[1:] for gram in self.raw[n])
        for gram, often in self.raw[n - 1].items():
            if gram[0] == BEGIN:
                counts[gram] = often
        return counts

    @staticmethod
    def discount(counts: Counter[tuple[str, ...]]) -> tuple[float, ...]:
        t = [sum(count == k for count in counts.values()) for k in range(5)]
        if t[1] and t[2] and t[3]:
            y = t[1] / (t[1] + 2 * t[2])
            found = [k - (k + 1) * y * t[k + 1] / t[k] for k in (1, 2, 3)]
            if min(found) >= 0:
                return (0.0, *found)
        return (0.0, 0.5, 1.0, 1.5)

    def _p(self, word: str, context: tuple[str, ...]) -> float:
        n = len(context) + 1
        if n > 1:
            after = {g: c for g, c in self.counts[n - 1].items() if g[:-1] == context}
        else:
            after = dict(self.counts[0])
        lower = 1 / (len(self.vocabulary) + 1) if n == 1 else self.p(word, context[1:])
        total = sum(after.values())
        if not total:
            return lower
        freed = taken = 0.0
        for gram, count in after.items():
            dropped = n >= 3 and self.raw[n - 1][gram] < self.least
            own = count if dropped else self.discounts[n - 1][min(count, 3)]
            freed += own
            if gram[-1] == word:
                taken = count - own
        return taken / total + freed / total * lower

    def log(self, text: str) -> tuple[float, int, int]:
        """ln p, events, unknown tokens of a document."""
        total, events, unknown = 0.0, 0, 0
        known = set(self.vocabulary)
        for line in lines_of(text, self.unit):
            words = [BEGIN, *(w if w in known else UNKNOWN for w in line[1:])]
            for i in range(1, len(words)):
                context = tuple(words[max(0, i - self.order + 1) : i])
                total += math.log(self.p(words[i], context))
                events += 1
                unknown += words[i] == UNKNOWN
        return total, events, unknown
