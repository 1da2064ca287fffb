"""A network's parameters drawn anew, on copies."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nasproxy.tracing.bypass import is_normalisation
from nasproxy.tracing.subject import Subject

__all__ = ["redrawn"]


def redrawn(
    subject: Subject, generator: torch.Generator, *, by_inputs: bool = False
) -> dict[str, Tensor]:
    r"""Normal weights; scales of normalisations one, biases zero, the rest as it is.

    Args:
        subject: whose parameters are drawn, in the network's order.
        generator: on the CPU. Draws are float32, to be the same for any dtype and device.
        by_inputs: whether the variance is 2 / fan-in (He et al., 2015) and not 1.
    """
    state, nodes = subject.parameters(), frozenset(subject.nodes)
    scales = {
        id(parameter)
        for module in subject.parts.modules.values()
        if is_normalisation(module)
        for name, parameter in module.named_parameters(recurse=False)
        if "bias" not in name
    }
    for name, parameter in subject.parts.parameters.items():
        if name in nodes:
            deviation = math.sqrt(2 / parameter[0].numel()) if by_inputs else 1.0
            state[name].copy_(torch.randn(parameter.shape, generator=generator) * deviation)
        elif parameter.ndim < 2:
            state[name].fill_(float(id(parameter) in scales))
    return state
