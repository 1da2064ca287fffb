"""The table of runs on disk: of a design, and of the rounds that followed it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataselect.weighting.design_folder import DesignFolder
from dataselect.weighting.designs import concatenate
from dataselect.weighting.runs import Runs, join
from zerocost.files import whole_file, write_text

__all__ = ["REPEATS", "RUNS", "joined", "records_of", "write_tables"]

RUNS, REPEATS = "runs.parquet", "repeats.parquet"


def joined(parts: Sequence[DesignFolder]) -> Runs:
    """The runs of several designs in one table, by run id; those that diverged are left out."""
    losses = {run_id: own for part in parts for run_id, own in part.losses().items()}
    return join(concatenate(*(part.design for part in parts)), losses)


def records_of(parts: Sequence[DesignFolder]) -> dict[str, dict[str, Any]]:
    """The records of several designs, by run id."""
    return {run_id: own for part in parts for run_id, own in part.records().items()}


def write_tables(
    folder: Path, parts: Sequence[DesignFolder], repeats: Sequence[DesignFolder] = ()
) -> Path:
    """``runs.parquet``, a row a run, and ``mixtures.csv`` and ``losses.csv`` of the same.

    Nothing in them depends on who ran what when. The two CSV files are what
    `dataselect fit-mixture` reads. ``repeats.parquet`` has the runs that were trained again with
    other seeds, where there are some; they are no further vectors to learn from.

    Args:
        folder: of the tables.
        parts: the design, and each round.
        repeats: runs of these with other seeds.
    """
    path = folder / RUNS
    table, weights, losses = _tables(parts)
    _write(table, path)
    for name, own in (("mixtures.csv", weights), ("losses.csv", losses)):
        write_text(folder / name, own.write_csv(), overwrite=True)
    again = [_tables([part])[0].drop("round") for part in repeats if _finite(part)]
    if again:
        import polars as pl

        _write(pl.concat(again), folder / REPEATS)
    else:
        (folder / REPEATS).unlink(missing_ok=True)
    return path


def _finite(part: DesignFolder) -> bool:
    return any(all(map(math.isfinite, own.values())) for own in part.losses().values())


def _tables(parts: Sequence[DesignFolder]) -> tuple[Any, Any, Any]:
    import polars as pl

    records, runs = records_of(parts), joined(parts)
    part_of = {run_id: at for at, part in enumerate(parts) for run_id in part.design.run_ids}
    ids = pl.Series("run_id", runs.run_ids)
    weights = pl.DataFrame([ids, *_columns(runs.names, runs.weights)])
    losses = pl.DataFrame([ids, *_columns(runs.targets, runs.losses)])
    about = [
        pl.Series(name, [records[run_id][name] for run_id in runs.run_ids])
        for name in ("documents", "tokens")
    ]
    places = [part_of[run_id] for run_id in runs.run_ids]
    about.append(pl.Series("round", places, dtype=pl.Int64))
    about.append(pl.Series("seed", [parts[at].seed for at in places], dtype=pl.Int64))
    table = weights.rename({name: f"weight:{name}" for name in runs.names}).hstack(
        [own.alias(f"loss:{own.name}") for own in losses.get_columns()[1:]] + about
    )
    return table, weights, losses


def _write(table: Any, path: Path) -> None:
    with whole_file(path, overwrite=True) as partial:
        table.write_parquet(partial)


def _columns(names: Sequence[str], values: Any) -> list[Any]:
    import polars as pl

    return [pl.Series(name, values[:, i]) for i, name in enumerate(names)]
