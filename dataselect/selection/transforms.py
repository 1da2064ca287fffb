"""Scores of one column brought to a common scale, more always being better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from dataselect.selection.summary import Summary

__all__ = ["CLIP", "KNOTS", "MISSING", "TRANSFORMS", "Missing", "Stats", "Transform", "normalise"]

Transform = Literal["minmax", "rank", "zscore"]
Missing = Literal["drop", "mean", "worst"]
TRANSFORMS: tuple[Transform, ...] = ("minmax", "rank", "zscore")
MISSING: tuple[Missing, ...] = ("drop", "mean", "worst")
_LARGEST = 10**300  # a whole number of JSON may be beyond any float
CLIP = 3.0
KNOTS = 1_001


@dataclass(frozen=True)
class Stats:
    """What a transform needs to know of a column; part of ``weights.json``.

    Attributes:
        low: the least finite score.
        high: the greatest finite score.
        mean: of the finite scores.
        deviation: their standard deviation.
        quantiles: scores at evenly spaced probabilities from 0 to 1; needed by ``rank`` only.
    """

    low: float
    high: float
    mean: float
    deviation: float
    quantiles: tuple[float, ...] = ()

    @classmethod
    def of(cls, summary: Summary, *, knots: int = KNOTS) -> Stats:
        """The stats of a summary; the quantiles are those of its sketch, between the extremes.

        Raises:
            DataselectError: the column holds no finite score.
        """
        if not summary.count:
            raise DataselectError(
                "the column holds no finite score",
                accepted="a column with scores",
                hint="leave the column out of the weights",
            )
        inner = summary.sketch.quantiles(np.linspace(0, 1, knots))
        inner = np.clip(inner, summary.low, summary.high)
        inner[0], inner[-1] = summary.low, summary.high
        return cls(
            summary.low, summary.high, summary.mean, summary.deviation, tuple(inner.tolist())
        )

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Stats:
        """The stats of a parsed JSON object.

        Raises:
            DataselectError: a number is missing or not finite, low is above high, the deviation
                is negative, or the quantiles descend.
        """
        numbers = {}
        for name in ("low", "high", "mean", "deviation"):
            value = found.get(name)
            if (
                isinstance(value, bool)
                or not isinstance(value, int | float)
                or (isinstance(value, int) and abs(value) > _LARGEST)
            ):
                raise DataselectError(
                    f"stats {name!r} is {value!r}",
                    accepted='{"low": .., "high": .., "mean": .., "deviation": .., '
                    '"quantiles": [..]}, all numbers',
                    hint="leave stats out to have them worked out from the score table",
                )
            numbers[name] = float(value)
        quantiles = found.get("quantiles", ())
        try:
            knots = np.asarray(quantiles, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            knots = np.array([np.nan])
        every = np.concatenate([[*numbers.values()], knots.ravel()])
        if knots.ndim != 1 or not np.isfinite(every).all() or (np.diff(knots) < 0).any():
            raise DataselectError(
                "the stats hold a number that is not finite, or quantiles that descend",
                accepted="finite numbers, quantiles in ascending order",
            )
        if numbers["low"] > numbers["high"] or numbers["deviation"] < 0:
            raise DataselectError(
                f"the stats have low {numbers['low']:g}, high {numbers['high']:g} and deviation "
                f"{numbers['deviation']:g}",
                accepted="low at most high, a deviation of 0 or more",
                hint="leave stats out to have them worked out from the score table",
            )
        return cls(**numbers, quantiles=tuple(knots.tolist()))

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads."""
        found: dict[str, Any] = {
            "low": self.low,
            "high": self.high,
            "mean": self.mean,
            "deviation": self.deviation,
        }
        return found | ({"quantiles": list(self.quantiles)} if self.quantiles else {})


def normalise(
    scores: Float64[np.ndarray, " n"],
    stats: Stats,
    *,
    transform: Transform,
    orientation: Literal[-1, 1] = 1,
    missing: Missing = "drop",
    clip: float = CLIP,
) -> Float64[np.ndarray, " n"]:
    """Scores on a common scale, the better the higher.

    ``minmax``: q = (x − low) / (high − low), in 0 .. 1; ``rank``: the share of scores below x,
    those equal to x counted half, in 0 .. 1, between the stats' quantiles by a straight line;
    ``zscore``: (x − mean) / deviation cut to −clip .. clip. Then q becomes 1 − q (``zscore``: −q)
    where less is better. A column that is the same everywhere says nothing: q = 0. Scores
    outside low .. high, infinite ones too, count as the nearer end.

    Args:
        scores: NaN where a document has none.
        stats: of the column.
        transform: which of the three.
        orientation: 1 where more is better, −1 where less is.
        missing: what a document without a score gets. ``drop``: NaN, so that it can not be
            selected; ``mean``: the normalised mean of the column (``rank``: ½); ``worst``: the
            least value that the transform can give.
        clip: of ``zscore``, in standard deviations.

    Returns:
        Normalised scores; NaN only where missing and ``drop``.
    """
    gone = np.isnan(scores)
    constant = stats.high <= stats.low
    inside = np.clip(np.where(gone, stats.mean, scores), stats.low, stats.high)
    if constant:
        found = np.zeros(len(scores))
        worst = middle = 0.0
    elif transform == "minmax":
        span = stats.high / 2 - stats.low / 2  # halves: the whole span may overflow
        found = (inside / 2 - stats.low / 2) / span
        middle = (stats.mean / 2 - stats.low / 2) / span
    elif transform == "rank":
        found, middle = _rank(inside, stats), 0.5
    else:
        deviation = stats.deviation or 1.0
        found, middle = np.clip((inside - stats.mean) / deviation, -clip, clip), 0.0
    if not constant:
        worst = -clip if transform == "zscore" else 0.0
        if orientation < 0:
            top = 0.0 if transform == "zscore" else 1.0
            found, middle = top - found, top - middle
    found[gone] = {"drop": np.nan, "mean": middle, "worst": worst}[missing]
    return found


def _rank(inside: Float64[np.ndarray, " n"], stats: Stats) -> Float64[np.ndarray, " n"]:
    """The middle of the probabilities at which the quantile function has the value."""
    knots = np.array(stats.quantiles)
    if len(knots) < 2:
        raise DataselectError(
            f"the transform rank has {len(knots)} quantiles to go by",
            accepted="two or more",
            hint="leave stats out to have them worked out from the score table",
        )
    last = len(knots) - 1
    left = np.searchsorted(knots, inside, side="left")
    right = np.searchsorted(knots, inside, side="right") - 1
    on_knots = (left + right) / 2.0
    low = np.clip(left - 1, 0, last - 1)
    step = knots[low + 1] - knots[low]
    between = low + (inside - knots[low]) / np.where(step > 0, step, 1.0)
    return np.where(left <= right, on_knots, np.clip(between, 0, last)) / last
