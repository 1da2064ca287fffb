"""Datatrove's Gopher decisions on a corpus, rule by rule, and the time of its two filters.

Runs in an environment of its own, which only this comparison needs:

    python -m venv runs/datatrove && runs/datatrove/bin/pip install 'datatrove[processing]' spacy
    runs/datatrove/bin/python benchmarks/datatrove_decisions.py web_mix.parquet decisions.parquet

A filter stops at the first rule that is broken. To explain differences, the quantities behind all
rules are kept too, from datatrove's own functions on its own words.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datatrove.data import Document
from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.filters.gopher_quality_filter import STOP_WORDS
from datatrove.pipeline.filters.gopher_repetition_filter import (
    find_all_duplicate,
    find_duplicates,
    find_top_duplicate,
    get_n_grams,
)
from datatrove.utils.text import PUNCTUATION_SET, split_into_words


def reason(answer: bool | tuple[bool, str]) -> str | None:
    return answer[1] if isinstance(answer, tuple) else None if answer else "unnamed"


def quantities(text: str, paragraphs: Any, lines: Any) -> dict[str, float | None]:
    words = split_into_words(text, "eng")  # the same words as the filters', from their cache
    plain = [word for word in words if any(letter not in PUNCTUATION_SET for letter in word)]
    n = len(words) or None
    rows = text.splitlines()
    found: dict[str, float | None] = {
        "words": len(plain),
        "tokens": len(words),
        "mean_word_length": sum(map(len, plain)) / len(plain) if plain else None,
        "hash_ratio": text.count("#") / n if n else None,
        "ellipsis_ratio": (text.count("...") + text.count("…")) / n if n else None,
        "bullet_lines": sum(r.lstrip().startswith(("•", "-")) for r in rows) / max(1, len(rows)),
        "ellipsis_lines": sum(r.rstrip().endswith(("...", "…")) for r in rows) / max(1, len(rows)),
        "alpha_words": sum(any(c.isalpha() for c in w) for w in words) / n if n else None,
        "stop_words": len(set(STOP_WORDS) & set(words)),
    }
    length = max(1, len(text))
    for name, parts in (
        ("paragraphs", paragraphs.split(text.strip())),
        ("lines", lines.split(text)),
    ):
        count, chars = find_duplicates(parts)
        found[f"dup_{name}"] = count / len(parts)
        found[f"dup_{name}_chars"] = chars / length
    for size in (2, 3, 4):
        grams = get_n_grams(words, size)
        found[f"top_{size}gram"] = find_top_duplicate(grams) / length if grams else 0.0
    for size in range(5, 11):
        found[f"dup_{size}gram"] = find_all_duplicate(words, size) / length
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--limit-mb", type=float, default=None, help="stop after so much text")
    parser.add_argument("--filters-only", action="store_true", help="time the two filters alone")
    arguments = parser.parse_args()
    quality, repetition = GopherQualityFilter(), GopherRepetitionFilter()
    quality.filter(Document(text="The first call loads the splitter.", id=""))
    rows: list[dict[str, Any]] = []
    seconds, bytes_read = 0.0, 0
    for row, text in enumerate(
        pq.read_table(arguments.corpus, columns=["text"])["text"].to_pylist()
    ):
        document = Document(text=text, id=str(row))
        began = time.thread_time()
        answers = {"quality": quality.filter(document), "repetition": repetition.filter(document)}
        seconds += time.thread_time() - began
        record: dict[str, Any] = {"row": row, **{k: reason(v) for k, v in answers.items()}}
        if not arguments.filters_only:
            record |= quantities(text, repetition.paragraph_exp, repetition._line_splitter)
        rows.append(record)
        bytes_read += len(text.encode("utf-8", "replace"))
        if arguments.limit_mb and bytes_read > arguments.limit_mb * 1e6:
            break
    pq.write_table(pa.Table.from_pylist(rows), arguments.out)
    print(
        f"{len(rows)} documents, {bytes_read / 1e6:.1f} MB, {seconds:.1f} s in the filters, "
        f"{bytes_read / 1e6 / seconds:.3f} MB/s"
    )


if __name__ == "__main__":
    main()
