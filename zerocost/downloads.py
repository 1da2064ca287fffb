"""Downloads that are what they should be: no file is used whose SHA-256 is not the known one."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from zerocost.errors import ZerocostError
from zerocost.files import disk_full, sha256_of, whole_file

__all__ = ["Download", "data_dir", "fetch", "locate", "verify"]


@dataclass(frozen=True)
class Download:
    """One file of data.

    Attributes:
        name: its path under the data folder, with forward slashes.
        sha256: the SHA-256 of its bytes.
        urls: http(s) addresses, tried in order; none where it can only be placed by hand.
        bytes: its size.
        licence: the licence its source states.
        description: what it is, in a few words.
    """

    name: str
    sha256: str
    urls: tuple[str, ...]
    bytes: int
    licence: str
    description: str


def data_dir() -> Path:
    """Where data is kept: ``ZEROCOST_DATA_DIR``, else the user's cache folder."""
    chosen = os.environ.get("ZEROCOST_DATA_DIR")
    if chosen:
        return Path(chosen).expanduser()
    import pooch

    return Path(pooch.os_cache("zerocost"))


def locate(download: Download) -> Path | None:
    """The file of that name under the data folder, unchecked, or None."""
    path = data_dir() / download.name
    return path if path.is_file() else None


def verify(download: Download) -> Path:
    """The path of a file that is there and has the expected hash.

    Raises:
        ZerocostError: it is absent, or another file has its name (both hashes and sizes shown).
    """
    path = locate(download)
    if path is None:
        raise ZerocostError(f"{data_dir() / download.name} does not exist")
    altered = _difference(download, path)
    if altered:
        raise ZerocostError(
            f"{path} is not the file it should be: {altered}",
            hint="move it away and fetch it again, or set ZEROCOST_DATA_DIR to another folder",
        )
    return path


def fetch(download: Download, *, progress: Callable[[int, int], None] | None = None) -> Path:
    """The verified file, downloaded only where none of its name is there.

    Args:
        download: which file.
        progress: called with the bytes so far and the bytes expected.

    Raises:
        ZerocostError: a file of that name has another hash; or no address answered with the right
            bytes (every address, with what went wrong). Then nothing appears under the name.
    """
    if locate(download):
        return verify(download)
    target = data_dir() / download.name
    with suppress(OSError):  # whole_file says what is wrong with the folder
        target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as partial:
        failures = []
        for url in download.urls:
            failure = _transfer(download, url, partial, progress)
            if failure is None:
                break
            failures.append(f"{url}: {failure}")
        else:
            raise ZerocostError(
                f"{download.name} could not be downloaded: "
                f"{'; '.join(failures) or 'it has no public address'}",
                accepted=f"{download.bytes:,} bytes with sha256 {download.sha256}",
                hint=f"try again, or place the file by hand at {target}",
                bad_input=False,
            )
    return target


def _transfer(
    download: Download, url: str, partial: Path, progress: Callable[[int, int], None] | None
) -> str | None:
    """Download to ``partial``; what went wrong, or None."""
    import pooch

    bar = _Bar(progress, download.bytes) if progress else False
    get = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 13, timeout=30)
    broken = ""
    try:
        get(url, str(partial), None)
    except (OSError, ValueError) as cause:  # every exception of requests is one of these
        if disk_full(partial, cause):
            raise
        broken = f"{type(cause).__name__}: {cause}"
        # A body shorter than one chunk leaves nothing on the disk, but was cut short all the same.
        if partial.stat().st_size == 0 and "IncompleteRead" not in broken:
            return broken
    return "; ".join(filter(None, [_difference(download, partial), broken])) or None


def _difference(download: Download, path: Path) -> str | None:
    size, digest = path.stat().st_size, sha256_of(path)
    if digest == download.sha256:
        return None
    return (
        f"expected {download.bytes:,} bytes with sha256 {download.sha256}, "
        f"got {size:,} bytes with sha256 {digest}"
    )


class _Bar:
    """The progress-bar interface that pooch calls, over a plain function."""

    def __init__(self, report: Callable[[int, int], None], total: int) -> None:
        self._report, self._expected, self._done = report, total, 0
        self.total = 0  # pooch sets it to the length that the server states

    def update(self, count: int) -> None:
        self._done = min(self._done + count, self._expected)
        self._report(self._done, self._expected)

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        self._report(self._expected, self._expected)
