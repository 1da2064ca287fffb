"""Outputs are never written among inputs: replacing the one would remove the other."""

from __future__ import annotations

import os
from collections.abc import Iterable

from dataselect.corpus.places import is_remote, local_path
from dataselect.errors import DataselectError

__all__ = ["check_apart", "same_place"]


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
