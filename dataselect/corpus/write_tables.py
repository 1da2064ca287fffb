"""Chosen rows of a Parquet file, with every column, under the schema that it has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int64

from dataselect.corpus.options import MIB
from dataselect.corpus.parquet_pages import rows_at_a_time
from dataselect.corpus.places import open_to_read
from dataselect.corpus.rewriting import Rewriting
from dataselect.corpus.sources import CorpusFile, Source
from dataselect.corpus.streams import sha256_of_address

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["write_table"]

_GROUP_BYTES = 64 * MIB


def write_table(
    source: Source,
    file: CorpusFile,
    rows: Int64[np.ndarray, " rows"],
    stream: Any,
    change: Rewriting,
) -> str:
    """Write some rows in row groups of about 64 MiB; return the source's SHA-256."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with closing(open_to_read(file.address)) as opened:
        table = pq.ParquetFile(opened, pre_buffer=False)
        schema = table.schema_arrow
        if change.added is not None:
            schema = schema.append(pa.field(change.added.name, change.added.type))
        compression: Any = "snappy"
        if table.metadata.num_row_groups:
            compression = table.metadata.row_group(0).column(0).compression.lower()
        if compression == "uncompressed":
            compression = "none"
        with pq.ParquetWriter(stream, schema, compression=compression) as writer:
            held: list[pa.RecordBatch] = []
            for chosen, batch in _chosen(table, opened, rows, change.options.text):
                columns = _changed(batch, file.address, chosen, change)
                held.append(pa.RecordBatch.from_arrays(columns, schema=schema))
                if sum(part.nbytes for part in held) >= _GROUP_BYTES:
                    writer.write_table(pa.Table.from_batches(held, schema))
                    held.clear()
            if held:
                writer.write_table(pa.Table.from_batches(held, schema))
    return sha256_of_address(file.address)


def _chosen(
    table: pq.ParquetFile,
    stream: Any,
    rows: Int64[np.ndarray, " rows"],
    text: str,
) -> Iterator[tuple[Int64[np.ndarray, " chosen"], pa.RecordBatch]]:
    import pyarrow as pa

    first = 0
    for group in range(table.metadata.num_row_groups):
        size = rows_at_a_time(table, stream, group, text)
        for batch in table.iter_batches(size, [group], use_threads=False):
            ends = np.searchsorted(rows, [first, first + len(batch)])
            chosen = rows[ends[0] : ends[1]]
            if len(chosen):
                yield chosen, batch.take(pa.array(chosen - first))
            first += len(batch)


def _changed(
    batch: pa.RecordBatch, address: str, rows: Int64[np.ndarray, " rows"], change: Rewriting
) -> list[Any]:
    """The columns, the text edited, the added one last."""
    import pyarrow as pa

    columns: list[Any] = list(batch.columns)
    if change.edit is not None:
        at = batch.schema.get_field_index(change.options.text)
        columns[at] = change.edit(columns[at].cast(pa.string())).cast(columns[at].type)
    if change.added is not None:
        values = change.added.values(address, rows.tolist())
        columns.append(pa.array(values, change.added.type))
    return columns
