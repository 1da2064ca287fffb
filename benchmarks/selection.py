"""How much memory and time a selection takes from a score table that is large.

    python benchmarks/selection.py --documents 50000000 --folder /tmp/scores
    python benchmarks/selection.py --words

The first makes a score folder of that many documents without a corpus (scores and token counts
drawn, many of them equal), then runs everything of `dataselect select` but the reading and
writing of texts: stats of two columns, the weighted sum, noise, four quotas, a token budget. The
peak memory is that of the process, without what the making of the table took (it runs in another).
The second counts megabytes a second of CPU time in the passes over words on text/web_mix.parquet:
13-word runs against an evaluation set, and shingles with MinHash, beside datasketch where it is
installed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

PART = 500_000


def make(folder: Path, documents: int) -> None:
    """A score folder as `dataselect score` would leave it, of texts that never were."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from dataselect.corpus import ReadOptions
    from dataselect.scorers.scorer import Column
    from dataselect.scores.index import Index, Part, ScoredSource, ScorerEntry

    columns = (
        Column("smooth", "float64", "points", -np.inf, np.inf, 1, "normal draws", "benchmark"),
        Column("coarse", "float64", "points", 0.0, 10.0, 1, "hundred values", "benchmark"),
        Column("tokens_estimate", "int64", "tokens", 0.0, np.inf, 0, "drawn", "benchmark"),
    )
    for name in ("documents", "drawn"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    parts = []
    for number, start in enumerate(range(0, documents, PART)):
        n = min(PART, documents - start)
        rng = np.random.default_rng([7, number])
        name = f"part-000000-{number:06d}"
        rows = np.arange(start, start + n)
        about = {
            "source": pa.array(["corpus.jsonl"]).take(pa.array(np.zeros(n, np.int64))),
            "row": rows,
            "id": pa.nulls(n, pa.string()),
            "domain": pa.array(["a", "b", "c", "d", "e"]).take(pa.array(rng.integers(0, 5, n))),
            "bytes": rng.integers(100, 9_000, n),
        }
        scores = {
            "smooth": rng.normal(size=n),
            "coarse": rng.integers(0, 100, n) / 10,
            "tokens_estimate": rng.integers(20, 2_000, n),
        }
        pq.write_table(pa.table(about), folder / "documents" / f"{name}.parquet")
        pq.write_table(pa.table(scores), folder / "drawn" / f"{name}.parquet")
        parts.append(Part(name, 0, start, n, n, 0, "none"))
    file = {"address": "corpus.jsonl", "bytes": 0, "sha256": ""}
    source = ScoredSource("jsonl", None, (file,), documents, documents, {})
    index = Index(
        ReadOptions().as_dict(), (source,), tuple(parts), (ScorerEntry("drawn", "1", columns),)
    )
    (folder / "index.json").write_text(json.dumps(index.to_json()))


def select(folder: Path, out: Path) -> dict[str, Any]:
    from dataselect.scores import open_scores
    from dataselect.selection.budget import Budget, quotas_of, shares_of
    from dataselect.selection.cut import find_cut
    from dataselect.selection.duplicates import Duplicates
    from dataselect.selection.ranking_pass import plan_ranking, rank_documents
    from dataselect.selection.settings import Settings
    from dataselect.selection.taking import write_tables
    from dataselect.selection.weights import weights_from_json
    from dataselect.selection.work import Noise, open_work, ranked_parts, score_summary

    scores = open_scores(str(folder))
    settings = Settings(
        weights=weights_from_json({"columns": {"smooth": 0.7, "coarse": 0.3}}),
        budget=Budget("tokens", Fraction(scores.documents * 150)),
        temperature=1.0,
        quotas=quotas_of(["a=0.4", "b=0.2", "c=0.2"], "domain"),
    )
    assert settings.budget is not None
    assert settings.quotas is not None
    took: dict[str, Any] = {}
    began = time.perf_counter()

    def done(step: str) -> None:
        nonlocal began
        took[step] = round(time.perf_counter() - began, 1)
        began = time.perf_counter()

    plan = plan_ranking(scores, settings)
    done("stats of both columns")
    work = open_work(out, [part.documents for part in scores.parts])
    rank_documents(scores, plan, settings, work)
    done("weighted sums to disk")
    summary = score_summary(work)
    noise = Noise(summary.mean, summary.deviation, 1.0, 0, tuple(p.source for p in scores.parts))
    done("mean and deviation")
    budgets = shares_of(settings.budget.units(scores.documents), settings.quotas)
    cut = find_cut(lambda: ranked_parts(work, tokens=True, noise=noise), budgets)
    done("four passes for the cut")
    none = np.zeros(0, dtype=np.int64)
    taken = write_tables(
        scores,
        work,
        cut,
        orientation=1,
        by_tokens=True,
        noise=noise,
        duplicates=Duplicates(none, none, np.zeros(0)),
        hits=[],
        selection=out / "selection.parquet",
        left_out=out / "left_out.parquet",
    )
    done("tables written")
    short = (budgets - np.array(taken.tokens)).tolist()
    return {"seconds": took, "selected": sum(taken.documents), "tokens short": short}


def words() -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from dataselect.selection.contamination import find_hits, ngrams_of
    from dataselect.selection.duplicates import PERMUTATIONS, SHINGLE, signatures
    from dataselect.selection.whole_matches import find_whole, whole_documents
    from dataselect.selection.words import normalised_words

    path = Path(os.environ["ZEROCOST_DATA_DIR"]) / "text" / "web_mix.parquet"
    column = pq.read_table(path, columns=["text"]).column("text")
    texts = pa.concat_arrays(column.chunks)[:30_000]
    size = texts.nbytes / 1e6
    held_out = texts[::60].to_pylist()
    evaluation = ngrams_of(held_out)
    beginnings = [" ".join(text.split()[: 3 + at % 10]) for at, text in enumerate(held_out)]
    short = whole_documents(beginnings, 3, 12)
    find_hits(texts[:10], evaluation)
    find_whole(texts[:10], short)
    signatures(texts[:10])
    print(
        f"{len(texts):,} documents, {size:.1f} MB, {len(held_out)} evaluation documents; "
        "seconds are of CPU time"
    )
    began = time.process_time()
    find_hits(texts, evaluation)
    print(f"runs of 13 words: {size / (time.process_time() - began):.0f} MB/s")
    began = time.process_time()
    find_whole(texts, short)
    print(f"as many of 3 to 12 words, as a whole: {size / (time.process_time() - began):.0f} MB/s")
    began = time.process_time()
    signatures(texts)
    ours = size / (time.process_time() - began)
    print(f"MinHash, 128 values of 5-word shingles: {ours:.1f} MB/s")
    try:
        from datasketch import MinHash
    except ImportError:
        return
    few = texts[:600]
    began = time.process_time()
    for text in few.to_pylist():
        own = normalised_words(text)
        MinHash.bulk(
            [[" ".join(own[i : i + SHINGLE]).encode() for i in range(len(own) - SHINGLE + 1)]],
            num_perm=PERMUTATIONS,
        )
    theirs = few.nbytes / 1e6 / (time.process_time() - began)
    print(f"the same through datasketch and Python: {theirs:.2f} MB/s, ratio {ours / theirs:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=2_000_000)
    parser.add_argument("--folder", type=Path, default=Path("runs/selection_benchmark"))
    parser.add_argument("--at-most", type=float, default=1_000.0, help="MB of memory")
    parser.add_argument("--words", action="store_true")
    parser.add_argument("--only-make", action="store_true")
    options = parser.parse_args()
    if options.words:
        words()
        return
    scores = options.folder / "scores"
    if options.only_make:
        make(scores, options.documents)
        return
    if not (scores / "index.json").exists():
        again = [sys.executable, __file__, "--documents", str(options.documents)]
        subprocess.run([*again, "--folder", str(options.folder), "--only-make"], check=True)
    found = select(scores, options.folder / "work")
    # Not ru_maxrss, which a process inherits from the one that started it.
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1e3
    print(json.dumps(found | {"peak MB": round(peak)}, indent=2))
    if peak > options.at_most:
        sys.exit(f"memory above {options.at_most} MB")


if __name__ == "__main__":
    main()
