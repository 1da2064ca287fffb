"""Tables of mixtures and losses, as RegMix and others keep them, read into `Runs`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dataselect.errors import DataselectError
from dataselect.weighting.runs import Runs
from zerocost.errors import did_you_mean

if TYPE_CHECKING:
    import polars as pl

__all__ = ["KEYS", "read_tables"]

KEYS = ("run_id", "run", "index", "id", "name")


def read_tables(
    mixtures: Path,
    losses: Path,
    *,
    key: str | None = None,
    targets: Sequence[str] | None = None,
    normalise: bool = False,
) -> Runs:
    """Read weights and losses and join them by run id, never by their order.

    Args:
        mixtures: CSV or Parquet: a column of run ids, every other a weight.
        losses: the same, every other column a loss. May be the same file, if ``targets`` says
            which of its columns are losses; then all others are weights.
        key: the column of run ids; None takes the first of run_id, run, index, id, name that both
            tables have.
        targets: the losses to read; None takes all.
        normalise: divide each run's weights by their sum, for percentages or counts of tokens.

    Returns:
        Runs in the order of the mixtures; left out, with the reason, those that one table lacks
        and those with a number that is missing or not finite.

    Raises:
        DataselectError: a file that cannot be read, a column that is missing or holds no numbers,
            run ids that stand twice, or no run in both tables.
    """
    left, right = _read(mixtures), _read(losses)
    key = _key(left, right, key, mixtures, losses)
    same = mixtures.resolve() == losses.resolve()
    if same and not targets:
        raise DataselectError(
            f"weights and losses are both in {mixtures}",
            accepted="the names of the columns that are losses",
            hint="--target COLUMN, once for each of them",
        )
    known = [name for name in right.columns if name != key]
    wanted = list(targets) if targets else known
    for name in wanted:
        if name not in known:
            raise DataselectError(
                f"{losses} has no column {name!r}",
                accepted=", ".join(known),
                hint=did_you_mean(name, known),
            )
    names = [name for name in left.columns if name != key and not (same and name in wanted)]
    weights, mixed = _numbers(left, names, mixtures), _ids(left, key, mixtures)
    found, lost = _numbers(right, wanted, losses), _ids(right, key, losses)
    row_of = {run_id: row for row, run_id in enumerate(lost)}
    known_ids = set(mixed)
    left_out = {run_id: "no weights" for run_id in lost if run_id not in known_ids}
    rows = []
    for row, run_id in enumerate(mixed):
        if run_id not in row_of:
            left_out[run_id] = "no losses"
        elif not np.isfinite(weights[row]).all():
            left_out[run_id] = "a weight that is missing"
        elif not np.isfinite(found[row_of[run_id]]).all():
            left_out[run_id] = "a loss that is missing or not finite"
        else:
            rows.append(row)
    if not rows:
        reason = next(iter(left_out.values()), "the tables are empty")
        raise DataselectError(
            f"no run has both weights and losses ({reason}); ids in {mixtures} begin with "
            f"{', '.join(mixed[:3])}, in {losses} with {', '.join(lost[:3])}",
            accepted="the same ids in both",
            hint="--key names the column of run ids",
        )
    kept = weights[rows]
    if normalise:
        sums = kept.sum(axis=1, keepdims=True)
        if not ((kept >= 0).all() and (sums > 0).all()):
            raise DataselectError(
                f"{mixtures} has a weight below 0 or a run without any",
                accepted="weights of at least 0 in each run, not all of them 0",
            )
        kept = kept / sums
    return Runs(
        tuple(names),
        tuple(wanted),
        tuple(mixed[row] for row in rows),
        kept,
        found[[row_of[mixed[row]] for row in rows]],
        left_out,
    )


def _read(path: Path) -> pl.DataFrame:
    import polars as pl

    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        separator = "\t" if path.suffix == ".tsv" else ","
        head = pl.read_csv(path, separator=separator, has_header=False, n_rows=1)
        _refuse_twice([str(name) for name in head.row(0)], path)
        return pl.read_csv(path, separator=separator, infer_schema_length=None)
    except (OSError, pl.exceptions.PolarsError) as cause:
        raise DataselectError(
            f"{path} cannot be read as a table: {str(cause).splitlines()[0]}",
            accepted="CSV with a line of names, .tsv or .parquet",
        ) from cause


def _refuse_twice(names: list[str], path: Path) -> None:
    """Polars gives the second column of a name another one, which nobody asked for."""
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataselectError(
            f"{path} has two columns {twice[0]!r}", accepted="a name of its own for each column"
        )


def _key(
    left: pl.DataFrame, right: pl.DataFrame, key: str | None, mixtures: Path, losses: Path
) -> str:
    both = [name for name in left.columns if name in right.columns]
    if key is None:
        key = next((name for name in KEYS if name in both), None)
    if key is None or key not in both:
        raise DataselectError(
            f"{mixtures} and {losses} have no column of run ids in common"
            + ("" if key is None else f" that is called {key!r}"),
            accepted=f"one of {', '.join(KEYS)} in both",
            hint=f"--key NAME; both have {', '.join(both)}" if both else "--key NAME",
        )
    return key


def _numbers(table: pl.DataFrame, names: Sequence[str], path: Path) -> np.ndarray:
    import polars as pl

    for name in names:
        if not (table[name].dtype.is_numeric() or table[name].dtype == pl.Null):
            raise DataselectError(
                f"the column {name!r} of {path} holds no numbers: "
                f"{table[name].drop_nulls().head(1).to_list()}",
                accepted="a column of run ids and columns of numbers",
            )
    # A missing number becomes NaN here, and its run is left out.
    columns = [table[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in names]
    return np.stack(columns, axis=1) if columns else np.empty((len(table), 0))


def _ids(table: pl.DataFrame, key: str, path: Path) -> list[str]:
    ids = [str(value) for value in table[key].to_list()]
    if len(set(ids)) != len(ids):
        twice = next(value for value in ids if ids.count(value) > 1)
        raise DataselectError(
            f"the run {twice!r} stands twice in {path}",
            accepted="each run once",
            hint="--key names the column of run ids",
        )
    return ids
