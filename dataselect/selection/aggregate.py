"""From columns of scores to one score a document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from dataselect.selection.transforms import Stats, normalise
from dataselect.selection.weights import ColumnWeight, Weights
from zerocost.errors import did_you_mean

__all__ = ["aggregate", "check_columns", "scores_of_column"]


def aggregate(
    columns: Mapping[str, Float64[np.ndarray, " n"]], weights: Weights
) -> Float64[np.ndarray, " n"]:
    """The weighted sum of normalised scores, Q(x) = Σ_j w_j q_j(x).

    Where a missing score counts as the worst, it adds the least that the column can, which with a
    negative weight is that of its highest value.

    Columns are added in the order of the weights, so that the same weights give the same bits.

    Args:
        columns: scores by name, NaN where a document has none.
        weights: with stats and orientations; see `Weights.resolved`.

    Returns:
        Scores, more being better; NaN where a column is missing whose rule is ``drop``.

    Raises:
        DataselectError: a column has no stats or no orientation.

    Reference: Zhuang et al., "Meta-rater", ACL 2025, section 3.
    """
    total: Float64[np.ndarray, " n"] | None = None
    for name, own in weights.columns.items():
        if own.stats is None or own.orientation is None:
            raise DataselectError(
                f"the weights of {name!r} have no stats or no orientation",
                accepted="weights that are resolved",
                hint="weights.resolved(directions, stats)",
            )
        term = own.weight * _normalised(columns[name], own, own.stats, own.orientation)
        total = term if total is None else total + term
    if total is None:
        raise DataselectError("there are no weights", accepted="a weight a column")
    return total


def _normalised(
    scores: Float64[np.ndarray, " n"],
    own: ColumnWeight,
    stats: Stats,
    orientation: Literal[-1, 1],
) -> Float64[np.ndarray, " n"]:
    def oriented(sign: Literal[-1, 1]) -> Float64[np.ndarray, " n"]:
        return normalise(
            scores,
            stats,
            transform=own.transform,
            orientation=sign,
            missing=own.missing,
            clip=own.clip,
        )

    if own.weight >= 0 or own.missing != "worst":
        return oriented(orientation)
    # With a negative weight the highest value is the worst, which is the least the other way round.
    top = 0.0 if own.transform == "zscore" else 1.0
    return top - oriented(-1 if orientation == 1 else 1)


def scores_of_column(table: Any, name: str) -> Float64[np.ndarray, " n"]:
    """A column of an Arrow table or batch as float64; NaN for null, 0 and 1 for a truth value."""
    import pyarrow as pa

    column = table.column(name)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise DataselectError(
            f"the column {name!r} holds {column.type}", accepted="a column of numbers"
        )
    return np.array(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def check_columns(asked: Mapping[str, object], known: Mapping[str, object], where: str) -> None:
    """Refuse columns that a score table does not have.

    Raises:
        DataselectError: with the nearest names of each.
    """
    missing = [name for name in asked if name not in known]
    if not missing:
        return
    near = [f"{name!r}: {did_you_mean(name, known) or 'nothing is close'}" for name in missing[:5]]
    raise DataselectError(
        f"{where} has no column {', '.join(map(repr, missing))}",
        accepted=", ".join(known),
        hint="; ".join(near),
    )
