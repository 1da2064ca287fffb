"""Node-wise values as a long table: one row a node, kept on the way and written at the end."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import ProxyScore
from nasproxy.tracing.channel_saliency import owner
from zerocost.files import disk_full, whole_file

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NodeLog", "joined", "node_rows", "node_schema", "relabelled", "write_nodes"]

_LENGTH = struct.Struct("<Q")
_GROUP = 1 << 17  # rows of a Parquet row group
_WIDTHS = (
    "out_channels",
    "out_features",
    "nf",
    "embedding_dim",
    "num_features",
    "normalized_shape",
)


def node_schema() -> pa.Schema:
    """The columns of a table of node-wise values.

    architecture: the entry's text, as in the score table; seed; proxy; node: the parameter or
    module that the value is of; kind: the class of the node's module, such as ``Conv2d``;
    position: the module's place in the network's own order, from 0; width: the channels or
    features that the module gives; value. Kind, position and width are null where the node is no
    module's.
    """
    import pyarrow as pa

    text = pa.string()
    columns: list[pa.Field[Any]] = [
        pa.field("architecture", text, nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("proxy", text, nullable=False),
        pa.field("node", text, nullable=False),
        pa.field("kind", text),
        pa.field("position", pa.int32()),
        pa.field("width", pa.int32()),
        pa.field("value", pa.float64(), nullable=False),
    ]
    return pa.schema(columns)


def node_rows(
    entry: str,
    seed: int,
    network: nn.Module | None,
    found: Mapping[str, ProxyScore | NasproxyError],
) -> pa.RecordBatch:
    """The node-wise values of one network under one seed; proxies without a score have no rows.

    A network that could not be had is None, and has no rows.
    """
    import pyarrow as pa

    places: dict[str, tuple[int, nn.Module]] = {}
    if network is None:
        found = {}
    else:
        places |= {path: (i, part) for i, (path, part) in enumerate(network.named_modules())}
    columns: list[list[Any]] = [[] for _ in node_schema()]
    for proxy, outcome in found.items():
        if isinstance(outcome, NasproxyError):
            continue
        for node, value in zip(outcome.node_names, outcome.nodes.tolist(), strict=True):
            of = node.partition("#")[0]  # "relu#2" is the second call of "relu"
            found_at = places.get(of) or places.get(owner(of))
            position, module = found_at if found_at else (None, None)
            kind = None if module is None else type(module).__name__
            row = (entry, seed, proxy, node, kind, position, _width(module), value)
            for column, cell in zip(columns, row, strict=True):
                column.append(cell)
    schema = node_schema()
    arrays = [pa.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def relabelled(rows: pa.RecordBatch, entry: str, proxies: Collection[str]) -> pa.RecordBatch:
    """The rows of some proxies, under another entry that shares the network."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kept = rows.filter(pc.is_in(rows.column("proxy"), pa.array(sorted(proxies), pa.string())))
    named = pa.array([entry] * kept.num_rows, pa.string())
    return kept.set_column(0, node_schema().field(0), named)


def joined(parts: Sequence[pa.RecordBatch]) -> pa.RecordBatch | None:
    """Rows of several parts in their order; None for no part."""
    import pyarrow as pa

    if not parts:
        return None
    rows: pa.RecordBatch = pa.concat_batches(list(parts))  # type: ignore[attr-defined]
    return rows


class NodeLog:
    """An append-only file of record batches, one an entry, readable after any crash.

    A batch is written with its length before it, so one that was cut off is known and dropped.

    Args:
        path: the file; made where it does not exist.
        keep: how many batches to keep at the most; later ones are dropped.
    """

    def __init__(self, path: Path, keep: int) -> None:
        self.path = path
        path.touch()
        self._stream = path.open("r+b", buffering=0)
        self._ends = [0]
        size = path.stat().st_size
        while len(self) < keep:
            start = self._ends[-1] + _LENGTH.size
            self._stream.seek(self._ends[-1])
            head = self._stream.read(_LENGTH.size)
            if len(head) < _LENGTH.size or start + _LENGTH.unpack(head)[0] > size:
                break
            self._ends.append(start + _LENGTH.unpack(head)[0])
        self._stream.truncate(self._ends[-1])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, rows: pa.RecordBatch) -> None:
        """Add the rows of one entry; on a full disk nothing of them stays behind.

        Raises:
            ZerocostError: the disk is full.
        """
        body = rows.serialize().to_pybytes()
        frame = memoryview(_LENGTH.pack(len(body)) + body)
        self._stream.seek(self._ends[-1])
        try:
            written = 0
            while written < len(frame):
                written += self._stream.write(frame[written:])
        except OSError as cause:
            self._stream.truncate(self._ends[-1])
            raise disk_full(self.path, cause) or cause from cause
        self._ends.append(self._ends[-1] + len(frame))

    def __getitem__(self, entry: int) -> pa.RecordBatch:
        """The rows of an entry, by its place from 0."""
        import pyarrow as pa

        start = self._ends[entry] + _LENGTH.size
        self._stream.seek(start)
        body = self._stream.read(self._ends[entry + 1] - start)
        return pa.ipc.read_record_batch(pa.py_buffer(body), node_schema())

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return (self[entry] for entry in range(len(self)))

    def close(self) -> None:
        """Let the file go."""
        self._stream.close()


def write_nodes(log: NodeLog, path: Path) -> None:
    """Write the rows of a log as Parquet, in their order, whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with (
        whole_file(path, overwrite=True) as partial,
        pq.ParquetWriter(partial, node_schema(), compression="zstd") as writer,
    ):
        waiting: list[pa.RecordBatch] = []
        rows = 0
        for batch in log:
            waiting.append(batch)
            rows += batch.num_rows
            if rows >= _GROUP:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting, rows = [], 0
        writer.write_table(pa.Table.from_batches(waiting, node_schema()))


def _width(module: nn.Module | None) -> int | None:
    for name in _WIDTHS:
        found = getattr(module, name, None)
        if isinstance(found, int):
            return found
    return None
