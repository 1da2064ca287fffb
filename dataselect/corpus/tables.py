"""Parquet cut into parts: a part ends with the row at which its text reaches the size of a part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from dataselect.corpus.documents import BATCH_BYTES, as_name, document_batch
from dataselect.corpus.options import ReadOptions
from dataselect.corpus.parquet_pages import rows_at_a_time
from dataselect.corpus.parts import Quarantined, RawPart, SourceEnd
from dataselect.corpus.places import open_to_read
from dataselect.corpus.sources import Source
from dataselect.corpus.streams import sha256_of_address
from dataselect.errors import DataselectError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["check_tables", "cut_table", "decode_table", "open_table", "table_batches"]


def cut_table(source: Source, options: ReadOptions) -> Iterator[RawPart | SourceEnd]:
    """The parts of a Parquet file, in order, and its end.

    Args:
        source: of the format ``parquet``.
        options: the columns, and `part_bytes`.

    Raises:
        DataselectError: there is no column of that name, or it holds no strings.
    """
    import pyarrow as pa

    sha256 = sha256_of_address(source.address)
    held: list[pa.RecordBatch] = []
    held_bytes, first, number, total, damage = 0, 0, 0, 0, None

    def part() -> RawPart:
        nonlocal first, number, held_bytes
        rows = sum(len(batch) for batch in held)
        stored = source.bytes * (first + rows) // max(1, total)
        found = RawPart(
            source, number, first, rows, sha256, tuple(held), damage=damage, stored=stored
        )
        held.clear()
        first, number, held_bytes = first + rows, number + 1, 0
        return found

    with closing(open_to_read(source.address)) as stream:
        batches: Iterator[pa.RecordBatch] = iter(())
        try:
            file, columns = open_table(source, stream, options)
        except (OSError, pa.ArrowException) as cause:
            damage = _first_line(cause)
        else:
            total = file.metadata.num_rows
            batches = table_batches(file, stream, columns, range(file.metadata.num_row_groups))
        while True:
            try:
                batch = next(batches, None)
            except (OSError, pa.ArrowException) as cause:
                damage, batch = _first_line(cause), None
            if batch is None:
                break
            ends = np.cumsum(_sizes(batch.column(0)))
            begin, passed = 0, 0
            while begin < len(batch):
                wanted = options.part_bytes - held_bytes + passed
                end = min(int(np.searchsorted(ends, wanted)) + 1, len(batch))
                held.append(batch.slice(begin, end - begin))
                held_bytes += int(ends[end - 1]) - passed
                begin, passed = end, int(ends[end - 1])
                if held_bytes >= options.part_bytes:
                    yield part()
        if held or damage is not None:
            yield part()
    yield SourceEnd(source, (sha256,), first)


def check_tables(sources: Iterable[Source], options: ReadOptions) -> None:
    """Refuse a corpus whose first table lacks the columns, before anything is made or removed.

    Raises:
        DataselectError: there is no column of that name, or it holds no strings.
    """
    import pyarrow as pa

    first = next((source for source in sources if source.format == "parquet"), None)
    if first is None:
        return
    with closing(open_to_read(first.address)) as stream, suppress(OSError, pa.ArrowException):
        open_table(first, stream, options)


def decode_table(
    raw: RawPart, options: ReadOptions, quarantine: Callable[[Quarantined], None]
) -> Iterator[pa.RecordBatch]:
    """The documents of a part of a table, in batches.

    Args:
        raw: a part of `cut_table`.
        options: how it is read.
        quarantine: called with each row that is no document, in order.
    """
    row = raw.first_row
    for batch in _gathered(cast("tuple[pa.RecordBatch, ...]", raw.content)):
        yield from _documents(batch, row, raw.source.address, options, quarantine)
        row += len(batch)


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of about `BATCH_BYTES`: scoring a batch has a price of its own.

    Where a column has a dictionary, which may expand to anything, few rows are read at a time.
    """
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        here = int(_sizes(batch.column(0)).sum())
        apart = any(pa.types.is_dictionary(kind) for kind in batch.schema.types)
        if held and (apart or size + here > BATCH_BYTES):
            yield _together(held)
            held, size = [], 0
        held.append(batch)
        size += here
    if held:
        yield _together(held)


