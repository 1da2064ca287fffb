"""What is known of one column of scores after one pass: moments, extremes, quantiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from dataselect.selection.sketch import BUFFER, QuantileSketch, merge_sketches, sketch_of

__all__ = ["Summary", "merge_summaries", "summarise"]


@dataclass(frozen=True)
class Summary:
    """A column, or a part of one, in a kilobyte or so; two of them merge into that of both.

    Attributes:
        count: finite scores.
        missing: nulls and NaN; they enter nothing else here.
        infinite: scores of -inf or inf; they enter the quantiles, not the moments or extremes.
        low: the least finite score; inf where there is none.
        high: the greatest finite score; -inf where there is none.
        mean: of the finite scores; 0 where there is none.
        squares: the sum of their squared distances from the mean.
        sketch: of all scores that are not missing.
    """

    count: int
    missing: int
    infinite: int
    low: float
    high: float
    mean: float
    squares: float
    sketch: QuantileSketch

    @property
    def deviation(self) -> float:
        """The standard deviation of the finite scores, over n."""
        return float(np.sqrt(self.squares / self.count)) if self.count else 0.0


def summarise(scores: Float64[np.ndarray, " n"], *, buffer: int = BUFFER) -> Summary:
    """The summary of a part of a column.

    Args:
        scores: NaN where a document has none.
        buffer: of the sketch; see `QuantileSketch`.
    """
    there = scores[~np.isnan(scores)]
    finite = there[np.isfinite(there)]
    mean = float(finite.mean()) if len(finite) else 0.0
    return Summary(
        count=len(finite),
        missing=len(scores) - len(there),
        infinite=len(there) - len(finite),
        low=float(finite.min()) if len(finite) else np.inf,
        high=float(finite.max()) if len(finite) else -np.inf,
        mean=mean,
        squares=float(((finite - mean) ** 2).sum()),
        sketch=sketch_of(there, buffer=buffer),
    )


def merge_summaries(first: Summary, second: Summary) -> Summary:
    """The summary of both parts together.

    With n = n₁ + n₂ and d = mean₂ − mean₁: mean = mean₁ + d n₂/n,
    squares = squares₁ + squares₂ + d² n₁n₂/n.

    Reference: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing
    sample variances", 1979.
    """
    n = first.count + second.count
    apart = second.mean - first.mean
    share = second.count / n if n else 0.0
    return Summary(
        count=n,
        missing=first.missing + second.missing,
        infinite=first.infinite + second.infinite,
        low=min(first.low, second.low),
        high=max(first.high, second.high),
        mean=first.mean + apart * share if first.count else second.mean,
        squares=first.squares + second.squares + apart**2 * first.count * share,
        sketch=merge_sketches(first.sketch, second.sketch),
    )
