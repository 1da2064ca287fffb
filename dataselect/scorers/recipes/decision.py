"""What a recipe decides on a table of scores: who is kept, and who broke which rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dataselect.scorers.recipes.recipe import Recipe

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["decide"]


def decide(scores: pa.Table | pa.RecordBatch, recipe: Recipe) -> pa.RecordBatch:
    """Apply every rule of a recipe to every document.

    Args:
        scores: one row a document, with a column for each signal of the recipe; null or NaN where
            a document has no score.
        recipe: the rules.

    Returns:
        One row a document, in the same order: ``kept`` (bool), and ``broken``, a list of structs,
        one for each rule that the document broke, in the recipe's order: ``signal`` (string),
        ``value`` (double, null where the score is missing), ``bound`` ("min", "max" or "missing"),
        ``limit`` (double, null where the score is missing).

    Raises:
        DataselectError: a rule reads a column that the table lacks.
    """
    import pyarrow as pa

    recipe.check(scores.schema.names)
    rows, rules, bounds, values = [], [], [], []
    for at, rule in enumerate(recipe.rules):
        score = _numbers(scores, rule.signal)
        missing = np.isnan(score)
        for bound, broken in enumerate((score < rule.low, score > rule.high, missing)):
            if bound == 2 and rule.missing == "pass":
                continue
            found = np.flatnonzero(broken)
            rows.append(found)
            rules.append(np.full(found.size, at))
            bounds.append(np.full(found.size, bound))
            values.append(score[found])
    row, rule_at = np.concatenate(rows), np.concatenate(rules)
    order = np.lexsort((rule_at, row))
    row, rule_at = row[order], rule_at[order]
    bound_at, value = np.concatenate(bounds)[order], np.concatenate(values)[order]
    count = np.bincount(row, minlength=scores.num_rows)
    limits = np.array([[rule.low, rule.high, np.nan] for rule in recipe.rules])
    broken_rules = pa.StructArray.from_arrays(
        [
            pa.array([rule.signal for rule in recipe.rules]).take(pa.array(rule_at)),
            pa.array(value, from_pandas=True),
            pa.array(["min", "max", "missing"]).take(pa.array(bound_at)),
            pa.array(limits[rule_at, bound_at], from_pandas=True),
        ],
        names=["signal", "value", "bound", "limit"],
    )
    offsets: Any = pa.array(np.concatenate([[0], np.cumsum(count)]).astype(np.int32))
    return pa.RecordBatch.from_arrays(
        [pa.array(count == 0), pa.ListArray.from_arrays(offsets, broken_rules)],
        names=["kept", "broken"],
    )


def _numbers(scores: pa.Table | pa.RecordBatch, name: str) -> np.ndarray:
    """A column as float64, NaN where it is null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column: pa.Array[Any] | pa.ChunkedArray[Any] = scores.column(name)
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    numbers: Any = column.cast(pa.float64())
    return np.asarray(pc.fill_null(numbers, np.nan), np.float64)
