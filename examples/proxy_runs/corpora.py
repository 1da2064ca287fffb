"""A corpus, references for scorers, and validation sets: on disk, with no document in common."""

from __future__ import annotations

import json
import pydoc_data.topics
from pathlib import Path

import numpy as np

# Clean by provenance: of each, documents to validate on and others to score against.
SOURCES = {"web": "dragnet_gold", "edited": "brown", "books": "gutenberg", "wiki": "enwiki"}
HELD, REFERENCES = 60, 60


def write_corpora(corpus: Path | None, out: Path) -> None:
    """``corpus``, ``validation/NAME.jsonl`` and ``references/NAME.jsonl``.

    Validation documents stay in the corpus: leaving them and their near copies out is the business
    of learning and selecting. References do not: a score is no judge of what it was made from.
    """
    for name in ("validation", "references"):
        (out / name).mkdir(parents=True, exist_ok=True)
    if (out / "written").exists():
        return
    if corpus is None:
        _write_demonstration(out)
    else:
        _write_web_mix(corpus, out)
    (out / "written").touch()


def _write_web_mix(corpus: Path, out: Path) -> None:
    import polars as pl

    table = pl.read_parquet(corpus)
    rng = np.random.default_rng(0)
    referred: list[str] = []
    for name, source in SOURCES.items():
        own = table.filter((pl.col("source") == source) & (pl.col("lang") == "en"))
        own = own.unique("text", keep="first", maintain_order=True)
        texts = own["text"].gather(rng.permutation(len(own))).to_list()
        held, end = min(HELD, len(texts) // 3), min(HELD + REFERENCES, 2 * len(texts) // 3)
        _write(out / "validation" / f"{name}.jsonl", texts[:held])
        _write(out / "references" / f"{name}.jsonl", texts[held:end])
        referred += texts[held:end]
    kept = table.filter(~pl.col("text").is_in(pl.Series(referred).implode()))
    kept.select("id", "domain", "text").write_parquet(out / "corpus.parquet", row_group_size=2_000)


def _write_demonstration(out: Path) -> None:
    """Python's own documentation; three in five have their words in disorder, or shout."""
    rng = np.random.default_rng(0)
    every = pydoc_data.topics.topics.values()
    texts = [text[: text.rfind(" ", 0, 1_500)] for text in every if len(text) > 500]
    held, referred, rest = texts[::5], texts[1::5], []
    for i, text in enumerate(texts):
        if i % 5 > 1:
            rest += [text, " ".join(rng.permutation(text.split())), text.upper()]
    _write(out / "validation" / "docs.jsonl", held)
    _write(out / "references" / "docs.jsonl", referred)
    _write(out / "corpus.jsonl", [*rest, *held])


def _write(path: Path, texts: list[str]) -> None:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
