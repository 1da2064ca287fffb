"""Call a network with other parameters and buffers than its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from nasproxy.tracing.parts import Parts

__all__ = ["called_with"]


def called_with(
    parts: Parts,
    state: Mapping[str, Tensor],
    args: tuple[Tensor, ...],
    keywords: Mapping[str, Tensor],
) -> Any:
    """What a network returns with every parameter and buffer replaced; it keeps its own.

    ``torch.func.functional_call`` looks every tensor up by its path each time, which costs more
    than a small network's forward, and restores the replacements where one module stands in two
    places. Here each place is known from one walk and swapped directly.

    Args:
        parts: of any network.
        state: each parameter and each buffer by its (first) name.
        args: positional inputs.
        keywords: keyword inputs.
    """
    own = [(held, key, held[key]) for held, key, _ in parts.places]
    try:
        for held, key, name in parts.places:
            held[key] = state[name]
        return parts.network(*args, **keywords)
    finally:
        for held, key, tensor in own:
            held[key] = tensor
