"""Training decoders: one, or several at a time with their weights stacked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dataselect.reweighting.cross_entropy import per_sequence_cross_entropy
from dataselect.weighting.proxies.gpt.model import Decoder

__all__ = ["Group", "group_of", "mean_losses", "train"]

_BETAS = (0.9, 0.95)
_DECAY = 0.1
_CLIP = 1.0
_WARMUP, _FLOOR = 0.1, 0.1
_EVALUATED = 32  # windows at a time

Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Group:
    """Models of one shape that are trained together.

    Attributes:
        parameters: of all of them; with several, stacked along a first dimension.
        forward: tokens ``[runs, n, tokens]`` -> logits ``[runs, n, tokens, vocabulary]``.
        runs: how many.
    """

    parameters: list[Tensor]
    forward: Forward
    runs: int


def group_of(models: Sequence[Decoder]) -> Group:
    """One model as it is; several through `torch.func`, every operation done once for all."""
    first = models[0]
    if len(models) == 1:
        return Group(list(first.parameters()), lambda tokens: first(tokens[0])[None], 1)
    stacked, buffers = torch.func.stack_module_state(list(models))
    parameters = {name: own.detach().requires_grad_() for name, own in stacked.items()}

    def one(weights: dict[str, Tensor], fixed: dict[str, Tensor], tokens: Tensor) -> Any:
        return torch.func.functional_call(first, (weights, fixed), (tokens,))

    def forward(tokens: Tensor) -> Tensor:
        with _plain_attention():
            found: Tensor = torch.vmap(one)(parameters, buffers, tokens)
        return found

    return Group(list(parameters.values()), forward, len(models))


def _plain_attention() -> AbstractContextManager[None]:
    """Attention as matrix products: the fused kernels cannot be stacked."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    found: AbstractContextManager[None] = sdpa_kernel(SDPBackend.MATH)
    return found


def train(
    group: Group,
    batches: Sequence[Iterator[Any]],
    *,
    steps: int,
    rate: float,
    on_step: Callable[[], None] | None = None,
) -> None:
    """Train every model of a group on its own batches, with AdamW.

    The rate rises in a line for a tenth of the steps, then falls to a tenth along a cosine. Weights
    of two dimensions decay. Each model's gradient is cut to the norm 1 by itself.

    Args:
        group: of `group_of`.
        batches: of each model.
        steps: taken from each.
        rate: the highest.
        on_step: called after each.

    Reference: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
    """
    device = group.parameters[0].device
    matrix = 2 if group.runs == 1 else 3
    decayed = [p for p in group.parameters if p.ndim >= matrix]
    others = [p for p in group.parameters if p.ndim < matrix]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": _DECAY}, {"params": others, "weight_decay": 0.0}],
        lr=rate,
        betas=_BETAS,
        fused=True,
    )
    for step in range(steps):
        for settings in optimiser.param_groups:
            settings["lr"] = rate * _schedule(step, steps)
        taken = np.stack([next(own) for own in batches])
        losses = _losses(group, torch.from_numpy(taken).to(device))
        losses.sum().backward()  # type: ignore[no-untyped-call]
        _clip(group)
        optimiser.step()
        optimiser.zero_grad()
        if on_step is not None:
            on_step()


def _schedule(step: int, steps: int) -> float:
    warm = max(1, round(_WARMUP * steps))
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / max(1, steps - warm)
    return _FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * done))


def _losses(group: Group, tokens: Tensor) -> Tensor:
    """Of each model the mean over all tokens of its batch."""
    logits, labels = group.forward(tokens[..., :-1]), tokens[..., 1:]
    if group.runs == 1:  # in pieces: no second copy of the logits
        return per_sequence_cross_entropy(logits[0], labels[0], shift=False)[0].mean()[None]
    each = functional.cross_entropy(logits.flatten(0, 2), labels.flatten(), reduction="none")
    return each.view(group.runs, -1).mean(dim=1)


@torch.no_grad()
def _clip(group: Group) -> None:
    gradients = [p.grad for p in group.parameters if p.grad is not None]
    if group.runs == 1:
        gradients = [gradient[None] for gradient in gradients]
    squares = sum(gradient.flatten(1).square().sum(dim=1) for gradient in gradients)
    scale = (_CLIP / (torch.as_tensor(squares).sqrt() + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.ndim - 1)))


@torch.no_grad()
def mean_losses(group: Group, windows: Sequence[Any]) -> list[float]:
    """Of each model the mean loss over all tokens of windows, in nats a token."""
    device = group.parameters[0].device
    totals, tokens = np.zeros(group.runs), 0
    for same_length in windows:
        for start in range(0, len(same_length), _EVALUATED):
            part = torch.from_numpy(same_length[start : start + _EVALUATED]).to(device)
            logits = group.forward(part[:, :-1].expand(group.runs, -1, -1))
            labels = part[:, 1:].expand(group.runs, -1, -1)
            flat = logits.flatten(0, 2)
            each = functional.cross_entropy(flat, labels.flatten(), reduction="none")
            totals += each.view(group.runs, -1).sum(dim=1, dtype=torch.float64).cpu().numpy()
            tokens += part.shape[0] * (part.shape[1] - 1)
    return [float(total) / tokens for total in totals]
