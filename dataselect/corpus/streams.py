"""A file's content as a stream: decompressed block by block, hashed as it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from typing import Any, cast

from dataselect.corpus.places import open_to_read
from dataselect.corpus.sources import Codec

__all__ = ["BLOCK", "Content", "sha256_of_address"]

BLOCK = 1 << 20
_FILL = b"\xff"


class Content:
    """The decompressed bytes of a file, a block at a time.

    Attributes:
        stored: how many of the stored bytes have been read.
    """

    def __init__(self, address: str, codec: Codec | None) -> None:
        self.stored = 0
        # What is not compressed is hashed once, by who reads its content.
        self._hash = None if codec is None else hashlib.sha256()
        self._raw = open_to_read(address)
        self._codec = codec

    def blocks(self) -> Iterator[bytes]:
        """The content; raises OSError or ArrowException where what is stored is damaged.

        Before that comes what could be read, up to its last byte that is not 0xFF: in UTF-8 there
        is none.
        """
        if self._codec is None:
            yield from self._blocks_stored()
            return
        import pyarrow as pa

        # However much a block expands to, no more of it is made than is asked for.
        stream = pa.CompressedInputStream(
            pa.PythonFile(cast(Any, _Hashed(self)), mode="r"), self._codec
        )
        with closing(stream):
            while True:
                # A read that fails on the way says not how far it came, but has filled the buffer.
                block = bytearray(_FILL * BLOCK)
                try:
                    size = stream.readinto(block)
                except (OSError, pa.ArrowException):
                    yield bytes(block.rstrip(_FILL))
                    raise
                if not size:
                    return
                del block[size:]
                yield bytes(block)

    def sha256(self) -> str | None:
        """The hash of all stored bytes, those not yet read included; None if not compressed."""
        if self._hash is None:
            return None
        for _ in self._blocks_stored():
            pass
        return self._hash.hexdigest()

    def close(self) -> None:
        """Let the file go."""
        self._raw.close()

    def read_stored(self, size: int) -> bytes:
        """The next stored bytes."""
        block: bytes = self._raw.read(size)
        self.stored += len(block)
        if self._hash is not None:
            self._hash.update(block)
        return block

    def _blocks_stored(self) -> Iterator[bytes]:
        while block := self.read_stored(BLOCK):
            yield block


class _Hashed:
    """The file interface that Arrow reads from, over `Content.read_stored`."""

    closed = False

    def __init__(self, content: Content) -> None:
        self._content = content

    def read(self, size: int = -1) -> bytes:
        return self._content.read_stored(BLOCK if size < 0 else size)

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


def sha256_of_address(address: str) -> str:
    """The SHA-256 of a file's stored bytes, local or not."""
    stream: Any = open_to_read(address)
    found = hashlib.sha256()
    with closing(stream):
        while block := stream.read(BLOCK):
            found.update(block)
    return found.hexdigest()
