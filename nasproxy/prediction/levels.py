"""Columns of whole architectures: what the space says of them, and scores of proxies.

A column's name is its group, a colon and what it is: ``cell:paths``, ``proxy:synflow``.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from nasproxy.errors import NasproxyError
from nasproxy.prediction.features import Features
from nasproxy.spaces.space import SearchSpace

__all__ = ["PROXY", "class_scores", "complete", "described", "features_of"]

PROXY = "proxy:"
"""What the name of a column of scores begins with."""

_MOST_VALUES = 64


def described(
    space: SearchSpace[Any], architectures: Sequence[Hashable]
) -> tuple[tuple[str, ...], Float64[np.ndarray, "n d"]]:
    """The space's own description of architectures, as named columns.

    Where the space has a method ``describe`` (architecture -> column -> number, the same columns
    for all) it is asked; otherwise every value of every dimension is a column of 0 and 1,
    ``choice:DIMENSION=VALUE``, of the simplified architecture.

    Args:
        space: the space.
        architectures: ``[n]``, at least one.

    Returns:
        Names ``[d]`` and float64 ``[n, d]``.

    Raises:
        NasproxyError: there are no architectures.
    """
    if not architectures:
        raise NasproxyError("no architectures to describe", accepted="one or more")
    describe = getattr(space, "describe", None)
    rows: list[Mapping[str, float]]
    if describe is not None:
        rows = [describe(architecture) for architecture in architectures]
        names = tuple(rows[0])
    else:
        # A dimension of thousands of values (a layer pair as one choice) says nothing one by one.
        few = {name: v for name, v in space.dimensions().items() if len(v) <= _MOST_VALUES}
        names = tuple(f"choice:{name}={value}" for name, values in few.items() for value in values)
        chosen = [space.encode(space.simplified(a)) for a in architectures]
        rows = [{f"choice:{n}={choices[n]}": 1.0 for n in few} for choices in chosen]
    return names, np.array([[row.get(name, 0.0) for name in names] for row in rows])


def class_scores(
    space: SearchSpace[Any],
    architectures: Sequence[Hashable],
    rows: Sequence[str],
    scores: Mapping[str, Float64[np.ndarray, " m"]],
) -> dict[str, Float64[np.ndarray, " n"]]:
    """The scores of a table for architectures, by function: the mean over its rows of each.

    Spellings of one function differ in their scores by initialisation, or by dead parts, which say
    nothing of the function; their mean is less noisy than any of them.

    Args:
        space: of the architectures and of the rows.
        architectures: ``[n]``.
        rows: text forms of the table's architectures ``[m]``.
        scores: proxy -> float64 ``[m]``, NaN where there is none.

    Returns:
        Proxy -> float64 ``[n]``, NaN where no row of the function has one.
    """
    places: dict[str, list[int]] = {}
    for place, text in enumerate(rows):
        places.setdefault(space.canonical(space.parse(text)), []).append(place)
    wanted = [places.get(space.canonical(architecture), []) for architecture in architectures]
    return {name: np.array([_mean(values[of]) for of in wanted]) for name, values in scores.items()}


def complete(scores: Mapping[str, Float64[np.ndarray, " n"]], n: int) -> Bool[np.ndarray, " n"]:
    """Which of n architectures have every score; all where there are no scores."""
    known = np.ones(n, dtype=bool)
    for values in scores.values():
        known &= np.isfinite(values)
    return known


def features_of(
    space: SearchSpace[Any],
    architectures: Sequence[Hashable],
    scores: Mapping[str, Float64[np.ndarray, " n"]] | None = None,
) -> Features:
    """The features of architectures that predictors read: description and scores.

    Args:
        space: the space.
        architectures: ``[n]``, at least one.
        scores: proxy -> float64 ``[n]``, finite (see ``complete``); none where not given.

    Returns:
        Features with the columns of ``described``, then ``proxy:NAME`` of each score.

    Raises:
        NasproxyError: there are no architectures, or a score is missing (which, is said).
    """
    names, columns = described(space, architectures)
    given = dict(scores or {})
    stacked = [columns, *(values[:, None] for values in given.values())]
    return Features(
        architectures=tuple(map(str, architectures)),
        names=(*names, *(PROXY + name for name in given)),
        levels=np.hstack(stacked),
    )


def _mean(values: Float64[np.ndarray, " k"]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
