"""The files of a part: each appears whole, and says in its footer what it was made from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dataselect.corpus.parts import Quarantined
from dataselect.corpus.places import exists, join, open_to_read, whole_output
from dataselect.errors import DataselectError
from zerocost.files import to_json

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["DOCUMENTS", "QUARANTINE", "part_file", "read_footer", "write_part", "write_quarantined"]

DOCUMENTS = "documents"
QUARANTINE = "quarantine"
_KEY = b"zerocost"


def part_file(folder: str, kind: str, name: str) -> str:
    """Where a part's documents, or the columns of a scorer for it, stand."""
    return join(folder, kind, f"{name}.parquet")


def write_part(address: str, table: pa.Table, about: Mapping[str, Any]) -> None:
    """Write a part's table, in the place of an earlier one, with what it was made from."""
    import pyarrow.parquet as pq

    metadata = {_KEY: to_json(dict(about)).encode()}
    dictionary: Any = [name for name in ("source", "domain") if name in table.column_names]
    with whole_output(address, overwrite=True) as stream:
        pq.write_table(
            table.replace_schema_metadata(metadata),
            stream,
            compression="zstd",
            use_dictionary=dictionary,
            row_group_size=max(1, len(table)),
        )


def read_footer(address: str) -> dict[str, Any] | None:
    """What a part's file was made from; None where there is no such file.

    Raises:
        DataselectError: the file is damaged, or was not written by this tool.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not exists(address):
        return None
    try:
        with open_to_read(address) as stream:
            metadata = pq.read_metadata(stream).metadata
        found = json.loads((metadata or {})[_KEY])
        assert isinstance(found, dict)
    except (OSError, pa.ArrowException, KeyError, ValueError, AssertionError) as cause:
        raise DataselectError(
            f"{address} is damaged, or not a file that this tool wrote: {cause}",
            accepted="a score folder as it was left",
            hint="remove the file and run the same command again",
        ) from cause
    return found


def write_quarantined(address: str, quarantined: Iterable[Quarantined]) -> None:
    """Write JSON lines, one for each, in the place of an earlier file."""
    with whole_output(address, overwrite=True) as stream:
        for found in quarantined:
            stream.write(quarantined_line(found))


def quarantined_line(found: Quarantined) -> bytes:
    """One line of JSON with its end."""
    return to_json(found.__dict__).encode() + b"\n"
