"""Writing chosen documents: a shard for each file of the corpus, in that file's own format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64

from dataselect.corpus.places import exists, join, whole_output
from dataselect.corpus.rewriting import Rewriting
from dataselect.corpus.sources import CorpusFile, Source
from dataselect.corpus.write_lines import write_lines
from dataselect.corpus.write_tables import write_table
from dataselect.corpus.write_texts import write_text_file
from dataselect.errors import DataselectError

__all__ = ["Keep", "Shard", "shard_names", "write_selected"]

Keep = Callable[[str], Int64[np.ndarray, " rows"]]
"""File's address -> the rows of it that are written, ascending."""


@dataclass(frozen=True)
class Shard:
    """A file of chosen documents.

    Attributes:
        address: where it is.
        source: the file it was made from.
        documents: how many it holds.
    """

    address: str
    source: str
    documents: int


def shard_names(sources: Sequence[Source]) -> dict[str, str]:
    """File of the corpus -> its shard's path under the output folder.

    The path is what of the file's address lies below the deepest folder that holds all of them.
    """
    addresses = [file.address for source in sources for file in source.files]
    split = [address.replace("\\", "/").split("/") for address in addresses]
    shortest = min(len(parts) for parts in split) - 1
    common = 0
    while common < shortest and len({parts[common] for parts in split}) == 1:
        common += 1
    return {
        address: "/".join(part for part in parts[common:] if part not in ("", ".", ".."))
        for address, parts in zip(addresses, split, strict=True)
    }


def write_selected(
    sources: Sequence[Source],
    keep: Keep,
    out: str,
    *,
    rewriting: Rewriting,
    names: Mapping[str, str] | None = None,
    expected: Callable[[str], str | None] = lambda _: None,
    on_shard: Callable[[Shard], None] | None = None,
) -> list[Shard]:
    """Write the chosen documents of a corpus, a shard a file, with all columns that they have.

    Lines of JSON come out byte for byte as they went in, compressed as the input is; tables keep
    their schema and compression; text files are copied. A shard appears whole or not at all, and
    one that is there is passed over, so that an interrupted call can be repeated. A file of which
    no document is kept has no shard.

    Args:
        sources: of `find_corpus`.
        keep: which rows; for text files row 0.
        out: the output folder, see `output_folder`.
        rewriting: how the corpus is read, and what is changed.
        names: file's address -> its shard's path; of all the corpus, where ``sources`` is a part.
        expected: file's address -> its SHA-256 when it was scored, or None.
        on_shard: called after each shard.

    Raises:
        DataselectError: a file has changed since it was scored; then its shard does not appear.
    """
    names = shard_names(sources) if names is None else names
    shards = []
    for source in sources:
        for file in source.files:
            rows = keep(file.address)
            if not len(rows):
                continue
            address = join(out, *names[file.address].split("/"))
            if not exists(address):
                with whole_output(address) as stream:
                    sha256 = _write(source, file, rows, stream, rewriting)
                    if expected(file.address) not in (None, sha256):
                        raise DataselectError(
                            f"{file.address} has changed since it was scored",
                            accepted="the file as it was",
                            hint="put the file back, or score it again",
                        )
            shards.append(Shard(address, file.address, len(rows)))
            if on_shard is not None:
                on_shard(shards[-1])
    return shards


def _write(
    source: Source,
    file: CorpusFile,
    rows: Int64[np.ndarray, " rows"],
    stream: Any,
    rewriting: Rewriting,
) -> str:
    if source.format == "jsonl":
        return write_lines(source, file, rows, stream, rewriting)
    if source.format == "parquet":
        return write_table(source, file, rows, stream, rewriting)
    return write_text_file(source, file, rows, stream, rewriting)
