"""Outputs that appear whole or not at all: written beside their name, flushed, then renamed."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from zerocost.errors import ZerocostError

__all__ = ["disk_full", "sha256_of", "to_json", "whole_file", "write_json", "write_text"]


# The disk, the user's quota, or the limit on the size of a file (ulimit -f).
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_UNLOCKED_SECONDS = 2.0


@contextmanager
def whole_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its name when the block ends without an error.

    Args:
        path: the output; its folder must exist.
        overwrite: whether an existing file may be replaced; it stays as it was until the end.

    Yields:
        The path to write to. After any exception it is gone, and ``path`` is untouched.

    Raises:
        ZerocostError: ``path`` exists, its folder is missing or cannot be written to, or the disk
            is full (the run's fault, not the caller's).
    """
    _check_target(path, overwrite)
    _sweep(path)
    partial = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.partial")
    try:
        held = partial.open("xb")
    except OSError as cause:
        raise disk_full(path, cause) or _cannot_write(path, str(cause.strerror)) from cause
    if not _locked(held):
        held.close()  # Windows renames no open file
    try:
        yield partial
        _flush(partial)
        _check_target(path, overwrite)
        partial.replace(path)
        _flush(path.parent)
    except Exception as cause:
        full = disk_full(path, cause)
        if full:
            raise full from cause
        raise
    finally:
        held.close()
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, overwrite: bool = False) -> None:
    """Write UTF-8 text, whole or not at all; see ``whole_file``."""
    with whole_file(path, overwrite=overwrite) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: object, *, overwrite: bool = False) -> None:
    """Write a value as indented JSON, whole or not at all; see ``whole_file`` and ``to_json``."""
    write_text(path, to_json(value, indent=2) + "\n", overwrite=overwrite)


def to_json(value: object, *, indent: int | None = None) -> str:
    """JSON whose floats read back to the same bits; ASCII only, so that odd file names survive.

    Raises:
        ZerocostError: a number is NaN or infinite, which JSON cannot hold.
    """
    try:
        return json.dumps(value, indent=indent, allow_nan=False)
    except ValueError as cause:
        raise ZerocostError(
            f"a value cannot be written as JSON: {cause}",
            accepted="finite numbers; null where a value is missing",
        ) from cause


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def disk_full(path: Path, cause: BaseException) -> ZerocostError | None:
    """The error for a disk that filled up while ``path`` was written; None for other causes."""
    full = isinstance(cause, OSError) and cause.errno in _FULL
    # Writers in compiled libraries pass the system's message on, but not always its number.
    if not full and not any(os.strerror(number) in str(cause) for number in _FULL):
        return None
    free = shutil.disk_usage(path.parent).free
    return ZerocostError(
        f"the disk is full: {path} could not be written ({free:,} bytes free)",
        hint="free some space or choose another folder, then run the same command again",
        bad_input=False,
    )


def _sweep(path: Path) -> None:
    """Remove what processes killed while they wrote ``path`` have left beside it."""
    for left in path.parent.glob(f".{glob.escape(path.name[:40])}.????????.partial"):
        with suppress(OSError):
            # A partial file is locked a moment after it appears.
            if time.time() - left.stat().st_mtime > _UNLOCKED_SECONDS:
                with left.open("rb") as stream:
                    dead = _locked(stream)
                if dead:
                    left.unlink()


def _locked(stream: IO[bytes]) -> bool:
    """Lock a file for as long as it is open; False where another process has it, or nobody can."""
    try:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):  # Windows, or a network disk, has no such locks
        return False
    return True


def _check_target(path: Path, overwrite: bool) -> None:
    if path.exists() and not path.is_file():  # renaming onto /dev/null would replace the device
        kind = "folder" if path.is_dir() else "device"
        raise ZerocostError(f"{path} is a {kind}", accepted="the name of a file to write")
    if path.exists() and not overwrite:
        raise ZerocostError(
            f"the output {path} exists",
            accepted="a name that is not taken",
            hint="--overwrite replaces it",
        )
    if not path.parent.is_dir():
        raise _cannot_write(path, "its folder does not exist", hint=f"mkdir -p {path.parent}")


def _cannot_write(path: Path, why: str, *, hint: str | None = None) -> ZerocostError:
    return ZerocostError(
        f"{path} cannot be written: {why}",
        accepted="a file in an existing folder that you may write to",
        hint=hint,
    )


def _flush(path: Path) -> None:
    """Force a file's bytes, or a folder's names, from the system's memory to the disk."""
    folder = path.is_dir()
    if folder and os.name == "nt":  # Windows cannot open a folder; its renames are journalled
        return
    descriptor = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError:
        if not folder:  # some network disks refuse it for folders
            raise
    finally:
        os.close(descriptor)
