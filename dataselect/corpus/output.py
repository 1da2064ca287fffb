"""An output folder of shards: begun once, gone on with after an interruption, ended whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dataselect.corpus.places import (
    exists,
    is_remote,
    join,
    listed,
    local_path,
    open_to_read,
    remove,
    whole_output,
)
from dataselect.errors import DataselectError
from zerocost.files import to_json

__all__ = ["locked", "output_folder", "write_json_whole"]

_BEGUN = "begun.json"


@contextmanager
def output_folder(
    out: str, asked: Mapping[str, Any], names: Iterable[str], *, overwrite: bool = False
) -> Iterator[bool]:
    """Hold a folder while its files are made, each whole; a repeated call goes on.

    Inside the block a file that is there was made by this run, or by the same one before it was
    interrupted. What ``asked`` was is kept in the folder until the block has ended without an
    error.

    Args:
        out: the folder, a path or fsspec address.
        asked: all that decides the bytes of the output, as JSON values.
        names: of the files that will be made, with ``/``; what ``overwrite`` replaces.
        overwrite: whether files of these names that are there may be replaced.

    Yields:
        Whether this goes on with a run that was interrupted.

    Raises:
        DataselectError: the folder holds other files, or another run that was interrupted, and
            ``overwrite`` is not given; or another run holds the folder.
    """
    with locked(out):
        begun = join(out, _BEGUN)
        asked = json.loads(to_json(dict(asked)))
        there = None
        if exists(begun):
            with open_to_read(begun) as stream:
                there = _parsed(stream.read())
        if there != asked:
            if not overwrite and there is not None:
                raise DataselectError(
                    f"{out} was begun with other settings: {_differing(there, asked)}",
                    accepted="the same command, to go on with it",
                    hint="give it again, choose another --out, or say --overwrite",
                )
            if not overwrite and (other := _anything(out)):
                raise DataselectError(
                    f"the output {out} holds files ({other} ...)",
                    accepted="a new or empty folder",
                    hint="choose another --out; --overwrite replaces what is written anew",
                )
            for name in names:
                remove(join(out, *name.split("/")))
            write_json_whole(begun, asked)
        yield there == asked
        remove(begun)


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _differing(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    keys = [key for key in sorted({*theirs, *ours}) if theirs.get(key) != ours.get(key)]
    shown = [
        f"{key}: {str(theirs.get(key, 'absent'))[:80]} there, "
        f"{str(ours.get(key, 'absent'))[:80]} now"
        for key in keys[:4]
    ]
    return "; ".join(shown)


def _anything(out: str) -> str | None:
    if is_remote(out):
        return next(iter(sorted(listed(out))), None)
    return next(iter(sorted(path.name for path in local_path(out).iterdir())), None)


def write_json_whole(address: str, value: object) -> None:
    """Write JSON, local or not, whole, in the place of an earlier file."""
    with whole_output(address, overwrite=True) as stream:
        stream.write(to_json(value, indent=2).encode() + b"\n")


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """Hold a folder on a disk, so that no other run writes to it; elsewhere there are no locks.

    Raises:
        DataselectError: another run holds it, or it is no folder.
    """
    if is_remote(folder):
        yield
        return
    path = local_path(folder)
    if path.exists() and not path.is_dir():
        raise DataselectError(f"{folder} is a file", accepted="a folder, or a name that is free")
    path.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as cause:
            raise DataselectError(
                f"another run is writing {folder}",
                hint="wait until it has ended, or choose another --out",
            ) from cause
        except (ImportError, OSError):
            pass  # Windows, or a network disk, has no such locks
        yield
    finally:
        os.close(descriptor)
