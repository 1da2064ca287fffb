"""Raters in files: safetensors, with the definition as JSON in the header and beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from dataselect.errors import DataselectError
from dataselect.scorers.raters.calibration import Calibration
from dataselect.scorers.raters.features import FEATURES_VERSION, Features
from dataselect.scorers.raters.rater import Rater
from zerocost.files import to_json, whole_file, write_json

__all__ = ["FORMAT_VERSION", "check_output", "load_rater", "save_rater"]

FORMAT_VERSION = 1
"""Of the file."""

_KEY = "zerocost_rater"
_TENSORS = ("weights", "knots", "heights", "of_measures")


def save_rater(
    rater: Rater,
    path: Path,
    *,
    training: Mapping[str, Any] | None = None,
    manifest: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a rater to ``path``, and what it is beside it, as ``.json``.

    Args:
        rater: to write.
        path: with the suffix .safetensors.
        training: how it was made and what it is worth; any JSON values.
        manifest: of the run, with its times; beside the rater only, whose bytes stay the same.
        overwrite: whether existing files may be replaced.

    Raises:
        DataselectError: the suffix is another one.
        ZerocostError: a file exists, or cannot be written.
    """
    from safetensors.numpy import save

    check_output(path, overwrite=overwrite)
    tensors = {name: np.ascontiguousarray(getattr(rater, name)) for name in _TENSORS}
    definition = {
        "format": FORMAT_VERSION,
        "features_version": FEATURES_VERSION,
        "label": rater.label,
        "features": rater.features.as_json(),
        "measures": list(rater.features.measures),
        "columns": [column.name for column in rater.columns],
        "calibration": asdict(rater.calibration),
        "rows": rater.rows,
        "lowest": rater.lowest,
        "highest": rater.highest,
        "sha256": _digest(tensors),
        "training": dict(training or {}),
    }
    described = path.with_suffix(".json")
    with whole_file(path, overwrite=overwrite) as partial:
        partial.write_bytes(save(tensors, metadata={_KEY: to_json(definition)}))
        write_json(described, definition | {"manifest": dict(manifest or {})}, overwrite=overwrite)


def check_output(path: Path, *, overwrite: bool = False) -> None:
    """Raise what `save_rater` would, before the work."""
    if path.suffix != ".safetensors":
        raise DataselectError(
            f"a rater cannot be written to {path.name!r}",
            accepted="a name that ends with .safetensors",
            hint=f"--out {path.with_suffix('.safetensors')}",
        )
    for each in (path, path.with_suffix(".json")):
        if each.exists() and not overwrite:
            raise DataselectError(
                f"the output {each} exists",
                accepted="a name that is not taken",
                hint="--overwrite replaces it",
            )
    if not path.parent.is_dir():
        raise DataselectError(
            f"{path} cannot be written: its folder does not exist",
            accepted="a file in an existing folder",
            hint=f"mkdir -p {path.parent}",
        )


def load_rater(path: Path) -> Rater:
    """Read a rater.

    Raises:
        DataselectError: the file cannot be read, is no rater, is of a newer version, or has been
            changed or cut short.
    """
    definition, tensors = _read(path)
    for key, known, what in (
        ("format", FORMAT_VERSION, "the file"),
        ("features_version", FEATURES_VERSION, "the features"),
    ):
        seen = definition.get(key)
        if not isinstance(seen, int) or seen < 1:
            raise _no_rater(path, f"its header has no {key}")
        if seen != known:
            newer = seen > known
            raise DataselectError(
                f"{path} is a rater of a {'newer' if newer else 'past'} version: {what} "
                f"{'is' if key == 'format' else 'are'} of version {seen}, known is {known}",
                accepted=f"raters of version {known}",
                hint="pip install --upgrade zerocost" if newer else "train it again",
            )
    if definition.get("sha256") != _digest(tensors):
        raise _no_rater(path, "its weights are not those that were written")
    try:
        features = Features(**definition["features"])
        made = dict(definition["calibration"], extra=tuple(definition["calibration"]["extra"]))
        rater = Rater(
            label=definition["label"],
            features=features,
            calibration=Calibration(**made),
            rows=definition["rows"],
            lowest=definition["lowest"],
            highest=definition["highest"],
            **tensors,
        )
    except (KeyError, TypeError) as error:
        raise _no_rater(path, f"its header lacks {error}") from error
    if list(features.measures) != definition["measures"]:
        other = sorted(set(definition["measures"]) ^ set(features.measures))
        raise DataselectError(
            f"{path} was trained on other signals than this version has: {', '.join(other[:5])}",
            accepted="the same signals in the same order",
            hint="train it again",
        )
    shapes = (2, 1 << features.bits, 2), (len(features.measures),)
    if rater.weights.shape != shapes[0] or rater.of_measures.shape != shapes[1]:
        raise _no_rater(path, f"its weights have the shape {rater.weights.shape}")
    return rater


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb"), safe_open(path, framework="numpy") as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except OSError as error:
        raise DataselectError(
            f"the rater {str(path)!r} cannot be read: {error.strerror or error}",
            accepted="a file that `dataselect rater train` wrote, or a fastText .bin",
        ) from error
    except SafetensorError as error:
        raise _no_rater(path, f"it is no safetensors file ({error})") from error
    if _KEY not in metadata or set(tensors) != set(_TENSORS):
        raise _no_rater(path, "it holds other tensors")
    try:
        definition = json.loads(metadata[_KEY])
    except ValueError as error:
        raise _no_rater(path, f"its header is no JSON ({error})") from error
    return definition, tensors


def _digest(tensors: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in _TENSORS:
        digest.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()


def _no_rater(path: Path, why: str) -> DataselectError:
    return DataselectError(
        f"{path} is no rater: {why}",
        accepted="a file that `dataselect rater train` wrote, or a fastText .bin",
        hint="dataselect rater train LABELS --out rater.safetensors",
    )
