"""An append-only journal of JSON lines: what a run has done so far, readable after any crash."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zerocost.errors import ZerocostError
from zerocost.files import disk_full, to_json, write_text

__all__ = ["Journal", "holds_records"]

_SYNC_SECONDS = 1.0


def holds_records(path: Path) -> bool:
    """Whether a journal is there with a result in it, so that a run can be continued."""
    return path.is_file() and path.read_bytes().count(b"\n") > 1


class Journal:
    """Opens or resumes a journal, and appends one record a line.

    The first line holds the run's configuration. A record is with the operating system when
    ``append`` returns, so a killed process loses none; the disk is told to keep it at most about
    a second later, so a power cut can lose that second. A last line cut off by either is dropped.
    One process at a time may hold it. A journal without records takes any configuration: a run
    that was ended before its first result has nothing to lose.

    Args:
        path: the journal; made, whole, where it does not exist.
        configuration: what must be equal for a run to be continued; any JSON values.

    Attributes:
        records: the records found on opening, oldest first.

    Raises:
        ZerocostError: the file is no journal, has a damaged line before its end, or belongs to
            another configuration (every key that differs is shown), or another process holds it.
    """

    def __init__(self, path: Path, configuration: Mapping[str, object]) -> None:
        header = to_json({"configuration": configuration})
        if not path.exists():
            write_text(path, header + "\n")
        self.path = path
        self._stream = path.open("r+b", buffering=0)
        try:
            self._lock()
            raw = self._stream.read()
            whole = raw.rfind(b"\n") + 1
            lines = raw[:whole].split(b"\n")[:-1]
            theirs = self._configuration(lines[0] if lines else b"")
            self.records = [self._read(line, n) for n, line in enumerate(lines[1:], start=2)]
            if self.records:
                self._check(theirs, json.loads(header)["configuration"])
            else:  # in the place of a configuration that led to nothing
                self._stream.seek(0)
                whole = self._stream.write(header.encode() + b"\n")
            self._stream.truncate(whole)
        except BaseException:
            self._stream.close()
            raise
        self._end = whole
        self._synced = time.monotonic()

    def append(self, record: Mapping[str, object]) -> None:
        """Add one record; on a full disk nothing of it stays behind.

        Raises:
            ZerocostError: a number is NaN or infinite, or the disk is full.
        """
        line = memoryview(to_json(record).encode() + b"\n")
        self._stream.seek(self._end)
        try:
            written = 0
            while written < len(line):
                written += self._stream.write(line[written:])
        except OSError as cause:
            self._stream.truncate(self._end)
            raise disk_full(self.path, cause) or cause from cause
        self._end += len(line)
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self._sync()

    def close(self) -> None:
        """Force the last records to the disk and let the file go; closing twice is fine."""
        if not self._stream.closed:
            self._sync()
            self._stream.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _sync(self) -> None:
        os.fsync(self._stream.fileno())
        self._synced = time.monotonic()

    def _read(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            record = json.loads(line)
        except ValueError:  # of JSON or of UTF-8
            record = None
        if not isinstance(record, dict):
            raise self._damaged(line, number)
        return record

    def _damaged(self, line: bytes, number: int) -> ZerocostError:
        return ZerocostError(
            f"{self.path}, line {number}, is not a journal record: {line[:60]!r}",
            accepted="a journal that this tool wrote",
            hint="move the file away to start anew",
        )

    def _lock(self) -> None:
        try:
            import fcntl

            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as cause:
            raise ZerocostError(
                f"another run is writing {self.path}",
                hint="wait until it has ended, or choose another output",
            ) from cause
        except (ImportError, OSError):  # Windows, or a network disk, has no such locks
            return

    def _configuration(self, line: bytes) -> dict[str, Any]:
        found = self._read(line, 1).get("configuration")
        if not isinstance(found, dict):
            raise self._damaged(line, 1)
        return found

    def _check(self, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
        differing = [
            f"{key}: {theirs.get(key, 'absent')!r} there, {ours.get(key, 'absent')!r} now"
            for key in sorted({*ours, *theirs})
            if key not in ours or key not in theirs or ours[key] != theirs[key]
        ]
        if differing:
            raise ZerocostError(
                f"{self.path} was begun with another configuration: {'; '.join(differing)}",
                accepted="the configuration that the journal was begun with",
                hint="run with those values to continue, or choose another output to start anew",
            )
