"""Text files, one document each, gathered into one part a source."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataselect.corpus.documents import document_batch
from dataselect.corpus.options import ReadOptions
from dataselect.corpus.parts import Quarantined, RawPart, SourceEnd
from dataselect.corpus.places import open_to_read
from dataselect.corpus.sources import Source
from dataselect.corpus.streams import BLOCK
from dataselect.errors import DataselectError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TextFile", "decode_texts", "gather_texts"]


@dataclass(frozen=True)
class TextFile:
    """The bytes of a file; None where it is too long or cannot be read, with the reason."""

    address: str
    size: int
    content: bytes | None
    reason: str = ""
    detail: str = ""


def gather_texts(source: Source, options: ReadOptions) -> Iterator[RawPart | SourceEnd]:
    """The parts of a run of text files, in order, and its end.

    A part ends with the file at which it reaches the size of a part.

    Args:
        source: of the format ``text``.
        options: `part_bytes` and `max_document_bytes` are used.
    """
    hashes: list[str] = []
    held: list[TextFile] = []
    held_bytes, first, number, stored = 0, 0, 0, 0
    whole = hashlib.sha256()
    for at, about in enumerate(source.files):
        file, sha256 = _read(about.address, options.max_document_bytes)
        hashes.append(sha256)
        whole.update(f"{about.address}\\0{sha256}\\n".encode("utf-8", "surrogateescape"))
        held.append(file)
        held_bytes += len(file.content or b"")
        stored += about.bytes
        if held_bytes >= options.part_bytes or at == len(source.files) - 1:
            yield RawPart(
                source,
                number,
                first,
                len(held),
                whole.hexdigest(),
                tuple(held),
                stored=stored,
            )
            first, number, held_bytes = first + len(held), number + 1, 0
            held = []
    yield SourceEnd(source, tuple(hashes), first)


def decode_texts(
    raw: RawPart, options: ReadOptions, quarantine: Callable[[Quarantined], None]
) -> Iterator[pa.RecordBatch]:
    """The documents of a part of text files, one batch; ``row`` is 0 and there are no ids.

    Args:
        raw: a part of `gather_texts`.
        options: how it is read.
        quarantine: called with each file that is no document, in order.
    """
    import pyarrow as pa

    addresses: list[str] = []
    texts: list[str] = []
    for file in raw.content:
        assert isinstance(file, TextFile)
        if file.content is None:
            quarantine(Quarantined(file.address, 0, file.reason, file.size, file.detail))
            continue
        try:
            text = file.content.decode("utf-8-sig", "replace" if options.lossy else "strict")
        except UnicodeDecodeError as cause:
            quarantine(Quarantined(file.address, 0, "invalid_utf8", file.size, str(cause)))
            continue
        addresses.append(file.address)
        texts.append(text)
    nothing = pa.nulls(len(texts), pa.string())
    yield document_batch(addresses, [0] * len(texts), nothing, nothing, texts)


def _read(address: str, limit: int) -> tuple[TextFile, str]:
    found = hashlib.sha256()
    content = bytearray()
    size = 0
    try:
        with closing(open_to_read(address)) as stream:
            while block := stream.read(BLOCK):
                found.update(block)
                size += len(block)
                if size <= limit:
                    content += block
    except (OSError, DataselectError) as cause:
        return TextFile(address, size, None, "unreadable", str(cause)), found.hexdigest()
    if size > limit:
        detail = f"{size:,} bytes; the limit is {limit:,}"
        return TextFile(address, size, None, "too_large", detail), found.hexdigest()
    return TextFile(address, size, bytes(content)), found.hexdigest()
