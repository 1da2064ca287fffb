"""Do our Gopher decisions agree with datatrove's, and how much faster are they?

    python benchmarks/datatrove_agreement.py CORPUS.parquet --decisions decisions.parquet \
        [--datatrove-python runs/datatrove/bin/python]

``decisions.parquet`` is made once by benchmarks/datatrove_decisions.py (half an hour of one core on
web_mix.parquet). With ``--datatrove-python``, both are also timed on the first megabytes, one after
the other, in CPU seconds of one thread.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataselect.scorers.recipes import decide, load_recipe
from dataselect.scorers.signals import signals

GRAMS = {
    **{f"top_{n}gram": f"gopher_top_{n}gram_character_fraction" for n in (2, 3, 4)},
    **{f"dup_{n}gram": f"gopher_duplicate_{n}gram_character_fraction" for n in range(5, 11)},
}
SAME = {
    "words": "gopher_word_count",
    "mean_word_length": "gopher_mean_word_length",
    "hash_ratio": "gopher_hash_ratio",
    "ellipsis_ratio": "gopher_ellipsis_ratio",
    "bullet_lines": "gopher_bullet_line_fraction",
    "ellipsis_lines": "rps_doc_frac_lines_end_with_ellipsis",
    "alpha_words": "gopher_alphabetic_word_fraction",
    "stop_words": "gopher_stop_word_count",
    "dup_lines": "gopher_duplicate_line_fraction",
    "dup_paragraphs": "gopher_duplicate_paragraph_fraction",
    "dup_lines_chars": "gopher_duplicate_line_character_fraction",
    "dup_paragraphs_chars": "gopher_duplicate_paragraph_character_fraction",
    **GRAMS,
}


def broken_rules(scores: dict[str, np.ndarray], names: dict[str, str]) -> list[set[str]]:
    """The rules of the recipe that each document breaks, under the recipe's names."""
    recipe = load_recipe("gopher")
    back = {ours: theirs for theirs, ours in names.items()}
    table = pa.table({r.signal: pa.array(scores[back[r.signal]], from_pandas=True)
                      for r in recipe.rules})  # fmt: skip
    return [
        {b["signal"] for b in row} for row in decide(table, recipe).column("broken").to_pylist()
    ]


def compare(texts: pa.Array, decisions: pa.Table) -> None:
    recipe = load_recipe("gopher")
    scorer = signals((*recipe.signals, "unspaced_letter_fraction"))
    scores = scorer.score(pa.RecordBatch.from_arrays([texts], names=["text"]))
    ours = decide(scores, recipe)
    kept = np.asarray(ours.column("kept"))
    theirs = np.asarray(
        pc.and_(pc.is_null(decisions["quality"]), pc.is_null(decisions["repetition"]))
    )
    unspaced = np.asarray(pc.fill_null(scores.column("unspaced_letter_fraction"), 0.0)) > 0.1
    agree = kept == theirs
    print(
        f"{len(kept)} documents: both keep {np.sum(kept & theirs)}, both reject "
        f"{np.sum(~kept & ~theirs)}, only we keep {np.sum(kept & ~theirs)}, only datatrove keeps "
        f"{np.sum(~kept & theirs)}; agreement {agree.mean():.4%}"
    )
    our_rules = [{b["signal"] for b in row} for row in ours.column("broken").to_pylist()]
    values = {name: decisions[name].to_numpy(zero_copy_only=False).astype(float) for name in SAME}
    their_rules = broken_rules(values, SAME)
    classes: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], list[int]] = {}
    for row in np.flatnonzero(~agree):
        side = "only we keep" if kept[row] else "only datatrove keeps"
        rules = their_rules[row] if kept[row] else our_rules[row]
        why = (
            "script without spaces"
            if unspaced[row] and kept[row]
            else ", ".join(sorted(rules)) or "?"
        )
        classes[side, why] += 1
        examples.setdefault((side, why), []).append(int(row))
    print("\ndocuments  who keeps           the rules that the other sees broken")
    for (side, why), count in classes.most_common(40):
        print(f"{count:9d}  {side:18}  {why}   e.g. rows {examples[side, why][:3]}")
    print("\nrule by rule: documents that break it (we, datatrove, both)")
    for signal in recipe.signals:
        we = np.array([signal in rules for rules in our_rules])
        they = np.array([signal in rules for rules in their_rules])
        print(f"{signal:48} {we.sum():6d} {they.sum():6d} {np.sum(we & they):6d}")


def race(corpus: Path, texts: pa.Array, python: Path, megabytes: float) -> None:
    """One thread each, the same first documents, CPU seconds."""
    with tempfile.TemporaryDirectory() as folder:
        said = subprocess.run(
            [python, Path(__file__).parent / "datatrove_decisions.py", corpus,
             Path(folder) / "out.parquet", "--limit-mb", str(megabytes), "--filters-only"],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
    documents = int(re.match(r"(\d+)", said)[1])  # type: ignore[index]
    slow = float(re.search(r"([\d.]+) s in", said)[1])  # type: ignore[index]
    recipe = load_recipe("gopher")
    batch = pa.RecordBatch.from_arrays([texts.slice(0, documents)], names=["text"])
    size = pc.sum(pc.binary_length(batch.column("text"))).as_py() / 1e6
    print(f"\nfirst {documents} documents, {size:.2f} MB, CPU seconds of one thread")
    print(f"datatrove, its two Gopher filters        {slow:9.3f} s  {size / slow:8.3f} MB/s")
    for what, scorer in (("Gopher's signals and decisions", signals(recipe.signals)),
                         ("all signals and decisions", signals())):  # fmt: skip
        scorer.score(batch.slice(0, 10))
        times = []
        for _ in range(5):
            began = time.thread_time()
            decide(scorer.score(batch), recipe)
            times.append(time.thread_time() - began)
        fast = float(np.median(times))
        print(f"ours, {what:33}  {fast:9.3f} s  {size / fast:8.1f} MB/s  {slow / fast:8.0f} times")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--decisions", type=Path)
    parser.add_argument("--datatrove-python", type=Path)
    parser.add_argument("--megabytes", type=float, default=3.0)
    arguments = parser.parse_args()
    texts = pq.read_table(arguments.corpus, columns=["text"])["text"].combine_chunks()
    if arguments.decisions:
        compare(texts, pq.read_table(arguments.decisions))
    if arguments.datatrove_python:
        race(arguments.corpus, texts, arguments.datatrove_python, arguments.megabytes)


if __name__ == "__main__":
    main()