def _together(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    import pyarrow as pa

    if len(batches) == 1:
        return batches[0]
    whole = pa.Table.from_batches(batches).combine_chunks()
    return pa.RecordBatch.from_arrays(
        [column.combine_chunks() for column in whole.columns], schema=whole.schema
    )


def open_table(
    source: Source, stream: Any, options: ReadOptions
) -> tuple[pq.ParquetFile, list[str]]:
    """The table in a stream, and the columns of it that are read, text first.

    Raises:
        DataselectError: there is no column of that name, or it holds no strings.
        OSError, ArrowException: it is damaged.
    """
    import pyarrow.parquet as pq

    file = pq.ParquetFile(stream, pre_buffer=False)
    return file, _columns(source.address, file.schema_arrow, options)


def table_batches(
    file: pq.ParquetFile, stream: Any, columns: list[str], groups: Iterable[int]
) -> Iterator[pa.RecordBatch]:
    """Row groups in batches whose text fits into memory whatever it expands to."""
    import pyarrow as pa

    for group in groups:
        rows = rows_at_a_time(file, stream, group, columns[0])
        for batch in file.iter_batches(rows, [group], columns, use_threads=False):
            chosen = batch.select(columns)
            if pa.types.is_string_view(chosen.schema.field(0).type):  # which has few functions
                texts = chosen.column(0).cast(pa.large_string())
                chosen = chosen.set_column(0, columns[0], texts)
            yield chosen


def _columns(address: str, schema: pa.Schema, options: ReadOptions) -> list[str]:
    import pyarrow as pa

    names = schema.names
    if options.text not in names:
        raise DataselectError(
            f"{address} has no column {options.text!r} (there is {', '.join(names)})",
            accepted="the column that holds the text",
            hint="--text-column names it",
        )
    for name in (options.text, options.id, options.domain):
        if names.count(name) > 1:
            raise DataselectError(
                f"{address} has {names.count(name)} columns {name!r}",
                accepted="one of each name that is read",
                hint="rename one of them in the file",
            )
    kind = schema.field(options.text).type
    if not any(
        accepted(kind.value_type if pa.types.is_dictionary(kind) else kind)
        for accepted in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_string_view,
            pa.types.is_binary,
            pa.types.is_large_binary,
        )
    ):
        raise DataselectError(
            f"the column {options.text!r} of {address} holds {kind}",
            accepted="strings, or bytes of UTF-8",
            hint="--text-column names another",
        )
    return [options.text, *(name for name in (options.id, options.domain) if name in names)]


def _sizes(texts: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The bytes of each text, 0 where it is null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(texts.type):
        sizes = pc.take(pc.binary_length(texts.dictionary), texts.indices)
    else:
        sizes = pc.binary_length(texts)
    found: np.ndarray[Any, np.dtype[np.int64]] = (
        pc.fill_null(sizes, 0).to_numpy(zero_copy_only=False).astype(np.int64)
    )
    return found


def _documents(
    batch: pa.RecordBatch,
    row: int,
    source: str,
    options: ReadOptions,
    quarantine: Callable[[Quarantined], None],
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    column: Any = batch.column(0)
    sizes = _sizes(column)
    refused: dict[int, tuple[str, int | None, str]] = {}
    for at in np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)).tolist():
        refused[at] = ("no_text", None, f"{options.text!r} is null")
    for at in np.flatnonzero(sizes > options.max_document_bytes).tolist():
        size = int(sizes[at])
        limit = f"{size:,} bytes; the limit is {options.max_document_bytes:,}"
        refused[at] = ("too_large", size, limit)
    rows = np.delete(np.arange(len(batch)), list(refused))
    if refused:
        column = column.take(pa.array(rows))
    texts, invalid = _as_strings(column, options.lossy)
    for at, why in invalid.items():
        refused[int(rows[at])] = ("invalid_utf8", int(sizes[rows[at]]), why)
    if invalid:
        kept = np.delete(np.arange(len(rows)), list(invalid))
        rows, texts = rows[kept], texts.take(pa.array(kept))
    for at in sorted(refused):
        reason, size_, detail = refused[at]
        quarantine(Quarantined(source, row + at, reason, size_, detail))
    names = batch.schema.names
    columns: list[Any] = batch.columns
    ids, domains = (
        _as_names(_taken(columns[names.index(name)], rows))
        if name in names
        else pa.nulls(len(rows), pa.string())
        for name in (options.id, options.domain)
    )
    whole = document_batch(source, rows + row, ids, domains, texts)
    ends = np.cumsum(sizes[rows])
    begin, passed = 0, 0
    while begin < len(rows):
        end = max(begin + 1, int(np.searchsorted(ends, passed + BATCH_BYTES, side="right")))
        yield whole.slice(begin, end - begin)
        begin, passed = end, int(ends[end - 1])


def _taken(values: Any, rows: np.ndarray[Any, np.dtype[np.int64]]) -> Any:
    import pyarrow as pa

    return values if len(rows) == len(values) else values.take(pa.array(rows))


def _as_strings(texts: Any, lossy: bool) -> tuple[Any, dict[int, str]]:
    """The texts as checked strings, and which are no UTF-8 (there the text is empty)."""
    import pyarrow as pa

    if pa.types.is_dictionary(texts.type):
        texts = texts.dictionary_decode()
    try:
        strings = texts.cast(pa.string())
        strings.validate(full=True)
    except pa.ArrowInvalid:
        invalid: dict[int, str] = {}
        found = []
        for at, text in enumerate(texts.cast(pa.large_binary()).to_pylist()):
            try:
                found.append(text.decode("utf-8", "replace" if lossy else "strict"))
            except UnicodeDecodeError as cause:
                found.append("")
                invalid[at] = str(cause)
        return pa.array(found, pa.string()), invalid
    return strings, {}


def _as_names(values: Any) -> Any:
    """Ids or domains as strings, whatever type the column has."""
    import pyarrow as pa

    try:
        names = values.cast(pa.string())
        names.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        plain = [_plain(value) for value in values]
        return pa.array(plain, pa.string())
    return names


def _plain(value: Any) -> str | None:
    try:
        found = value.as_py()
    except UnicodeDecodeError as cause:
        found = cause.object
    if isinstance(found, bytes):
        return found.decode("utf-8", "replace")
    return as_name(found)


def _first_line(cause: BaseException) -> str:
    return (str(cause).splitlines() or [type(cause).__name__])[0]
