"""Fitted models on disk: arrays in safetensors, what they mean as JSON in the file's header."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dataselect.errors import DataselectError
from zerocost.files import whole_file

__all__ = ["SUFFIX", "load_model", "model_digest", "save_model"]

SUFFIX = ".safetensors"
_HEADER = "zerocost"


def save_model(
    path: Path,
    kind: str,
    version: int,
    about: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    *,
    overwrite: bool = False,
) -> None:
    """Write a model, whole or not at all.

    Args:
        path: the file; its name ends in ``.safetensors``, by which it is told from a corpus.
        kind: of model: "dsir", "ngram".
        version: of its format.
        about: what the arrays mean, as JSON values.
        arrays: of NumPy.
        overwrite: whether an existing file may be replaced.

    Raises:
        ZerocostError: the name has another suffix, the file exists, or it cannot be written.
    """
    from safetensors.numpy import save_file

    if not path.name.endswith(SUFFIX):
        raise DataselectError(
            f"a model is to be written to {str(path)!r}",
            accepted=f"a name that ends in {SUFFIX}",
            hint=f"--out {path}{SUFFIX}",
        )
    header = json.dumps({"kind": kind, "version": version, **about}, sort_keys=True)
    with whole_file(path, overwrite=overwrite) as partial:
        save_file(dict(arrays), partial, metadata={_HEADER: header})


def load_model(
    path: Path, kind: str, version: int, needed: Mapping[str, tuple[str, int]]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What `save_model` wrote.

    Args:
        path: the file.
        kind: of model that is wanted.
        version: the newest that is understood.
        needed: arrays that have to be there, with their dtype and number of dimensions.

    Returns:
        What the arrays mean, and the arrays.

    Raises:
        DataselectError: there is no such file, it is something else, of another kind, made by a
            newer version, or damaged.
    """
    from safetensors import SafetensorError, safe_open

    accepted = f"a model that `dataselect fit {kind}` wrote"
    try:
        with safe_open(path, framework="numpy") as stream:
            header = (stream.metadata() or {}).get(_HEADER)
            about = json.loads(header) if header is not None else None
            arrays = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except FileNotFoundError as cause:
        raise DataselectError(f"there is no file {path}", accepted=accepted) from cause
    except (OSError, SafetensorError, ValueError) as cause:
        raise DataselectError(
            f"{path} cannot be read as a model: {cause}",
            accepted=accepted,
            hint="make it again",
        ) from cause
    if not isinstance(about, dict) or "kind" not in about:
        raise DataselectError(f"{path} is no model of this program", accepted=accepted)
    if about["kind"] != kind:
        raise DataselectError(
            f"{path} is a model of the kind {about['kind']!r}",
            accepted=accepted,
            hint=f"--scorers {about['kind']}:NAME={path}",
        )
    if about.get("version", 0) > version:
        raise DataselectError(
            f"{path} was written in format {about['version']} by a newer version of zerocost",
            accepted=f"format {version} or older",
            hint="pip install -U zerocost",
        )
    for name, (dtype, dimensions) in needed.items():
        found = arrays.get(name)
        if found is None or found.dtype != dtype or found.ndim != dimensions:
            raise DataselectError(
                f"{path} is damaged: its {name!r} is "
                + ("missing" if found is None else f"{found.dtype} {found.shape}"),
                accepted=accepted,
                hint="make it again",
            )
    return about, arrays


def model_digest(about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """16 digits that change whenever the model does."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()[:16]
