"""Call a network with other parameters and buffers than its own."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

__all__ = ["called_with"]


def called_with(
    network: nn.Module,
    state: Mapping[str, Tensor],
    args: tuple[Tensor, ...],
    keywords: Mapping[str, Tensor],
) -> Any:
    """What a network returns with every parameter and buffer replaced; it keeps its own.

    ``functional_call`` finds tied tensors by itself, but where one module stands in two places it
    swaps that module's tensors twice and restores the replacements. So each module is named once
    here, and its tensors are looked up by identity.

    Args:
        network: any network.
        state: each parameter and each buffer by its (first) name.
        args: positional inputs.
        keywords: keyword inputs.
    """
    first = {
        id(tensor): name
        for name, tensor in chain(network.named_parameters(), network.named_buffers())
    }
    places = {
        f"{path}.{name}" if path else name: state[first[id(tensor)]]
        for path, module in network.named_modules()
        for name, tensor in chain(module._parameters.items(), module._buffers.items())
        if tensor is not None
    }
    return functional_call(network, places, args, dict(keywords), tie_weights=False)
