"""Documents in Arrow batches: where each comes from, its id and domain, its text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["BATCH_BYTES", "as_name", "document_batch", "document_schema"]

BATCH_BYTES = 4 << 20
"""Text that is decoded and scored at a time: enough that what a batch costs is small beside what
its text does, and little enough to stay in a cache."""


@cache
def document_schema() -> pa.Schema:
    """The columns of a batch of documents."""
    import pyarrow as pa

    fields: list[pa.Field[Any]] = [
        pa.field("source", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("id", pa.string()),
        pa.field("domain", pa.string()),
        pa.field("text", pa.string(), nullable=False),
    ]
    return pa.schema(fields)


def document_batch(
    source: str | Sequence[str],
    rows: np.ndarray[Any, Any] | Sequence[int],
    ids: Sequence[Any] | Any,
    domains: Sequence[Any] | Any,
    texts: Sequence[str] | Any,
) -> pa.RecordBatch:
    """A batch of documents.

    Args:
        source: the file of all of them, or of each.
        rows: where each stands in its file.
        ids: their own names, or None.
        domains: likewise.
        texts: valid UTF-8.
    """
    import pyarrow as pa

    schema = document_schema()
    if isinstance(source, str):
        sources = pa.repeat(pa.scalar(source, pa.string()), len(rows))
    else:
        sources = pa.array(source, pa.string())
    return pa.RecordBatch.from_arrays(
        [
            sources,
            pa.array(rows, pa.int64()),
            _names(ids),
            _names(domains),
            texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string()),
        ],
        schema=schema,
    )


def _names(values: Sequence[Any] | Any) -> Any:
    import pyarrow as pa

    if isinstance(values, pa.Array):
        return values if pa.types.is_string(values.type) else values.cast(pa.string())
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([as_name(value) for value in values], pa.string())


def as_name(value: Any) -> str | None:
    """An id or domain as text: strings as they are, other JSON values as JSON writes them."""
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, default=str)
    except ValueError:  # an integer of more digits than Python prints
        return None
