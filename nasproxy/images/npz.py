"""A user's own images: an ``.npz`` file of ``x`` (uint8 NHWC) and ``y`` (whole numbers)."""

from __future__ import annotations

import zipfile
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from nasproxy.errors import NasproxyError
from nasproxy.images.image_set import ImageSet, own_statistics

__all__ = ["read_npz"]

_FORM = "x: uint8 [n, height, width, 1 or 3] in 0..255; y: whole numbers [n] from 0"
_MOST_CLASSES = 100_000
_SAVE = "np.savez(path, x=x, y=y)"


def read_npz(path: Path) -> ImageSet:
    """Read images and labels; pickled objects are never loaded.

    The channels are normalised with the file's own mean and deviation. There are as many classes
    as the largest label plus one. A file is read once, until it changes.

    Raises:
        NasproxyError: the file is missing, unreadable or pickled, ``x`` or ``y`` is missing, has
            another shape, type or range, or their lengths differ.
    """
    try:
        stat = path.stat()
    except OSError as cause:
        raise NasproxyError(
            f"the images {path} cannot be read: {cause.strerror}",
            accepted="an .npz file, or the name of a source",
        ) from cause
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=2)
def _read(path: Path, _changed: int, _size: int) -> ImageSet:
    x, y = _arrays(path)
    _check_images(path, x)
    _check_labels(path, y, len(x))
    x.setflags(write=False)
    mean, std = own_statistics(x)
    labels = y.astype(np.int64)
    return ImageSet(x, labels, int(labels.max()) + 1, mean, std, str(path))


def _arrays(path: Path) -> tuple[np.ndarray, np.ndarray]:
    # np.load takes anything else for a pickle, and says so; that would mislead.
    if not zipfile.is_zipfile(path):
        raise _error(path, "it is no .npz archive", hint=_SAVE)
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [key for key in ("x", "y") if key not in archive.files]
            if missing:
                found = ", ".join(archive.files) or "nothing"
                raise _error(path, f"it has no {' and no '.join(missing)}, only {found}")
            return np.asarray(archive["x"]), np.asarray(archive["y"])
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as cause:
        pickled = "pickle" in str(cause).lower()
        why = "it holds pickled objects" if pickled else f"{type(cause).__name__}: {cause}"
        raise _error(path, why, hint=f"save plain arrays: {_SAVE}") from cause


def _check_images(path: Path, x: np.ndarray) -> None:
    if x.ndim != 4 or x.shape[3] not in (1, 3) or 0 in x.shape:
        channels_first = x.ndim == 4 and x.shape[1] in (1, 3)
        hint = "x.transpose(0, 2, 3, 1) puts the channels last" if channels_first else None
        raise _error(path, f"x has the shape {list(x.shape)}", hint=hint)
    if x.dtype == np.uint8:
        return
    why = f"x is {x.dtype}"
    hint = "x.astype(np.uint8), where the values are 0..255"
    if x.dtype.kind in "fiu":
        low, high = float(x.min()), float(x.max())
        why += f" from {low:g} to {high:g}"
        if x.dtype.kind == "f" and low >= 0 and high <= 1:
            hint = "(x * 255).round().astype(np.uint8) converts images in 0..1"
        elif low < 0 or high > 255:
            hint = "bring the pixels to 0..255 first; normalising is done on reading"
    raise _error(path, why, hint=hint)


def _check_labels(path: Path, y: np.ndarray, count: int) -> None:
    if y.ndim != 1:
        hint = "y.argmax(axis=1) turns one-hot rows into classes" if y.ndim == 2 else None
        raise _error(path, f"y has the shape {list(y.shape)}", hint=hint)
    if y.dtype.kind not in "iu":
        raise _error(path, f"y is {y.dtype}", hint="y.astype(np.int64), if they are classes")
    if len(y) != count:
        raise _error(path, f"x holds {count} images but y {len(y)} labels")
    if y.min() < 0:
        raise _error(path, f"y has the negative label {y.min()} at {int(y.argmin())}")
    if y.max() >= _MOST_CLASSES:
        raise _error(
            path, f"y has the label {y.max()}, which would make {int(y.max()) + 1} classes"
        )


def _error(path: Path, why: str, *, hint: str | None = None) -> NasproxyError:
    return NasproxyError(f"the images {path} cannot be used: {why}", accepted=_FORM, hint=hint)
