"""Who works on what: claims in a folder that several processes and machines share."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["Claim", "claimed", "sweep"]

STALE_SECONDS = 300.0
_BEAT_SECONDS = 10.0


class Claim:
    """Held work; `beat` keeps it from looking abandoned.

    Args:
        path: of the claim's file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = time.monotonic()

    def beat(self) -> None:
        """Say that the holder is alive; cheap enough for every step of a training."""
        if time.monotonic() - self._last > _BEAT_SECONDS:
            self._last = time.monotonic()
            with suppress(OSError):  # another took it over: then both do the same work
                os.utime(self._path)


@contextmanager
def claimed(folder: Path, name: str) -> Iterator[Claim | None]:
    """Claim work by its name; None where another holds it.

    A claim is a file that only one can make, on network disks, too. It is abandoned where its
    process, on this machine, is gone, or where it was not touched for five minutes. Claims only
    save work: if two do the same after all, both write the same record.

    Args:
        folder: of the claims; made where it is missing.
        name: of the work, usable in a file's name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.claim"
    if not (_make(path) or (_abandoned(path) and _remove(path) and _make(path))):
        yield None
        return
    try:
        yield Claim(path)
    finally:
        path.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove claims whose holders are gone: one may be killed between its record and its claim."""
    for path in folder.glob("*.claim"):
        if _abandoned(path):
            _remove(path)


def _make(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(f"{os.getpid()} {socket.gethostname()}")
    return True


def _abandoned(path: Path) -> bool:
    try:
        holder, _, host = path.read_text(encoding="utf-8").partition(" ")
        age = _now(path.parent) - path.stat().st_mtime
    except OSError:
        return False  # just given back
    if host == socket.gethostname() and holder.isdigit() and not _alive(int(holder)):
        return True
    return age > STALE_SECONDS


def _now(folder: Path) -> float:
    """The clock of the disk: those of the machines that share it may differ."""
    probe = folder / f".{secrets.token_hex(8)}"
    probe.touch()
    try:
        return probe.stat().st_mtime
    finally:
        probe.unlink()


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove(path: Path) -> bool:
    """Take an abandoned claim away; of several that try, one succeeds."""
    aside = path.with_name(f".{secrets.token_hex(8)}")
    try:
        path.rename(aside)
    except OSError:
        return False
    aside.unlink()
    return True
