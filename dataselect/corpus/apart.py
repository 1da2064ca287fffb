"""Outputs are never written among inputs: replacing the one would remove the other."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterable

from dataselect.corpus.places import is_remote, local_path
from dataselect.errors import DataselectError

__all__ = ["check_apart", "check_not_read", "same_place"]


def check_apart(out: str, *, files: Iterable[str] = (), folders: Iterable[str] = ()) -> None:
    """See that no input lies in the output folder, and the folder in no input.

    Args:
        out: the output folder, a path or fsspec address.
        files: that are read.
        folders: that are read and stay as they are, such as a score folder.

    Raises:
        DataselectError: one of the files or folders is in ``out``, or ``out`` in a folder.
    """
    place = _resolved(out)
    for address in files:
        if _within(_resolved(address), place):
            raise _refusal(out, f"holds {address}, which is to be read")
    for address in folders:
        other = _resolved(address)
        if _within(other, place) or _within(place, other):
            raise _refusal(out, f"and {address}, which is to be read, are not apart")


def check_not_read(out: str, paths: Iterable[str], names: Iterable[str]) -> None:
    """See that what is written will not be found as a part of the corpus the next time.

    Args:
        out: the output folder, a path or fsspec address.
        paths: of the corpus, as for `find_corpus`.
        names: of files that may be written there, with ``/``.

    Raises:
        DataselectError: ``out`` lies in a folder of the corpus, or a glob takes one of the files.
    """
    place = _resolved(out)
    if os.path.isfile(place):  # noqa: PTH113 - which is refused when it is to be a folder
        return
    written = [f"{place}/{name}" for name in names]
    for path in paths:
        folder = _resolved(path)
        if glob.has_magic(path):
            taken = any(_matches(folder, file) for file in written)
        else:
            below = place[len(folder.rstrip("/" + os.sep)) :]
            hidden = any(part.startswith(".") for part in _parts(below))
            taken = _within(place, folder) and not hidden
        if taken:
            raise DataselectError(
                f"the output {out} lies in the corpus {path}: it would be read as a part of it",
                accepted="a folder outside of the corpus, or a hidden one in it (.scores)",
                hint="choose another --out, or name the files of the corpus",
            )


def _parts(place: str) -> list[str]:
    return [part for part in place.replace(os.sep, "/").split("/") if part]


def _matches(pattern: str, place: str) -> bool:
    """Whether a glob takes a place: * within a name, ** any number of folders."""

    def from_(wanted: list[str], there: list[str]) -> bool:
        if not wanted:
            return not there
        hidden = bool(there) and there[0].startswith(".") and not wanted[0].startswith(".")
        if wanted[0] == "**":
            inside = bool(there) and not hidden and from_(wanted, there[1:])
            return inside or from_(wanted[1:], there)
        if not there or hidden:
            return False
        return fnmatch.fnmatchcase(there[0], wanted[0]) and from_(wanted[1:], there[1:])

    return from_(_parts(pattern), _parts(place))


def same_place(one: str, other: str) -> bool:
    """Whether two addresses name one folder."""
    return _resolved(one) == _resolved(other)


def _refusal(out: str, why: str) -> DataselectError:
    return DataselectError(
        f"the output {out} {why}",
        accepted="a folder of its own, with or without --overwrite",
        hint="choose another --out",
    )


def _resolved(address: str) -> str:
    return address.rstrip("/") if is_remote(address) else os.path.realpath(local_path(address))


def _within(place: str, folder: str) -> bool:
    return place == folder or place.startswith(folder.rstrip("/" + os.sep) + "/")
