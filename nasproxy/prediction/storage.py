"""A fitted predictor in a folder: ``predictor.json`` says what it is, tensors lie beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nasproxy.errors import NasproxyError
from zerocost.files import whole_file, write_json

__all__ = [
    "SETTINGS",
    "TENSORS",
    "check_free",
    "read_fitted",
    "read_kind",
    "withdraw",
    "write_fitted",
]

SETTINGS = "predictor.json"
TENSORS = "tensors.safetensors"


def write_fitted(
    folder: Path,
    kind: str,
    settings: Mapping[str, object],
    tensors: Mapping[str, np.ndarray],
    *,
    overwrite: bool = False,
) -> None:
    """Write one fitted predictor; what is made of several gives each a folder within its own.

    The JSON is written last, so that a folder with one is whole.

    Args:
        folder: made where it does not exist, with its parents.
        kind: the registered name of the predictor.
        settings: any JSON values; floats read back to the same bits.
        tensors: arrays by name; empty is allowed.
        overwrite: whether an existing predictor may be replaced.

    Raises:
        NasproxyError: the folder holds a predictor, or is a file.
        ZerocostError: it cannot be written, or the disk is full.
    """
    from safetensors.numpy import save

    check_free(folder, overwrite=overwrite)
    withdraw(folder)
    whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    with whole_file(folder / TENSORS, overwrite=True) as partial:
        partial.write_bytes(save(whole))
    write_json(folder / SETTINGS, {"kind": kind, "settings": dict(settings)})


def check_free(folder: Path, *, overwrite: bool = False) -> None:
    """See that a predictor may be written into a folder, before anything is computed for it.

    Raises:
        NasproxyError: it is a file, or holds a predictor that is not to be overwritten.
    """
    if folder.exists() and not folder.is_dir():
        raise NasproxyError(f"{folder} is a file", accepted="a folder to make or to write into")
    if (folder / SETTINGS).exists() and not overwrite:
        raise NasproxyError(
            f"{folder} holds a predictor",
            accepted="a folder that does not exist",
            hint="choose another --out, or say --overwrite",
        )


def withdraw(folder: Path) -> None:
    """Take away what marks a folder as a whole predictor; the folder is made if absent."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SETTINGS).unlink(missing_ok=True)


def read_kind(folder: Path) -> str:
    """The registered name of the predictor in a folder.

    Raises:
        NasproxyError: the folder holds no predictor.
    """
    return str(_read_json(folder)["kind"])


def read_fitted(folder: Path, kind: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Settings and tensors of a folder that ``write_fitted`` wrote.

    Raises:
        NasproxyError: the folder holds no predictor, one of another kind, or damaged tensors.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    found = _read_json(folder)
    if found["kind"] != kind:
        raise NasproxyError(
            f"{folder} holds a predictor of the kind {found['kind']!r}", accepted=repr(kind)
        )
    try:
        tensors = load_file(folder / TENSORS)
    except (OSError, SafetensorError) as cause:
        raise NasproxyError(
            f"{folder / TENSORS} cannot be read: {cause}",
            accepted="the folder as `nasproxy parzc fit` wrote it",
        ) from cause
    return found["settings"], tensors


def _read_json(folder: Path) -> dict[str, Any]:
    path = folder / SETTINGS
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as cause:
        raise NasproxyError(
            f"{folder} holds no fitted predictor: there is no {SETTINGS}",
            accepted="a folder that `nasproxy parzc fit --out` wrote",
        ) from cause
    except (OSError, ValueError) as cause:
        raise NasproxyError(
            f"{path} cannot be read: {cause}",
            accepted="a folder that `nasproxy parzc fit --out` wrote",
        ) from cause
    if not isinstance(found, dict) or not {"kind", "settings"} <= found.keys():
        raise NasproxyError(f"{path} describes no predictor", accepted='{"kind", "settings"}')
    return found
