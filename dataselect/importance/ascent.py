"""Projected gradient ascent with the objective at every epoch, early stop and resume."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from dataselect.importance.approximation import Used
from dataselect.importance.checkpoint import read_checkpoint, write_checkpoint
from dataselect.importance.gradient import Gradient

__all__ = ["Ascent", "ascend"]

CHECKPOINT_SECONDS = 10.0

Point = Float64[np.ndarray, " players"]


@dataclass(frozen=True)
class Ascent:
    """Where an ascent went.

    Attributes:
        values: float64 ``[players]`` after the last epoch.
        objective: F before each epoch, and after the last.
        used: what each epoch's approximation took; empty where gradients are exact.
        stopped: why it ended: ``epochs``, ``fixed point`` or ``tolerance``.
    """

    values: Float64[np.ndarray, " players"]
    objective: tuple[float, ...]
    used: tuple[Used, ...]
    stopped: str


def ascend(
    gradient_at: Callable[[Point, int], tuple[Gradient, Used | None]],
    start: Float64[np.ndarray, " players"],
    *,
    learning_rate: float,
    epochs: int,
    project: Callable[[Point], Point] | None = None,
    tolerance: float = 0.0,
    patience: int = 3,
    checkpoint: Path | None = None,
    configuration: Mapping[str, object] | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    on_epoch: Callable[[int, float], None] | None = None,
) -> Ascent:
    r""":math:`v \leftarrow P(\mathrm{clip}(v + \eta \, \partial F(v), 0, 1))`, epoch by epoch.

    It stops early at a fixed point, and where the objective gained less than ``tolerance`` in each
    of ``patience`` epochs in a row. The last values are returned, as published, not the best.

    Args:
        gradient_at: the gradient and the objective at a point, in an epoch counted from 0.
        start: float64 ``[players]`` in 0 .. 1.
        learning_rate: η, above 0. Gradients hold 1/(N K), so that it is large.
        epochs: how many at the most, 1 or more.
        project: P; nothing by default.
        tolerance: 0 never stops for it.
        patience: see above.
        checkpoint: a file that keeps the state, written after an epoch that ends
            ``checkpoint_seconds`` after the last time; where it is there, and of the same
            configuration, the ascent goes on from it and ends with the same bits.
        configuration: what must be equal for that.
        checkpoint_seconds: see above.
        on_epoch: called with the number of epochs done and the objective before the last.

    Raises:
        DataselectError: a setting out of range, or a checkpoint of another configuration.
    """
    _check(learning_rate, epochs, tolerance, patience)
    values = start.copy()
    objective: list[float] = []
    used: list[Used] = []
    about = dict(configuration or {})
    if checkpoint is not None and checkpoint.exists():
        state = read_checkpoint(checkpoint, about)
        values, objective = state.values, list(state.objective)
        used = [Used(**record) for record in state.used]
    saved = time.monotonic()
    stopped = ""
    while not stopped:
        epoch = len(objective)
        found, how = gradient_at(values, epoch)
        objective.append(found.objective)
        if epoch >= epochs:
            stopped = "epochs"
        elif tolerance > 0 and _has_settled(objective, tolerance, patience):
            stopped = "tolerance"
        else:
            moved = np.clip(values + learning_rate * found.values, 0.0, 1.0)
            moved = moved if project is None else project(moved)
            if how is None and np.array_equal(moved, values):
                stopped = "fixed point"
        if stopped:
            break
        values = moved
        if how is not None:
            used.append(how)
        if on_epoch is not None:
            on_epoch(epoch + 1, found.objective)
        if checkpoint is not None and time.monotonic() - saved >= checkpoint_seconds:
            write_checkpoint(checkpoint, about, values, objective, [asdict(u) for u in used])
            saved = time.monotonic()
    return Ascent(values, tuple(objective), tuple(used), stopped)


def _check(learning_rate: float, epochs: int, tolerance: float, patience: int) -> None:
    for name, value in (("learning_rate", learning_rate), ("epochs", epochs)):
        if not 0 < value < np.inf:
            raise DataselectError(f"{name} is {value}", accepted="above 0")
    if tolerance < 0 or patience < 1:
        raise DataselectError(
            f"tolerance is {tolerance}, patience {patience}",
            accepted="a tolerance of 0 or more, a patience of 1 or more",
        )


def _has_settled(objective: list[float], tolerance: float, patience: int) -> bool:
    gains = np.diff(objective[-patience - 1 :])
    return len(gains) == patience and bool((gains < tolerance).all())
