"""Training a mixer on the rows of a few hundred architectures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from nasproxy.errors import NasproxyError
from nasproxy.parzc.bayesian import divergence
from nasproxy.parzc.losses import loss_of
from nasproxy.parzc.mixer import Mixer, Shape
from nasproxy.scoring.workers import single_thread

__all__ = ["Schedule", "train_mixer"]


@dataclass(frozen=True)
class Schedule:
    """How a mixer is trained.

    Attributes:
        loss: one of ``losses.LOSSES``, or several joined by +.
        alpha: of DiffKendall.
        epochs: passes over the training rows.
        steps: where the passes stop, if that is before their end; None for no such limit. Beyond
            some number of steps more rows are no reason for more of them.
        batch: rows of a step; the last rows of a pass that make no whole batch wait for the next.
        rate: of Adam at the start; it falls to 0 along half a cosine.
        decay: weight decay of Adam, as a gradient.
        divergence: weight of the KL term for each training row; 0 leaves it out, as published, and
            1 is the bound of variational inference for a loss that is a log likelihood.
        sampled: whether the Bayesian weights are drawn in training.
        held_out: share of the training rows that only choose the epoch, below 1; 0 takes the last.

    Raises:
        NasproxyError: a number out of range, or no such loss.
    """

    loss: str = "diffkendall-product"
    alpha: float = 0.5
    epochs: int = 200
    steps: int | None = None
    batch: int = 10
    rate: float = 1e-4
    decay: float = 1e-3
    divergence: float = 0.0
    sampled: bool = True
    held_out: float = 0.0

    def __post_init__(self) -> None:
        loss_of(self.loss, alpha=self.alpha)
        if self.epochs < 1 or self.batch < 2 or (self.steps is not None and self.steps < 1):
            raise NasproxyError(
                f"{self.epochs} epochs or {self.steps} steps with batches of {self.batch}",
                accepted="1 epoch and 1 step or more, and 2 rows or more in a batch",
            )
        if not (self.rate > 0 and self.decay >= 0 and self.divergence >= 0):
            raise NasproxyError(
                f"rate {self.rate:g}, decay {self.decay:g}, divergence {self.divergence:g}",
                accepted="a rate above 0, the others 0 or more",
            )
        if not 0 <= self.held_out <= 0.5:
            raise NasproxyError(f"held_out = {self.held_out:g}", accepted="0 .. 0.5")


def train_mixer(
    rows: Float64[np.ndarray, "n inputs"],
    targets: Float64[np.ndarray, " n"],
    shape: Shape,
    schedule: Schedule,
    *,
    seed: int,
) -> Mixer:
    """A mixer trained on all rows, or on all but those held out to choose the epoch.

    Args:
        rows: inputs of about unit size.
        targets: of about unit variance, more is better.
        shape: the sizes of the mixer.
        schedule: loss, steps and rates.
        seed: of first weights, batches, noise and dropout.

    Returns:
        The mixer after the last epoch, or after that with the best Kendall's tau on the rows held
        out. O(epochs n) passes of a row, on one thread: the layers are too small for several, and
        a seed gives the same numbers on any number of cores.
    """
    with single_thread():
        return _trained(rows, targets, shape, schedule, seed)


def _trained(
    rows: Float64[np.ndarray, "n inputs"],
    targets: Float64[np.ndarray, " n"],
    shape: Shape,
    schedule: Schedule,
    seed: int,
) -> Mixer:
    generator = torch.Generator().manual_seed(seed)
    mixer = Mixer(rows.shape[1], shape, generator=generator)
    x, y = torch.from_numpy(rows).float(), torch.from_numpy(targets).float()
    order = torch.randperm(len(x), generator=generator)
    held = round(schedule.held_out * len(x))
    held = held if held >= 2 else 0
    fitted, waiting = order[held:], order[:held]
    size = min(schedule.batch, len(fitted))
    each = len(fitted) // size
    steps = min(schedule.epochs * each, schedule.steps or math.inf)
    # Fused, Adam takes one call a step instead of several a parameter.
    adam = torch.optim.Adam(
        mixer.parameters(), lr=schedule.rate, weight_decay=schedule.decay, fused=True
    )
    loss = loss_of(schedule.loss, alpha=schedule.alpha)
    best, kept = -math.inf, None
    step = 0
    while step < steps:
        shuffled = fitted[torch.randperm(len(fitted), generator=generator)]
        for batch in shuffled[: each * size].view(each, size):
            if step == steps:
                break
            for group in adam.param_groups:
                group["lr"] = schedule.rate * (1 + math.cos(math.pi * step / steps)) / 2
            adam.zero_grad(set_to_none=True)
            noise = generator if schedule.sampled else None
            total = loss(mixer(x[batch], weights=noise, drops=generator), y[batch])
            if schedule.divergence:
                total = total + schedule.divergence / len(fitted) * divergence(mixer)
            torch.autograd.backward(total)
            adam.step()
            step += 1
        if held:
            with torch.no_grad():
                found = _tau(mixer(x[waiting]), y[waiting])
            if found > best:
                best = found
                kept = {name: value.clone() for name, value in mixer.state_dict().items()}
    if kept is not None:
        mixer.load_state_dict(kept)
    return mixer


def _tau(predicted: Tensor, true: Tensor) -> float:
    signs = torch.sign(predicted[:, None] - predicted) * torch.sign(true[:, None] - true)
    return float(signs.mean())
