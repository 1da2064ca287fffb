"""An output folder of shards: begun once, gone on with after an interruption, ended whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
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

__all__ = ["FILES", "locked", "output_folder", "write_json_whole"]

FILES = "files"
"""The key of a manifest under which the files of an output folder stand, relative to it."""

_BEGUN = "begun.json"
_MANIFEST = "manifest.json"


@contextmanager
def output_folder(
    out: str, asked: Mapping[str, Any], names: Iterable[str], *, overwrite: bool = False
) -> Iterator[bool]:
    """Hold a folder while its files are made, each whole; a repeated call goes on.

    Inside the block a file that is there was made by this run, or by the same one before it was
    interrupted. What ``asked`` was is kept in the folder until the block has ended without an
    error, or is refused before it has made anything. With ``overwrite`` the files of an earlier
    run go, too, that its manifest lists, so that shards of another corpus do not stay beside those
    of this one; whatever else is there stays.

    Args:
        out: the folder, a path or fsspec address.
        asked: all that decides the bytes of the output, as JSON values.
        names: of the files that may be made, with ``/``; what ``overwrite`` replaces.
        overwrite: whether files of these names that are there may be replaced.

    Yields:
        Whether this goes on with a run that was interrupted.

    Raises:
        DataselectError: the folder holds other files, or another run that was interrupted, and
            ``overwrite`` is not given; or another run holds the folder.
    """
    with locked(out):
        begun = join(out, _BEGUN)
        names = list(names)
        asked = json.loads(to_json({**asked, FILES: sorted(names)}))
        there = _object(begun)
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
            earlier = [*_files(_object(join(out, _MANIFEST))), *_files(there)]
            for name in dict.fromkeys([*names, *earlier]):
                _remove(out, name)
            write_json_whole(begun, asked)
        try:
            yield there == asked
        except DataselectError as error:
            if error.bad_input:
                _forget_if_empty(out)
            raise
        remove(begun)


def _forget_if_empty(out: str) -> None:
    """Leave nothing of a run that was refused before it made anything."""
    if is_remote(out):
        if set(listed(out)) == {_BEGUN}:
            remove(join(out, _BEGUN))
        return
    inside = sorted(local_path(out).rglob("*"), reverse=True)
    if all(path.is_dir() or path.name == _BEGUN for path in inside):
        for path in inside:
            path.rmdir() if path.is_dir() else path.unlink()


def _object(address: str) -> dict[str, Any] | None:
    """The JSON object in a file; empty where it holds something else, None where there is none."""
    if not exists(address):
        return None
    with open_to_read(address) as stream:
        try:
            found = json.loads(stream.read())
        except (ValueError, RecursionError):
            return {}
    return found if isinstance(found, dict) else {}


def _files(found: dict[str, Any] | None) -> list[str]:
    """The files that a manifest lists, but for names that lead out of its folder."""
    listed_ = (found or {}).get(FILES)
    names = listed_ if isinstance(listed_, list) else []
    return [
        name
        for name in names
        if isinstance(name, str) and not {"", ".", ".."} & {*name.split("/")} and ":" not in name
    ]


def _remove(out: str, name: str) -> None:
    """Remove a file, and the folders in the output folder that are empty then."""
    remove(join(out, *name.split("/")))
    if is_remote(out):
        return
    for folder in list(PurePosixPath(name).parents)[:-1]:
        try:
            local_path(out).joinpath(folder).rmdir()
        except OSError:  # other files are in it, or there is none
            return


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
