"""CIFAR-10 and CIFAR-100: from a subset under the data folder, else from the binary archives."""

from __future__ import annotations

import tarfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from nasproxy import data
from nasproxy.errors import NasproxyError
from nasproxy.images.image_set import ImageSet
from nasproxy.images.npz import read_npz
from zerocost.downloads import Download, locate

__all__ = ["CIFAR10", "CIFAR100", "Cifar", "cifar10", "cifar100", "read_archive"]

_PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class Cifar:
    """How one of the two data sets is stored, and the published constants of its training images.

    Attributes:
        name: as a source is called.
        classes: how many (fine) classes there are.
        members: the training files in the archive.
        label_bytes: the bytes before the pixels of a record; the last of them is the class.
        mean: of the red, green and blue channel, in 0..255.
        std: the same.
        subset: an ``.npz`` of some training images.
        archive: the binary archive.
    """

    name: str
    classes: int
    members: tuple[str, ...]
    label_bytes: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    subset: Download
    archive: Download


CIFAR10 = Cifar(
    name="cifar10",
    classes=10,
    members=tuple(f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)),
    label_bytes=1,
    mean=(125.3, 123.0, 113.9),
    std=(63.0, 62.1, 66.7),
    subset=data.CIFAR10_SUBSET,
    archive=data.CIFAR10_ARCHIVE,
)
CIFAR100 = Cifar(
    name="cifar100",
    classes=100,
    members=("cifar-100-binary/train.bin",),
    label_bytes=2,
    mean=(129.3, 124.1, 112.4),
    std=(68.2, 65.4, 70.4),
    subset=data.CIFAR100_SUBSET,
    archive=data.CIFAR100_ARCHIVE,
)


def cifar10() -> ImageSet:
    """CIFAR-10's training images; NasproxyError says how to fetch them where they are absent.

    Reference: Krizhevsky, Learning multiple layers of features from tiny images, 2009.
    """
    return _load(CIFAR10)


def cifar100() -> ImageSet:
    """CIFAR-100's training images with the fine labels; otherwise as ``cifar10``."""
    return _load(CIFAR100)


def read_archive(
    path: Path, cifar: Cifar
) -> tuple[UInt8[np.ndarray, "n 32 32 3"], Int64[np.ndarray, " n"]]:
    """The training images and labels of a binary archive, read without unpacking it to disk.

    A record is ``label_bytes`` labels, then 1,024 red, 1,024 green and 1,024 blue pixels, row by
    row. Nothing in the archive is executed or unpickled.

    Raises:
        NasproxyError: the archive cannot be read, a training file is missing or holds no whole
            number of records, or a label is no class.
    """
    length = cifar.label_bytes + _PIXELS
    parts = []
    for member, raw in _members(path, cifar):
        if not raw or len(raw) % length:
            raise _error(
                path, f"{member} has {len(raw):,} bytes, no multiple of the record's {length:,}"
            )
        parts.append(np.frombuffer(raw, dtype=np.uint8).reshape(-1, length))
    records = np.concatenate(parts)
    labels = records[:, cifar.label_bytes - 1].astype(np.int64)
    if labels.max() >= cifar.classes:
        raise _error(path, f"it has the label {labels.max()}, not one of 0..{cifar.classes - 1}")
    planes = records[:, cifar.label_bytes :].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels


def _members(path: Path, cifar: Cifar) -> list[tuple[str, bytes]]:
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r|gz") as archive:  # one pass: members come in any order
            for entry in archive:
                if entry.name in cifar.members and (stream := archive.extractfile(entry)):
                    found[entry.name] = stream.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as cause:
        raise _error(path, f"{type(cause).__name__}: {cause}") from cause
    missing = [member for member in cifar.members if member not in found]
    if missing:
        raise _error(path, f"it has no {', '.join(missing)}")
    return [(member, found[member]) for member in cifar.members]


def _load(cifar: Cifar) -> ImageSet:
    mean, std = (tuple(v / 255 for v in values) for values in (cifar.mean, cifar.std))
    if locate(cifar.subset):
        path = data.need(cifar.subset)
        images = read_npz(path)
        pixels, labels = images.pixels, images.labels
    else:
        path = data.need(cifar.archive)
        pixels, labels = _archive_once(path, cifar, path.stat().st_mtime_ns)
    return ImageSet(pixels, labels, cifar.classes, mean, std, f"{cifar.name} ({path.name})")


@lru_cache(maxsize=2)
def _archive_once(
    path: Path, cifar: Cifar, _changed: int
) -> tuple[UInt8[np.ndarray, "n 32 32 3"], Int64[np.ndarray, " n"]]:
    pixels, labels = read_archive(path, cifar)
    pixels.setflags(write=False)
    return pixels, labels


def _error(path: Path, why: str) -> NasproxyError:
    return NasproxyError(
        f"the archive {path} cannot be used: {why}",
        accepted="the binary version of CIFAR-10 or CIFAR-100 as its authors publish it",
        hint="move it away and `nasproxy data fetch` it again",
    )
