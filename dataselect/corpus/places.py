"""Where a corpus and its scores lie: local paths and fsspec addresses, told apart in one place."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from dataselect.errors import DataselectError
from zerocost.files import whole_file

__all__ = [
    "exists",
    "is_remote",
    "join",
    "listed",
    "local_path",
    "open_to_read",
    "remote",
    "remove",
    "remove_folder",
    "remove_partial",
    "size_of",
    "whole_output",
]


def is_remote(address: str) -> bool:
    """Whether an address names an fsspec file system other than this machine's disk."""
    return "://" in address and not address.startswith(("file://", "local://"))


def local_path(address: str) -> Path:
    """The path of a local address, ``file://`` or plain."""
    for scheme in ("file://", "local://"):
        address = address.removeprefix(scheme)
    return Path(address).expanduser()


def remote(address: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path there.

    Raises:
        DataselectError: the scheme is unknown, or what serves it is not installed.
    """
    from fsspec.core import url_to_fs

    try:
        found = url_to_fs(address)
    except (ValueError, ImportError) as cause:
        raise DataselectError(
            f"{address} cannot be opened: {cause}",
            accepted="a local path, or an address that fsspec serves: s3://, gs://, file:// ...",
            hint="install the package that serves it: pip install s3fs, gcsfs, adlfs ...",
        ) from cause
    return cast(tuple[Any, str], found)


def join(folder: str, *names: str) -> str:
    """An address under a folder's address."""
    if is_remote(folder):
        return posixpath.join(folder, *names)
    return str(local_path(folder).joinpath(*names))


def exists(address: str) -> bool:
    """Whether something is there."""
    if not is_remote(address):
        return local_path(address).exists()
    system, path = remote(address)
    return bool(system.exists(path))


def size_of(address: str) -> int:
    """The bytes of a file."""
    if not is_remote(address):
        return local_path(address).stat().st_size
    system, path = remote(address)
    return int(system.size(path))


def open_to_read(address: str) -> Any:
    """A stream of the stored bytes.

    Raises:
        DataselectError: there is no such file, or it may not be read.
    """
    try:
        if not is_remote(address):
            return local_path(address).open("rb", buffering=0)
        system, path = remote(address)
        return system.open(path, "rb")
    except OSError as cause:
        raise DataselectError(
            f"{address} cannot be read: {cause.strerror or cause}",
            accepted="a file that exists and that you may read",
        ) from cause


@contextmanager
def whole_output(address: str, *, overwrite: bool = False) -> Iterator[Any]:
    """A stream whose bytes appear under the address when the block ends without an error.

    On a disk as by `zerocost.files.whole_file`, its folder made where it is missing; elsewhere as
    one upload that is committed at the end and dropped after an error.

    Raises:
        ZerocostError: the output exists and may not be replaced, or cannot be written.
    """
    if not is_remote(address):
        path = local_path(address)
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path, overwrite=overwrite) as partial, partial.open("wb") as stream:
            yield stream
        return
    system, path_there = remote(address)
    if not overwrite and system.exists(path_there):
        raise DataselectError(
            f"the output {address} exists",
            accepted="a name that is not taken",
            hint="--overwrite replaces it",
        )
    system.makedirs(posixpath.dirname(path_there), exist_ok=True)
    stream = system.open(path_there, "wb", autocommit=False)
    try:
        yield stream
        stream.close()
        stream.commit()
    except BaseException:
        stream.closed or stream.close()
        stream.discard()
        raise


def listed(folder: str) -> dict[str, int]:
    """The files right in a folder, name -> bytes; empty where there is no such folder."""
    if not is_remote(folder):
        path = local_path(folder)
        if not path.is_dir():
            return {}
        with os.scandir(path) as entries:
            return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
    system, path_there = remote(folder)
    if not system.exists(path_there):
        return {}
    return {
        posixpath.basename(str(found["name"])): int(found["size"])
        for found in system.ls(path_there, detail=True)
        if found["type"] == "file"
    }


def remove_folder(folder: str) -> None:
    """Remove the files right in a folder, and the folder if nothing else is in it."""
    names = listed(folder)
    if not is_remote(folder):
        path = local_path(folder)
        for name in names:
            (path / name).unlink()
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        return
    system, path_there = remote(folder)
    for name in names:
        system.rm_file(posixpath.join(path_there, name))
    if system.exists(path_there) and not system.ls(path_there):
        system.rmdir(path_there)


def remove_partial(folder: str) -> None:
    """Remove what a killed process left half-written in a folder on a disk that we hold."""
    if not is_remote(folder):
        for path in local_path(folder).glob(".*.partial"):
            path.unlink()


def remove(address: str) -> None:
    """Remove a file, if it is there."""
    if not is_remote(address):
        local_path(address).unlink(missing_ok=True)
        return
    system, path = remote(address)
    if system.exists(path):
        system.rm_file(path)
