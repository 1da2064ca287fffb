"""Nodes: the layers of a network whose weights the proxies read."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor, nn

from nasproxy.errors import NasproxyError
from nasproxy.tracing.bypass import is_normalisation
from nasproxy.tracing.parts import Parts

__all__ = ["check_real", "is_bias", "parameter_owners", "weight_nodes"]

_BIAS = re.compile(r"(^|_)(bias(es)?|beta|shift)(_|$)")


def is_bias(name: str) -> bool:
    """Whether a parameter is added and does not multiply, by the last part of its name."""
    return _BIAS.search(name.rpartition(".")[2]) is not None


def weight_nodes(parts: Parts) -> dict[str, Tensor]:
    """The weights that multiply activations, by parameter name, in the network's order.

    A node is a parameter of two or more dimensions: the kernel of any convolution, the matrix of
    a linear layer, the projections of an attention, the matrices of a recurrence. Biases, the
    scales of normalisations and embedding tables are not: no activation passes through them.
    Weights of whole numbers, as quantised layers have them, have no gradient and are none.
    A weight shared by an embedding and a linear layer counts, once.

    Returns:
        Parameter name -> the parameter itself, not a copy.
    """
    multiplied = {
        id(parameter)
        for module in parts.modules.values()
        if not isinstance(module, nn.Embedding | nn.EmbeddingBag) and not is_normalisation(module)
        for name, parameter in module._parameters.items()
        if parameter is not None
        and parameter.ndim >= 2
        and _differentiable(parameter)
        and not is_bias(name)
    }
    return {
        name: parameter
        for name, parameter in parts.parameters.items()
        if id(parameter) in multiplied
    }


def _differentiable(parameter: Tensor) -> bool:
    return parameter.is_floating_point() or parameter.is_complex()  # not one of whole numbers


def check_real(weights: Mapping[str, Tensor]) -> None:
    """See that weights are real, before they or their gradients are added up as float64.

    Raises:
        NasproxyError: one is complex.
    """
    name = next((name for name, weight in weights.items() if weight.is_complex()), None)
    if name is not None:
        raise NasproxyError(
            f"the weight {name!r} is {weights[name].dtype}",
            accepted="real weights, where a proxy reads weights or their gradients",
            hint="proxies of activations (naswot, swap, jacob_cov) take complex layers",
        )


def parameter_owners(parts: Parts) -> dict[str, int]:
    """How many parameters each module itself holds, shared ones counted at their first owner.

    Returns:
        Module path -> number of parameters, for the modules that hold any.
    """
    owners: dict[str, int] = {}
    for name, parameter in parts.parameters.items():
        owner = name.rpartition(".")[0]
        owners[owner] = owners.get(owner, 0) + parameter.numel()
    return owners
