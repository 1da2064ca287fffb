"""Which files a corpus is: paths, folders, globs and addresses, in a defined order."""

from __future__ import annotations

import glob
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dataselect.corpus.options import MIB
from dataselect.corpus.places import is_remote, local_path, remote
from dataselect.errors import DataselectError

__all__ = ["ACCEPTED", "CorpusFile", "Source", "find_corpus"]

Format = Literal["jsonl", "parquet", "text"]
Codec = Literal["gzip", "zstd"]

_SUFFIXES: tuple[tuple[str, Format, Codec | None], ...] = (
    (".jsonl", "jsonl", None),
    (".jsonl.gz", "jsonl", "gzip"),
    (".jsonl.zst", "jsonl", "zstd"),
    (".json.gz", "jsonl", "gzip"),  # the names of C4 and Dolma; always lines
    (".json.zst", "jsonl", "zstd"),
    (".parquet", "parquet", None),
    (".txt", "text", None),
    (".md", "text", None),
)
ACCEPTED = (
    ".jsonl, .jsonl.gz, .jsonl.zst, .parquet, .txt or .md (one document a file), a folder or a "
    "glob of these, or an fsspec address"
)
# One source of text files: enough for a part, few enough to be listed in one record.
_TEXTS, _TEXT_BYTES = 10_000, 32 * MIB


@dataclass(frozen=True)
class CorpusFile:
    """One file: its address as found, and its stored size in bytes."""

    address: str
    bytes: int


@dataclass(frozen=True)
class Source:
    """One file of JSON lines or Parquet, or a run of text files.

    Attributes:
        number: its place in the corpus, from 0.
        format: how it is read.
        codec: how it is compressed; None where it is not.
        files: one, or up to 10,000 text files that follow one another.
    """

    number: int
    format: Format
    codec: Codec | None
    files: tuple[CorpusFile, ...]

    @property
    def address(self) -> str:
        """Of the file, or of the first of the text files."""
        return self.files[0].address

    @property
    def bytes(self) -> int:
        """As stored."""
        return sum(file.bytes for file in self.files)


def find_corpus(paths: Sequence[str]) -> tuple[Source, ...]:
    """The sources of a corpus.

    Order: as the paths are given; within a folder (searched to any depth) or a glob by the
    address' characters. A file found twice counts once, where it was found first. Hidden files,
    and in folders and globs files of other kinds, are passed over.

    Args:
        paths: files, folders, globs, or fsspec addresses of these.

    Raises:
        DataselectError: a path does not exist, a named file is of another kind, or nothing is
            found.
    """
    files: dict[str, int] = {}
    for path in paths:
        for address, size in _expanded(path):
            files.setdefault(address, size)
    sources: list[Source] = []
    held = 0
    for address, size in files.items():
        kind, codec = _kind(address) or ("text", None)
        file = CorpusFile(address, size)
        last = sources[-1] if sources else None
        if kind == "text" and last is not None and last.format == "text":
            held += size
            if len(last.files) < _TEXTS and held <= _TEXT_BYTES:
                sources[-1] = replace(last, files=(*last.files, file))
                continue
        held = size
        sources.append(Source(len(sources), kind, codec, (file,)))
    return tuple(sources)


def _kind(address: str) -> tuple[Format, Codec | None] | None:
    lowered = address.lower()
    return next(((f, c) for suffix, f, c in _SUFFIXES if lowered.endswith(suffix)), None)


def _expanded(path: str) -> list[tuple[str, int]]:
    found, named = (_remote if is_remote(path) else _local)(path)
    if named and _kind(path) is None:
        raise DataselectError(f"{path} is of a kind that is not read", accepted=ACCEPTED)
    kept = sorted((address, size) for address, size in found if _kind(address))
    if not kept:
        others = sorted({posixpath.splitext(address)[1] or "none" for address, _ in found})
        raise DataselectError(
            f"{path} holds no file of a corpus"
            + (f" (there are files with the suffix {', '.join(others[:8])})" if others else ""),
            accepted=ACCEPTED,
        )
    return kept


def _local(path: str) -> tuple[list[tuple[str, int]], bool]:
    place = local_path(path)
    if place.is_file():
        return [(str(place), place.stat().st_size)], True
    if place.is_dir():
        inside = (p for p in place.rglob("*") if not _hidden(p.relative_to(place).parts))
        return [(str(p), p.stat().st_size) for p in inside if p.is_file()], False
    if glob.has_magic(path):
        matches = map(local_path, glob.glob(str(place), recursive=True))  # noqa: PTH207
        return [(str(p), p.stat().st_size) for p in matches if p.is_file()], False
    raise DataselectError(f"{path} does not exist", accepted=ACCEPTED)


def _remote(address: str) -> tuple[list[tuple[str, int]], bool]:
    system, path = remote(address)

    def named(found: Iterable[str]) -> list[tuple[str, int]]:
        infos = (system.info(name) for name in found)
        return [
            (system.unstrip_protocol(info["name"]), int(info["size"]))
            for info in infos
            if info["type"] == "file"
        ]

    try:
        if glob.has_magic(path):
            return named(system.glob(path)), False
        if system.isfile(path):
            return named([path]), True
        if system.isdir(path):
            below = list(system.find(path))
            start = len(path.rstrip("/")) + 1
            return named(n for n in below if not _hidden(n[start:].split("/"))), False
    except OSError as cause:
        raise DataselectError(f"{address} cannot be listed: {cause}", accepted=ACCEPTED) from cause
    raise DataselectError(f"{address} does not exist", accepted=ACCEPTED)


def _hidden(parts: Iterable[str]) -> bool:
    return any(part.startswith(".") for part in parts)
