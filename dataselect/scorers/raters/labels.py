"""Files of labels: JSON lines or Parquet, a text and a number a row, or two texts."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dataselect.errors import DataselectError
from dataselect.scorers.raters.labelled import Labelled, label, label_pairs
from zerocost.errors import did_you_mean

__all__ = ["read_labels"]

_FORMATS = ".jsonl, .jsonl.gz or .parquet"


def read_labels(
    path: Path, *, text: tuple[str, ...] = ("text",), label_column: str = "label"
) -> Labelled:
    """The labels of a file.

    Args:
        path: .jsonl, .jsonl.gz or .parquet.
        text: the column of the text; or two columns, or one that holds lists of two texts: then
            the label is the probability that the second of the two is preferred.
        label_column: a number, or text that is one, or true and false.

    Raises:
        DataselectError: the file cannot be read or holds no row; a column is missing; a text or a
            label is missing, or a label is NaN, infinite or no number.
    """
    firsts: list[str] = []
    seconds: list[str] = []
    targets: list[float] = []
    for place, row in _rows(path, (*text, label_column)):
        _check_columns(path, place, row, (*text, label_column))
        found = [row[column] for column in text]
        if len(found) == 1 and isinstance(found[0], list):
            found = found[0]
        if len(found) not in (1, 2) or not all(isinstance(each, str) for each in found):
            raise DataselectError(
                f"{path}, row {place}: {' and '.join(text)} hold {_shown(found)}",
                accepted="a text, or two of them",
                hint="leave rows without a text out of the file",
            )
        if (seconds and len(found) == 1) or (firsts and not seconds and len(found) == 2):
            raise DataselectError(
                f"{path}, row {place}: {len(found)} text(s), where the rows before have "
                f"{2 if seconds else 1}",
                accepted="one text in every row, or two in every row",
            )
        firsts.append(found[0])
        seconds += found[1:]
        targets.append(_number(row[label_column], f"{path}, row {place}: {label_column}"))
    if not targets:
        raise DataselectError(
            f"{path} holds no labels",
            accepted='a row a document, such as {"text": "...", "label": 3}',
        )
    values = np.array(targets)
    return label_pairs(firsts, seconds, values) if seconds else label(firsts, values)


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        if path.suffix == ".parquet":
            yield from _parquet_rows(path, columns)
        elif path.name.endswith((".jsonl", ".jsonl.gz")):
            yield from _json_rows(path)
        else:
            raise DataselectError(f"{path} is no file of labels", accepted=_FORMATS)
    except OSError as error:
        raise DataselectError(
            f"the labels {str(path)!r} cannot be read: {error.strerror or error}",
            accepted=_FORMATS,
        ) from error


def _parquet_rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("rb") as stream:
        try:
            file = pq.ParquetFile(stream)
            names = file.schema_arrow.names
            wanted = [name for name in columns if name in names]
            if len(wanted) < len(columns):  # the error names all columns that there are
                wanted = names
            place = 0
            for batch in file.iter_batches(columns=wanted):
                for row in batch.to_pylist():
                    place += 1
                    yield place, row
        except pa.ArrowInvalid as error:
            raise DataselectError(
                f"{path} is no Parquet file: {error}", accepted=_FORMATS
            ) from error


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    import msgspec

    with path.open("rb") as stored:
        lines: Any = gzip.GzipFile(fileobj=stored) if path.suffix == ".gz" else stored
        for place, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise DataselectError(
                    f"{path}, row {place} is no JSON: {error}",
                    accepted='a JSON object a line, such as {"text": "...", "label": 3}',
                    hint="a label that is missing is left out, not NaN" if b"NaN" in line else None,
                ) from error
            if not isinstance(row, dict):
                raise DataselectError(
                    f"{path}, row {place} is no JSON object: {_shown(row)}",
                    accepted='a JSON object a line, such as {"text": "...", "label": 3}',
                )
            yield place, row


def _check_columns(path: Path, place: int, row: dict[str, Any], columns: tuple[str, ...]) -> None:
    for column in columns:
        if column not in row:
            option = "--label" if column == columns[-1] else "--text"
            raise DataselectError(
                f"{path}, row {place} has no column {column!r}",
                accepted=f"{option} with one of: {', '.join(row)}",
                hint=did_you_mean(column, row),
            )


def _number(value: Any, where: str) -> float:
    try:
        found = float("nan") if value is None else float(value)
    except (TypeError, ValueError):
        raise DataselectError(f"{where} is {_shown(value)}", accepted="a number") from None
    if not math.isfinite(found):
        raise DataselectError(
            f"{where} is {_shown(value)}",
            accepted="a finite number",
            hint="leave rows without a label out of the file",
        )
    return found


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
