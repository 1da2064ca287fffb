"""What a selection keeps on disk while it runs: a few numbers a document, by its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.selection.cut import Ranked
from dataselect.selection.disk import DiskColumn
from dataselect.selection.keys import keys_of
from dataselect.selection.noise import noisy
from dataselect.selection.summary import Summary, merge_summaries, summarise

__all__ = [
    "CANDIDATE",
    "COLUMNS",
    "REASONS",
    "Noise",
    "Work",
    "open_work",
    "ranked",
    "ranked_parts",
    "score_summary",
]

# Why a document is no candidate; the places in this list are kept on disk.
REASONS = (
    "candidate",
    "no score",
    "no token count",
    "below the threshold",
    "shares words with an evaluation set",
    "exact duplicate",
    "near duplicate",
)
# All files of the folder, those of `TextColumns` too.
COLUMNS = ("scores", "tokens", "group", "rows", "state", "hashes", "signatures", "bands")
CANDIDATE, NO_SCORE, NO_TOKENS, BELOW, EVALUATION, EXACT, NEAR = range(len(REASONS))


@dataclass(frozen=True)
class Work:
    """The columns, one value a document in the corpus' order.

    Attributes:
        folder: of the files.
        starts: where each part of the score table begins, and the end of the last.
        scores: more being better; NaN where there is none.
        tokens: -1 where the number is not known.
        group: of the budget.
        rows: by which a document's noise is drawn.
        state: one of `REASONS`, by its place.
    """

    folder: Path
    starts: Int64[np.ndarray, " parts_and_one"]
    scores: DiskColumn
    tokens: DiskColumn
    group: DiskColumn
    rows: DiskColumn
    state: DiskColumn

    @property
    def documents(self) -> int:
        """How many there are."""
        return int(self.starts[-1])

    def spans(self) -> Iterator[tuple[int, int]]:
        """Where each part begins and ends."""
        yield from zip(self.starts[:-1].tolist(), self.starts[1:].tolist(), strict=True)


def open_work(folder: Path, documents: Sequence[int]) -> Work:
    """The columns in a folder, made where they are missing.

    Args:
        folder: made where it is missing.
        documents: in each part.
    """
    folder.mkdir(parents=True, exist_ok=True)
    starts = np.concatenate([[0], np.cumsum(documents)]).astype(np.int64)
    n = int(starts[-1])
    kinds: dict[str, Any] = {
        "scores": np.float64,
        "tokens": np.int64,
        "group": np.int16,
        "rows": np.int64,
        "state": np.uint8,
    }
    columns = {name: DiskColumn(folder / name, kind, n) for name, kind in kinds.items()}
    return Work(folder, starts, **columns)


@dataclass(frozen=True)
class Noise:
    """How a sample is drawn: scores z-normalised, with noise times the temperature.

    With mean 0 and deviation 1 the scores are logarithms of weights, and the sample is importance
    resampling without replacement (Xie et al. 2023, section 3).

    Attributes:
        mean: of the scores.
        deviation: of the scores.
        temperature: above 0.
        seed: of the noise.
        sources: the number of each part's source.
    """

    mean: float
    deviation: float
    temperature: float
    seed: int
    sources: tuple[int, ...]

    def __call__(
        self, scores: Float64[np.ndarray, " n"], rows: Int64[np.ndarray, " n"], source: int
    ) -> Float64[np.ndarray, " n"]:
        """z + T times Gumbel noise; NaN where there is no score."""
        z = (scores - self.mean) / (self.deviation or 1.0)
        return noisy(z, self.temperature, self.seed, source, rows)


def ranked(work: Work, part: int, *, tokens: bool, noise: Noise | None) -> Ranked:
    """The candidates of a part with the keys that they are ranked by.

    Args:
        part: which.
        tokens: whether the budget is in tokens, not documents.
        noise: of a sample; None for the best.
    """
    start, stop = int(work.starts[part]), int(work.starts[part + 1])
    scores = work.scores.read(start, stop)
    gone = work.state.read(start, stop) != CANDIDATE
    if noise is not None:
        scores = noise(scores, work.rows.read(start, stop), noise.sources[part])
    scores[gone] = 0.0
    group = work.group.read(start, stop).astype(np.int64)
    group[gone] = -1
    cost = work.tokens.read(start, stop) if tokens else np.ones(stop - start, dtype=np.int64)
    return Ranked(keys_of(scores), cost, group)


def ranked_parts(work: Work, *, tokens: bool, noise: Noise | None) -> Iterator[Ranked]:
    """`ranked`, part after part."""
    for part in range(len(work.starts) - 1):
        yield ranked(work, part, tokens=tokens, noise=noise)


def score_summary(work: Work) -> Summary:
    """Of the scores of all documents that have one."""
    merged = summarise(np.zeros(0))
    for start, stop in work.spans():
        merged = merge_summaries(merged, summarise(work.scores.read(start, stop)))
    return merged
