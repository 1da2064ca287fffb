"""``weights.json``: which scores count, how much, in which direction and on which scale."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

from dataselect.errors import DataselectError
from dataselect.selection.transforms import (
    CLIP,
    MISSING,
    TRANSFORMS,
    Missing,
    Stats,
    Transform,
)
from zerocost.errors import did_you_mean
from zerocost.files import write_json

__all__ = [
    "ColumnWeight",
    "Weights",
    "read_weights",
    "weights_from_json",
    "weights_to_json",
    "write_weights",
]

MOST = 1e150  # whose square is a number, so that sums have a standard deviation
KEYS = ("weight", "orientation", "transform", "missing", "clip", "stats")


@dataclass(frozen=True)
class ColumnWeight:
    """How one column enters the sum.

    Attributes:
        weight: finite; below 0 it turns the orientation round.
        orientation: 1 where more of it is better, -1 where less is; None takes the column's own
            direction, and 1 where it has none.
        transform: to a common scale; see `normalise`.
        missing: what a document without this score gets.
        clip: of the transform zscore.
        stats: of the column; None has them worked out from the score table.
    """

    weight: float
    orientation: Literal[-1, 1] | None = None
    transform: Transform = "rank"
    missing: Missing = "drop"
    clip: float = CLIP
    stats: Stats | None = None

    def __post_init__(self) -> None:
        if self.transform == "rank" and self.stats is not None and len(self.stats.quantiles) < 2:
            raise DataselectError(
                f"the transform rank has {len(self.stats.quantiles)} quantiles to go by",
                accepted="two or more in the stats",
                hint="leave stats out to have them worked out from the score table",
            )


@dataclass(frozen=True)
class Weights:
    """Columns by name, and what made them (any JSON values)."""

    columns: Mapping[str, ColumnWeight]
    made_by: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        clips = [
            (own, own.clip if own.transform == "zscore" else 1.0) for own in self.columns.values()
        ]
        if not sum(abs(own.weight) * clip for own, clip in clips) <= MOST:
            raise DataselectError(
                "the weighted sum would be beyond the range of numbers",
                accepted=f"weights that, times the clip of zscore, add up to {MOST:g} at most",
                hint="only the weights' shares of their sum matter",
            )

    def resolved(self, directions: Mapping[str, int], stats: Mapping[str, Stats]) -> Weights:
        """The same with every orientation and all stats filled in.

        Args:
            directions: of the table's columns: 1, -1, or 0 where neither is better.
            stats: of the columns that have none here.
        """
        filled = {}
        for name, own in self.columns.items():
            direction: Literal[-1, 1] = -1 if directions.get(name, 0) < 0 else 1
            filled[name] = replace(
                own,
                orientation=own.orientation or direction,
                stats=own.stats if own.stats is not None else stats[name],
            )
        return replace(self, columns=filled)


def read_weights(path: Path) -> Weights:
    """Read ``weights.json``; one written by hand needs no more than a weight a column.

    ``{"columns": {"NAME": {"weight": .., "orientation": 1|-1, "transform": "minmax|rank|zscore",
    "missing": "drop|mean|worst", "clip": .., "stats": {..}}}, "made_by": {..}}``; a bare number in
    the place of an object is a weight.

    Raises:
        DataselectError: no such file, no JSON, an unknown key, or a value out of range.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once)
    except (OSError, ValueError, RecursionError) as cause:
        raise DataselectError(
            f"{path} cannot be read as JSON: {cause}", accepted='{"columns": {"NAME": 0.5}}'
        ) from cause
    try:
        return weights_from_json(found)
    except DataselectError as error:
        raise DataselectError(
            f"{path}: {error.wrong}", accepted=error.accepted, hint=error.hint
        ) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different: of two weights Python's reader would take the last.

    Raises:
        ValueError: a key comes twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands there twice in one object")
    return found


def weights_from_json(found: Any) -> Weights:
    """The weights of a parsed JSON value; see `read_weights`."""
    columns = found.get("columns") if isinstance(found, dict) else None
    if not isinstance(columns, dict) or not columns:
        raise DataselectError(
            "there are no columns", accepted='{"columns": {"NAME": {"weight": 0.5}}}'
        )
    weights = {name: _column(name, own) for name, own in columns.items()}
    if not any(own.weight for own in weights.values()):
        raise DataselectError("every weight is 0", accepted="one that is not")
    made_by = found.get("made_by", {})
    return Weights(weights, made_by if isinstance(made_by, dict) else {"note": made_by})


def weights_to_json(weights: Weights) -> dict[str, Any]:
    """A JSON object that `weights_from_json` reads."""
    columns: dict[str, dict[str, Any]] = {}
    for name, own in weights.columns.items():
        columns[name] = {
            "weight": own.weight,
            "orientation": own.orientation,
            "transform": own.transform,
            "missing": own.missing,
            "clip": own.clip,
            "stats": None if own.stats is None else own.stats.to_json(),
        }
        columns[name] = {key: value for key, value in columns[name].items() if value is not None}
    return {"columns": columns, "made_by": dict(weights.made_by)}


def write_weights(weights: Weights, path: Path, *, overwrite: bool = False) -> None:
    """Write ``weights.json``, whole or not at all."""
    write_json(path, weights_to_json(weights), overwrite=overwrite)


def _column(name: str, own: Any) -> ColumnWeight:
    entry = own if isinstance(own, dict) else {"weight": own}
    unknown = [key for key in entry if key not in KEYS]
    if unknown:
        raise DataselectError(
            f"{name!r} has {unknown[0]!r}",
            accepted=", ".join(KEYS),
            hint=did_you_mean(unknown[0], KEYS),
        )
    weight = _number(name, "weight", entry.get("weight"))
    clip = _number(name, "clip", entry.get("clip", CLIP))
    if clip <= 0:
        raise _wrong(name, "clip", clip, "a number above 0")
    orientation = entry.get("orientation")
    if orientation is not None and (isinstance(orientation, bool) or orientation not in (1, -1)):
        raise _wrong(name, "orientation", orientation, "1 where more is better, -1 where less is")
    transform = entry.get("transform", "rank")
    if transform not in TRANSFORMS:
        raise _wrong(name, "transform", transform, ", ".join(TRANSFORMS))
    missing = entry.get("missing", "drop")
    if missing not in MISSING:
        raise _wrong(name, "missing", missing, ", ".join(MISSING))
    stats = entry.get("stats")
    if stats is not None and not isinstance(stats, dict):
        raise _wrong(name, "stats", stats, '{"low": .., "high": .., ...}, or nothing')
    try:
        return ColumnWeight(
            weight,
            cast("Literal[-1, 1] | None", orientation),
            cast(Transform, transform),
            cast(Missing, missing),
            clip,
            Stats.from_json(stats) if stats else None,
        )
    except DataselectError as error:
        raise DataselectError(
            f"{name!r}: {error.wrong}", accepted=error.accepted, hint=error.hint
        ) from None


def _number(name: str, key: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, OverflowError):  # a whole number may be beyond any float
        number = math.nan
    if not math.isfinite(number):
        raise _wrong(name, key, value, "a finite number")
    return number


def _wrong(name: str, key: str, value: Any, accepted: str) -> DataselectError:
    return DataselectError(f"{name!r} has the {key} {value!r}", accepted=accepted)
