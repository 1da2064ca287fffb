"""The data-free pass: a network of absolute weights, without normalisation, on an input of ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.tracing.bypass import bypassed
from nasproxy.tracing.nodes import is_bias
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.subject import Subject, differentiated
from nasproxy.tracing.wide import Wide

__all__ = ["LOG_SYNAPTIC_FLOW", "absolute", "filled", "filled_embedding", "log_synaptic_flow"]

# Where 1 does not fit. The largest that does not overflow leaves the most room below.
_STEPS = tuple(2.0**exponent for exponent in range(1000, -1001, -250))


@cache
def log_synaptic_flow(*, biases: bool = False) -> Record[dict[str, float]]:
    """The record of the logarithm of the flow through every weight.

    Args:
        biases: whether absolute biases are added, as in the authors' code.
    """

    def run(subject: Subject, _wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
        for scale, starts in ((1.0, (1.0,)), *((step, _STEPS) for step in _STEPS)):
            # With biases R is not linear in the input, which cannot be scaled then.
            flow = _log_flow(subject, scale, starts, biases) if scale == 1 or not biases else None
            if flow is not None:
                return {record: flow}
        least = "1" if biases else "2^-1000"
        raise NasproxyError(
            f"the synaptic flow cannot be held in float64: at an input of {least} it overflows",
            accepted="a network whose absolute weights multiply to less than about 1e600",
            hint="build it at a smaller depth or initialise it with smaller weights",
        )

    record: Record[dict[str, float]] = Record(
        "log of the synaptic flow through every weight",
        Pass("data-free", lambda _wanted: "1 forward, 1 backward of one sample in float64", run),
        gradients=True,
    )
    return record


def _log_flow(
    subject: Subject, scale: float, starts: Iterable[float], biases: bool
) -> dict[str, float] | None:
    """Per node, log of sum |w dR/dw|, with the input scaled; None where that overflows.

    R is linear in the input where activations are ReLU, and the gradient is in what it starts from
    always; the two factors keep both traversals within float64.
    """
    state = absolute(subject, biases=biases)
    nodes = [state[name] for name in subject.nodes]
    linear = replace(subject, batch=filled(subject.batch, scale))
    with (
        preserved(subject.parts, training=False, seed=subject.seed),
        bypassed(subject.parts, filled_embedding(scale)),
        torch.enable_grad(),
    ):
        with Wide():
            output = linear.call(state, finite=False)
        if not bool(torch.isfinite(output.detach()).all()):
            return None
        if not nodes or not output.requires_grad:
            return dict.fromkeys(subject.nodes, -np.inf)
        for start in starts:
            gradients = differentiated(
                output, nodes, torch.full_like(output, start), retain_graph=True
            )
            flows = torch.stack(
                [
                    output.new_zeros(())
                    if gradient is None
                    else (node.detach() * gradient).abs_().sum()
                    for node, gradient in zip(nodes, gradients, strict=True)
                ]
            ).cpu()
            if bool(torch.isfinite(flows).all()):
                logs = flows.log() - np.log(scale) - np.log(start)
                return dict(zip(subject.nodes, logs.tolist(), strict=True))
    return None


def absolute(subject: Subject, *, biases: bool = False) -> dict[str, Tensor]:
    """Parameters and buffers in float64, absolute; biases zero, unless they are wanted.

    A gain (a scale a feature, as MobileBERT has them in the place of normalisations) multiplies,
    and stays.
    """
    nodes = frozenset(subject.nodes)
    # R is the product of weights alone (Tanaka et al., eq. 5): biases drop out.
    state = {
        name: (
            torch.zeros_like(parameter, dtype=torch.float64)
            if is_bias(name) and not biases
            else parameter.detach().abs().double()
        ).requires_grad_(name in nodes)
        for name, parameter in subject.parts.parameters.items()
    }
    for name, buffer in subject.parts.buffers.items():
        if buffer.is_floating_point():
            wide = buffer.detach().to(torch.float64, copy=True)
            # A fixed matrix is a weight; minus infinity is a mask and has to stay one.
            state[name] = wide if bool(wide.isinf().any()) else wide.abs_()
    return state


def filled(batch: Batch, scale: float) -> Batch:
    """One sample, each float input filled; token ids stay, since their embedding is bypassed."""
    one = batch.first()

    def filled(tensor: Tensor) -> Tensor:
        if tensor.is_floating_point():
            return torch.full_like(tensor, scale, dtype=torch.float64)
        return tensor

    return one.mapped(filled)


def filled_embedding(scale: float) -> Callable[[nn.Embedding], Callable[..., Tensor]]:
    """What makes the replacement of an embedding: every entry of its output the scale."""

    def of(module: nn.Embedding) -> Callable[..., Tensor]:
        def filled(*args: Any, **kwargs: Any) -> Tensor:
            tokens = next(iter((*args, *kwargs.values())))
            device = tokens.device if isinstance(tokens, Tensor) else module.weight.device
            shape = (
                *(tokens.shape if isinstance(tokens, Tensor) else tokens),
                module.embedding_dim,
            )
            return torch.full(shape, scale, dtype=torch.float64, device=device)

        return filled

    return of


LOG_SYNAPTIC_FLOW = log_synaptic_flow()
"""Without biases, as the equation has it."""
