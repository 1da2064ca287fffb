"""The data-free pass: a network of absolute weights, without normalisation, on an input of ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.tracing.bypass import bypassed
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.subject import Subject

__all__ = ["DATA_FREE_PASS", "LOG_SYNAPTIC_FLOW"]

_SMALL = 2.0**-996  # input and output scale of the second try: sums up to about 1e600 then fit


def _cost(_wanted: frozenset[Record[Any]]) -> str:
    return "1 forward, 1 backward of one sample in float64"


def _run(subject: Subject, _wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
    flow = _log_flow(subject, scale=1.0)
    if not all(np.isfinite(value) or value == -np.inf for value in flow.values()):
        flow = _log_flow(subject, scale=_SMALL)
    if not all(np.isfinite(value) or value == -np.inf for value in flow.values()):
        raise NasproxyError(
            "the synaptic flow is beyond 1e600 and cannot be held in float64",
            accepted="a network whose absolute weights multiply to less",
            hint="build it at a smaller depth or initialise it with smaller weights",
        )
    return {LOG_SYNAPTIC_FLOW: flow}


def _log_flow(subject: Subject, *, scale: float) -> dict[str, float]:
    """Per node, log of sum |w dR/dw|, with the input and R both scaled (R is linear in both)."""
    ones = _ones(subject.batch, scale)
    parameters = {
        # R is the product of weights alone (Tanaka et al., eq. 5): biases drop out.
        name: (
            parameter.detach().abs().double()
            if parameter.ndim >= 2
            else torch.zeros_like(parameter, dtype=torch.float64)
        ).requires_grad_(name in subject.nodes)
        for name, parameter in subject.network.named_parameters()
    }
    linear = Subject(subject.network, subject.nodes, ones, subject.loss, subject.seed)
    with (
        preserved(subject.network, training=False, seed=subject.seed),
        bypassed(subject.network, _ones_embedding(scale)),
        torch.enable_grad(),
    ):
        try:
            total = linear.call(parameters).sum() * scale
        except NasproxyError as error:
            if scale == 1.0 and "NaN or infinite" in error.wrong:
                return dict.fromkeys(subject.nodes, np.inf)
            raise
        nodes = [parameters[name] for name in subject.nodes]
        if not total.requires_grad:
            return dict.fromkeys(subject.nodes, -np.inf)
        gradients = torch.autograd.grad(total, nodes, allow_unused=True)
    log_scale = 2 * np.log(scale)
    sums = torch.stack(
        [
            torch.zeros((), dtype=torch.float64, device=total.device)
            if gradient is None
            else (node.detach() * gradient).abs_().sum()
            for node, gradient in zip(nodes, gradients, strict=True)
        ]
    )
    logs = sums.log().cpu().numpy() - log_scale
    return dict(zip(subject.nodes, logs.tolist(), strict=True))


def _ones(batch: Batch, scale: float) -> Batch:
    """One sample of ones for each float input; token ids stay, their embedding is replaced."""

    def filled(tensor: Tensor) -> Tensor:
        if tensor.is_floating_point():
            return torch.full_like(tensor[:1], scale, dtype=torch.float64)
        return tensor[:1]

    if isinstance(batch.inputs, Tensor):
        return Batch(filled(batch.inputs))
    if isinstance(batch.inputs, Mapping):
        return Batch({name: filled(tensor) for name, tensor in batch.inputs.items()})
    return Batch(tuple(filled(tensor) for tensor in batch.inputs))


def _ones_embedding(scale: float) -> Callable[[nn.Embedding], Callable[..., Tensor]]:
    def of(module: nn.Embedding) -> Callable[..., Tensor]:
        def ones(tokens: Tensor) -> Tensor:
            shape = (*tokens.shape, module.embedding_dim)
            return torch.full(shape, scale, dtype=torch.float64, device=tokens.device)

        return ones

    return of


DATA_FREE_PASS = Pass("data-free", _cost, _run)
LOG_SYNAPTIC_FLOW: Record[dict[str, float]] = Record(
    "log of the synaptic flow through every weight", DATA_FREE_PASS, gradients=True
)
