"""CSV columns as exact float64 arrays, for the small published tables."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError

__all__ = ["number_columns", "op_tuple", "read_columns"]


def read_columns(path: Path) -> dict[str, list[str]]:
    """The cells of a CSV file with a header line, by column.

    Raises:
        NasproxyError: a row has another number of cells than the header.
    """
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream)
        header = next(rows, [])
        columns: list[list[str]] = [[] for _ in header]
        for row in rows:
            if len(row) != len(header):
                raise NasproxyError(
                    f"{path}, line {rows.line_num}, has {len(row)} cells, its header {len(header)}"
                )
            for column, cell in zip(columns, row, strict=True):
                column.append(cell)
    return dict(zip(header, columns, strict=True))


def number_columns(
    path: Path, columns: dict[str, list[str]], wanted: Iterable[str]
) -> dict[str, Float64[np.ndarray, " n"]]:
    """The wanted columns as float64; an empty cell is NaN.

    Raises:
        NasproxyError: a column is missing, or a cell is not a number.
    """
    numbers = {}
    for name in wanted:
        if name not in columns:
            raise NasproxyError(f"{path} has no column {name!r}", accepted=", ".join(columns))
        try:
            numbers[name] = np.array([float(cell or "nan") for cell in columns[name]])
        except ValueError as cause:
            raise NasproxyError(f"{path}, column {name!r}: {cause}") from cause
    return numbers


def op_tuple(path: Path, cell: str) -> tuple[int, ...]:
    """The operation codes of a cell such as ``"(4, 3, 3, 0, 0, 0)"``.

    Raises:
        NasproxyError: it is no tuple of whole numbers.
    """
    if not re.fullmatch(r"\(\s*\d+(\s*,\s*\d+)*\s*,?\s*\)", cell.strip()):
        raise NasproxyError(f"{path}: {cell!r} is no tuple of operations")
    return tuple(int(code) for code in re.findall(r"\d+", cell))
