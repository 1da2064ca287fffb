"""Fits the weights of `tokens_estimate`, and says how far off it is.

    python benchmarks/token_estimate.py CORPUS.parquet TOKENIZER.json...

Of every 25th document (its first 20,000 characters), half is for fitting: non-negative least
squares of the mean count of the tokenizers on seven counts, in relative error. The other half is
for the figures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.optimize import nnls
from tokenizers import Tokenizer

from dataselect.scorers.signals import signals
from dataselect.scorers.signals.text import ENGLISH_STOP_WORDS, TOKEN_WEIGHTS


def counted(texts: list[str]) -> np.ndarray:
    """The seven counts, from the texts themselves."""
    import re

    from dataselect.scorers.signals.kernels.stop_words import stop_words
    from dataselect.scorers.signals.kernels.unicode_tables import SCRIPTS

    english = stop_words()

    unspaced = re.compile("[" + "".join(f"{chr(a)}-{chr(b)}" for a, b in SCRIPTS) + "]")
    rows = []
    for text in texts:
        letters = [character for character in text if character.isalpha()]
        latin = sum(map(str.isascii, letters))
        other = len(unspaced.findall("".join(letters)))
        words = re.findall(r"\w+|[^\w\s]+", text)
        alphabetic = sum(re.search("[a-zA-Z]", word) is not None for word in words)
        share = sum(word in english for word in words) / alphabetic if alphabetic else 1.0
        foreign = latin * max(0.0, 1 - share / ENGLISH_STOP_WORDS)
        rows.append([len(words), latin, len(letters) - latin - other, other, text.count("\n"),
                     len(text) - len(letters), foreign])  # fmt: skip
    return np.array(rows, float)


def report(what: str, estimate: np.ndarray, tokens: np.ndarray) -> None:
    off = np.abs(estimate / tokens - 1)
    print(
        f"{what:34} {len(tokens):5d} documents: half within {np.median(off):.1%}, nine in ten "
        f"within {np.quantile(off, 0.9):.1%}, all together {estimate.sum() / tokens.sum() - 1:+.1%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("tokenizers", type=Path, nargs="+")
    arguments = parser.parse_args()
    table = pq.read_table(arguments.corpus, columns=["text", "lang"]).to_pylist()[::25]
    rows = [row for row in table if row["text"].strip()]
    texts = [row["text"][:20000] for row in rows]
    language = np.array([str(row["lang"]) for row in rows])
    each = []
    for path in arguments.tokenizers:
        tokenizer = Tokenizer.from_file(str(path))
        encoded = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        each.append([len(one) for one in encoded])
    tokens = np.mean(each, axis=0)
    counts = counted(texts)
    fit = np.arange(len(texts)) % 2 == 0
    weight = 1 / np.maximum(tokens, 20)
    found, _ = nnls(counts[fit] * weight[fit, None], (tokens * weight)[fit])
    print("fitted:", dict(zip(TOKEN_WEIGHTS, found.round(3).tolist(), strict=True)))
    batch = pa.RecordBatch.from_arrays([pa.array(texts)], names=["text"])
    ours = signals(("tokens_estimate",)).score(batch).column(0).to_numpy().astype(float)
    print(f"tokens_estimate, against the mean of {len(each)} tokenizers, on the other half")
    report("all", ours[~fit], tokens[~fit])
    for name in np.unique(language):
        some = ~fit & (language == name)
        if some.sum() >= 5:
            report(f"language {name}", ours[some], tokens[some])
    for path, one in zip(arguments.tokenizers, each, strict=True):
        report(path.name, ours[~fit], np.array(one, float)[~fit])


if __name__ == "__main__":
    main()
