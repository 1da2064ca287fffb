"""Counts the words that dataselect/scorers/words/frequent.txt holds, by rank.

    python benchmarks/frequent_words.py web_mix.parquet --out frequent.txt

A word's rank is that of its mean over the sources of ln(1 + occurrences per million words), so that
no source counts more than another, and a word that one source alone uses stands far down. Words
seen in fewer than four sources, and single letters but a and i, are left out.
"""

from __future__ import annotations

import argparse
import math
import re
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow.parquet as pq

SOURCES = {
    "gutenberg": "books", "brown": "edited", "news20": "forum", "imdb": "reviews",
    "enwiki": "wiki", "gsm8k": "arithmetic", "nltk_webtext": "informal",
    "dragnet_comments": "comments", "dragnet_gold": "web", "trafilatura_main": "web",
    "c4": "web", "c4_guardian": "web", "ccnet_head": "web",
}  # fmt: skip
KEPT, SEEN_IN = 16384, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    table = pq.read_table(arguments.corpus, columns=["source", "lang", "text"])
    for batch in table.to_batches(2000):
        for row in batch.to_pylist():
            if row["lang"] == "en" and row["source"] in SOURCES:
                counts[SOURCES[row["source"]]].update(re.findall("[a-z]+", row["text"].lower()))
    totals = {source: words.total() for source, words in counts.items()}
    rank: dict[str, float] = {}
    for word in set().union(*counts.values()):
        often = [words[word] / totals[source] * 1e6 for source, words in counts.items()]
        if sum(each > 0 for each in often) >= SEEN_IN and (len(word) > 1 or word in "ai"):
            rank[word] = sum(map(math.log1p, often)) / len(often)
    chosen = sorted(rank, key=lambda word: (-rank[word], word))[:KEPT]
    arguments.out.write_text("".join(f"{word}\n" for word in chosen), "utf-8")
    print({source: f"{total / 1e6:.2f} M words" for source, total in totals.items()})
    print(len(rank), "words,", len(chosen), "kept; the last:", ", ".join(chosen[-12:]))


if __name__ == "__main__":
    main()
