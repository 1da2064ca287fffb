"""Run manifests: what was run, on what, with which result, and when."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from zerocost.files import sha256_of, write_json

__all__ = ["Counts", "FileRecord", "Manifest", "begin", "finish", "write_manifest"]


@dataclass(frozen=True)
class FileRecord:
    """One file as it was: the path given, its size in bytes and its SHA-256."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Counts:
    """How many items came in and went out, and how many were rejected for each reason."""

    taken: int = 0
    given: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """One run. Times are UTC in ISO 8601; ``seconds`` is the wall-clock time between them.

    No host, user, environment or working folder is recorded: only the paths that were given.
    """

    tool: str
    version: str
    python: str
    libraries: Mapping[str, str]
    command: Sequence[str]
    configuration: Mapping[str, object]
    seeds: Mapping[str, int]
    inputs: Sequence[FileRecord]
    started: str
    outputs: Sequence[FileRecord] = ()
    counts: Counts = Counts()
    ended: str | None = None
    seconds: float | None = None


def begin(
    tool: str,
    *,
    command: Sequence[str],
    configuration: Mapping[str, object],
    seeds: Mapping[str, int] | None = None,
    inputs: Iterable[Path] = (),
    libraries: Iterable[str] = ("numpy", "torch"),
) -> Manifest:
    """The manifest of a run that starts now; hashes every input.

    Args:
        tool: the command that runs ("nasproxy").
        command: the arguments as typed, the program first; of the program only the name is kept.
        configuration: the settings that the run uses, defaults included; any JSON values.
        seeds: seed by purpose.
        inputs: the files that are read.
        libraries: the distributions whose versions matter; one not installed is left out.
    """
    return Manifest(
        tool=tool,
        version=_versions(["zerocost"]).get("zerocost", "0+unknown"),
        python=platform.python_version(),
        libraries=_versions(libraries),
        command=[Path(argument).name if i == 0 else argument for i, argument in enumerate(command)],
        configuration=dict(configuration),
        seeds=dict(seeds or {}),
        inputs=_records(inputs),
        started=_now().isoformat(),
    )


def finish(manifest: Manifest, *, outputs: Iterable[Path] = (), counts: Counts) -> Manifest:
    """The manifest of a run that ends now; hashes every output."""
    ended = _now()
    return replace(
        manifest,
        outputs=_records(outputs),
        counts=counts,
        ended=ended.isoformat(),
        seconds=(ended - datetime.fromisoformat(manifest.started)).total_seconds(),
    )


def write_manifest(manifest: Manifest, path: Path, *, overwrite: bool = False) -> None:
    """Write a manifest as JSON, whole or not at all."""
    write_json(path, asdict(manifest), overwrite=overwrite)


def _records(paths: Iterable[Path]) -> list[FileRecord]:
    return [FileRecord(str(path), path.stat().st_size, sha256_of(path)) for path in paths]


def _versions(names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _now() -> datetime:
    return datetime.now(UTC)
