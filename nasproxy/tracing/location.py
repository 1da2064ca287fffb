"""Which module of a network is being called, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)

from nasproxy.tracing.parts import Parts

__all__ = ["Location", "Returned", "tracked"]

Returned = Callable[[nn.Module, object, object], object]
"""Module, positional inputs, output -> what stands in for the output, or None for itself."""


class Location:
    """The path of modules that are being called, innermost last."""

    def __init__(self) -> None:
        self._stack: list[str] = []

    @property
    def name(self) -> str:
        """The innermost module's path in the network; "" for the network itself."""
        return self._stack[-1] if self._stack else ""


@contextmanager
def tracked(parts: Parts, returned: Returned | None = None) -> Iterator[Location]:
    """Follow the calls of a network's modules.

    Two hooks for all modules cost less than two for each of hundreds; modules of other networks
    (in other threads, say) are passed over.

    Args:
        parts: of the network.
        returned: sees what each module returns, while it is still the innermost, and may replace
            it.
    """
    names = {id(module): name for name, module in parts.modules.items()}
    location = Location()
    stack = location._stack

    def entered(module: nn.Module, _inputs: object) -> None:
        name = names.get(id(module))
        if name is not None:
            stack.append(name)

    def left(module: nn.Module, inputs: object, output: object) -> Any:
        if id(module) not in names:
            return None
        replacement = None
        if returned is not None and output is not None:  # None where the call failed
            replacement = returned(module, inputs, output)
        stack.pop()
        return replacement

    handles = [
        register_module_forward_pre_hook(entered),
        # Also where a call fails, since a network may catch what its parts raise.
        register_module_forward_hook(left, always_call=True),
    ]
    try:
        yield location
    finally:
        for handle in handles:
            handle.remove()
