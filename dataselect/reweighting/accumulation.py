"""Gradient accumulation: weights by micro-batch, or exactly those of the accumulated batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch
from torch import nn

from dataselect.errors import DataselectError
from dataselect.reweighting.gathering import group_size
from dataselect.reweighting.reweighter import LossReweighter, Reweighted

__all__ = ["accumulate"]

Batch = TypeVar("Batch")
Losses = torch.Tensor | tuple[torch.Tensor, torch.Tensor]


def accumulate(
    reweight: LossReweighter,
    losses_of: Callable[[Batch], Losses],
    micro_batches: Sequence[Batch],
    *,
    two_pass: bool = False,
    model: nn.Module | None = None,
    backward: Callable[[torch.Tensor], Any] = torch.Tensor.backward,
) -> list[Reweighted]:
    """Forward and backward of one training step in several micro-batches.

    By default each micro-batch is normalised by itself and their losses are averaged: the extremes
    and the sum of the weights are those of a few samples. With ``two_pass`` a first forward pass
    without gradients finds all losses, so that the gradient is that of the whole batch at once,
    at the cost of one more forward pass: 1.28 times the time for a GPT of 10M parameters, and no
    memory. Dropout draws the same masks in both passes. Layers that change in
    training mode without a gradient (batch normalisation's running statistics) change twice.

    Args:
        reweight: in training mode; its step is advanced by one, however many micro-batches.
        losses_of: a micro-batch to losses ``[n]``, or losses and prior ``[n]``.
        micro_batches: one or more; as many on every process.
        two_pass: exact weights of the accumulated batch.
        model: a DDP or FSDP2 model, to exchange gradients in the last backward only.
        backward: of a loss; ``accelerator.backward`` would divide by its own number of steps.

    Returns:
        What `LossReweighter` gave: one a micro-batch, or with ``two_pass`` a single one.

    Raises:
        DataselectError: no micro-batch, or ``reweight`` in evaluation mode.
    """
    count = len(micro_batches)
    if count == 0 or not reweight.training:
        raise DataselectError(
            f"{count} micro-batches, reweighter in {_mode(reweight)} mode",
            accepted="one or more micro-batches in training mode",
            hint="reweight.train() switches to training mode",
        )
    step = reweight.step
    if two_pass:
        found = _two_passes(reweight, losses_of, micro_batches, model, backward)
    else:
        found = []
        for number, batch in enumerate(micro_batches):
            with _exchange(model, last=number == count - 1):
                reweight.step = step
                out = reweight(*_pair(losses_of(batch)))
                backward(out.loss / count)
            found.append(out)
    reweight.step = step + 1
    return found


def _two_passes(
    reweight: LossReweighter,
    losses_of: Callable[[Batch], Losses],
    micro_batches: Sequence[Batch],
    model: nn.Module | None,
    backward: Callable[[torch.Tensor], Any],
) -> list[Reweighted]:
    random = _random_states()
    with torch.no_grad():
        pairs = [_pair(losses_of(batch)) for batch in micro_batches]
    # Casts of parameters that autocast kept from the pass without gradients have none.
    torch.clear_autocast_cache()
    sizes = [len(losses) for losses, _ in pairs]
    losses = torch.cat([losses for losses, _ in pairs])
    prior = torch.cat([_prior(*pair) for pair in pairs])
    out: Reweighted = reweight(losses, prior)
    replicas = group_size(reweight.group) if reweight.together else 1
    scale = replicas if reweight.gradients == "averaged" else 1
    _restore(random)
    for number, (batch, weights) in enumerate(
        zip(micro_batches, torch.split(out.weights, sizes), strict=True)
    ):
        with _exchange(model, last=number == len(sizes) - 1):
            again, _ = _pair(losses_of(batch))
            kept = again.to(weights.dtype).masked_fill(weights == 0, 0.0)
            backward((weights * kept).sum() * scale)
    return [out]


def _pair(losses: Losses) -> tuple[torch.Tensor, torch.Tensor | None]:
    return losses if isinstance(losses, tuple) else (losses, None)


def _prior(losses: torch.Tensor, prior: torch.Tensor | None) -> torch.Tensor:
    # Not in the losses' own type: bfloat16 counts tokens to 256 only.
    exact = torch.promote_types(losses.dtype, torch.float32)
    return torch.ones_like(losses, dtype=exact) if prior is None else prior.to(exact)


def _mode(reweight: LossReweighter) -> str:
    return "training" if reweight.training else "evaluation"


@contextlib.contextmanager
def _exchange(model: nn.Module | None, *, last: bool) -> Iterator[None]:
    """Whether gradients are exchanged in the backward inside."""
    no_sync = getattr(model, "no_sync", None)
    switch = getattr(model, "set_requires_gradient_sync", None)
    if switch is not None:  # FSDP2
        switch(last)
    context: AbstractContextManager[Any] = contextlib.nullcontext()
    if no_sync is not None and not last:  # DDP
        context = no_sync()
    with context:
        yield


def _random_states() -> tuple[torch.Tensor, list[torch.Tensor]]:
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return torch.get_rng_state(), devices


def _restore(states: tuple[torch.Tensor, list[torch.Tensor]]) -> None:
    torch.set_rng_state(states[0])
    if states[1]:
        torch.cuda.set_rng_state_all(states[1])
