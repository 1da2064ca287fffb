"""A small corpus with scores that are written in its texts, for tests of selection and report."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataselect.corpus import ReadOptions
from dataselect.scorers.scorer import Column
from dataselect.scores.run import score_corpus

COLUMNS = (
    Column("good", "float64", "points", -np.inf, np.inf, 1, "first number of the text", "here"),
    Column("noise", "float64", "fraction", 0.0, 1.0, -1, "second number of the text", "here"),
    Column("tokens_estimate", "int64", "tokens", 0.0, np.inf, 0, "words, an estimate", "here"),
)


@dataclass(frozen=True)
class Written:
    """Scores are the first two words, where they are numbers; null where they are not."""

    name: str = "written"
    columns: tuple[Column, ...] = COLUMNS
    fingerprint: str = "1"

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        words = [(text or "").split() for text in batch.column("text").to_pylist()]
        return pa.RecordBatch.from_pydict(
            {
                "good": pa.array([number(w[:1]) for w in words], pa.float64()),
                "noise": pa.array([number(w[1:2]) for w in words], pa.float64()),
                "tokens_estimate": pa.array([len(w) for w in words], pa.int64()),
            }
        )


def number(words: list[str]) -> float | None:
    try:
        return float(words[0])
    except (IndexError, ValueError):
        return None


def documents(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Documents with scores of few values, so that ties are common; some have none."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(count):
        good = "none" if rng.random() < 0.05 else f"{rng.integers(0, 30) / 4}"
        length = int(rng.integers(3, 40))
        words = " ".join(f"w{rng.integers(0, 10**6)}" for _ in range(length))
        found.append(
            {
                "text": f"{good} {rng.integers(0, 9) / 8} {words}",
                "id": f"d{i}",
                "domain": None if i % 7 == 0 else ["web", "books", "wiki"][i % 3],
                "extra": {"i": i, "é": [1.5, None]},
            }
        )
    return found


def write_corpus(folder: Path, rows: list[dict[str, Any]]) -> list[str]:
    """Two files of JSON lines and a Parquet file, in that order."""
    folder.mkdir()
    third = len(rows) // 3
    paths = [folder / "a.jsonl", folder / "b.jsonl", folder / "c.parquet"]
    for path, own in zip(paths[:2], (rows[:third], rows[third : 2 * third]), strict=True):
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in own))
    pq.write_table(pa.Table.from_pylist(rows[2 * third :]), paths[2])
    return [str(path) for path in paths]


def score(corpus: list[str], out: Path, *, part_bytes: int = 4_000) -> str:
    """Score the corpus in small parts."""
    options = ReadOptions(part_bytes=part_bytes)
    score_corpus(corpus, str(out), [Written()], options=options, workers=1)
    return str(out)


def read_documents(folder: Path) -> list[dict[str, Any]]:
    """The documents of an output, in order."""
    found: list[dict[str, Any]] = []
    for path in sorted((folder / "documents").rglob("*")):
        if path.suffix == ".parquet":
            found += pq.read_table(path).to_pylist()
        elif path.is_file():
            found += [json.loads(line) for line in path.read_text().splitlines()]
    return found


def good(row: dict[str, Any]) -> float | None:
    return number(row["text"].split()[:1])


def ranked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The documents that have a score, the best first, ties in the corpus' order."""
    return sorted((r for r in rows if good(r) is not None), key=lambda r: -(good(r) or 0.0))
