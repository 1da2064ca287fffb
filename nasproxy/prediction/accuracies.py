"""True accuracies of the user's own: a CSV or Parquet file read as a benchmark table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasproxy.benchmarks.table import BenchmarkTable, Quantity
from nasproxy.errors import NasproxyError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["read_accuracies"]

_COLUMN = "architecture"


def read_accuracies(path: Path, space: str, *, higher_is_better: bool = True) -> BenchmarkTable:
    """A table of accuracies that the user measured.

    Args:
        path: a ``.csv`` or ``.parquet`` with a column ``architecture`` (text forms of the space;
            one may stand several times, once for each time it was trained) and a column of
            numbers for each target; an empty cell is not known.
        space: what the architectures belong to.
        higher_is_better: the direction of its numbers.

    Raises:
        NasproxyError: the file is absent, of another form, or has no such columns.
    """
    frame = _read(path)
    if _COLUMN not in frame.columns:
        raise NasproxyError(
            f"{path} has no column {_COLUMN!r} (it has {', '.join(frame.columns)})",
            accepted="a column 'architecture' and a column of numbers for each target",
        )
    numbers = [name for name, kind in frame.schema.items() if name != _COLUMN and kind.is_numeric()]
    if not numbers:
        raise NasproxyError(
            f"{path} has no column of numbers beside {_COLUMN!r}",
            accepted="a column of accuracies, such as cifar10",
        )
    texts = tuple(str(text) for text in frame[_COLUMN].to_list())
    return BenchmarkTable(
        name=path.name,
        space=space,
        architectures=texts,
        targets={
            name: frame[name].cast(float).fill_null(np.nan).to_numpy().copy() for name in numbers
        },
        reference=f"the user's own file {path.name}",
        source=path,
        quantities={} if higher_is_better else {n: Quantity("", False) for n in numbers},
        repeats=len(set(texts)) < len(texts),
    )


def _read(path: Path) -> pl.DataFrame:
    import polars as pl

    if not path.is_file():
        raise NasproxyError(f"{path} does not exist", accepted="a .csv or .parquet of accuracies")
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        # Types by the whole file: a first hundred of empty cells or whole numbers says little.
        return pl.read_csv(path, infer_schema_length=None)
    except (OSError, pl.exceptions.PolarsError) as cause:
        raise NasproxyError(
            f"{path} cannot be read: {str(cause).splitlines()[0]}",
            accepted="a .csv with a header line, or a .parquet",
        ) from cause
