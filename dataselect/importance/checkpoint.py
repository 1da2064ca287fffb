"""The state of an ascent in a file, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from zerocost.files import to_json, whole_file

__all__ = ["Checkpoint", "read_checkpoint", "write_checkpoint"]


@dataclass(frozen=True)
class Checkpoint:
    """Where an ascent stood: its values, the objective before each epoch, what each epoch used."""

    values: Float64[np.ndarray, " players"]
    objective: tuple[float, ...]
    used: tuple[Mapping[str, Any], ...]


def write_checkpoint(
    path: Path,
    configuration: Mapping[str, object],
    values: Float64[np.ndarray, " players"],
    objective: Sequence[float],
    used: Sequence[Mapping[str, Any]],
) -> None:
    """Write the state as safetensors, in the place of an earlier one."""
    from safetensors.numpy import save

    about = {
        "configuration": to_json(dict(configuration)),
        "objective": to_json(list(objective)),
        "used": to_json(list(used)),
    }
    with whole_file(path, overwrite=True) as partial:
        partial.write_bytes(save({"values": values}, metadata=about))


def read_checkpoint(path: Path, configuration: Mapping[str, object]) -> Checkpoint:
    """Read the state of the same configuration.

    Raises:
        DataselectError: the file is damaged, or of another configuration.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as stored:
            about = stored.metadata()
            values = stored.get_tensor("values")
        theirs = json.loads(about["configuration"])
        objective, used = json.loads(about["objective"]), json.loads(about["used"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as cause:
        raise DataselectError(
            f"{path} is not a checkpoint: {cause}",
            accepted="a checkpoint that this tool wrote",
            hint="move the file away to start anew",
        ) from cause
    ours = json.loads(to_json(dict(configuration)))
    differing = [
        f"{key}: {theirs.get(key, 'absent')!r} there, {ours.get(key, 'absent')!r} now"
        for key in sorted({*ours, *theirs})
        if ours.get(key) != theirs.get(key)
    ]
    if differing:
        raise DataselectError(
            f"{path} was begun with another configuration: {'; '.join(differing)}",
            accepted="the configuration that it was begun with",
            hint="run with those values to continue, or move the file away to start anew",
        )
    return Checkpoint(values, tuple(objective), tuple(used))
