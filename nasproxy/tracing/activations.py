"""See what goes into every activation function, be it a module or a plain call."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

__all__ = ["ACTIVATION_FUNCTIONS", "ActivationInputs", "is_activation"]

ACTIVATION_FUNCTIONS: frozenset[Callable[..., Any]] = frozenset(
    {
        F.relu,
        F.relu_,
        torch.relu,
        torch.relu_,
        Tensor.relu,
        Tensor.relu_,
        F.relu6,
        F.hardtanh,  # what nn.ReLU6 calls
        F.threshold,
        F.rrelu,
        F.softplus,
        F.leaky_relu,
        F.leaky_relu_,
        F.prelu,
        torch.prelu,
        F.elu,
        F.elu_,
        F.selu,
        F.selu_,
        F.celu,
        F.celu_,
        F.gelu,
        F.silu,
        F.mish,
        F.hardswish,
    }
)


_NAMED = re.compile(r"relu|gelu|silu|swish|mish|elu", re.IGNORECASE)


def is_activation(module: nn.Module) -> bool:
    """Whether a module is an activation by its class's name, without parts or weights.

    Model code bases write some of them out in products and powers (GPT-2's ``NewGELUActivation``),
    where no function of torch says what it is.
    """
    return (
        _NAMED.search(type(module).__name__) is not None
        and next(module.parameters(), None) is None
        and next(module.children(), None) is None
    )


class ActivationInputs(TorchFunctionMode):
    """Hands the input of each activation function to an observer, before it may be overwritten.

    Those functions count whose output has the sign of their input or is near zero on one side of
    it; tanh and sigmoid, as gates use them, do not.
    """

    def __init__(self, observe: Callable[[Tensor], None]) -> None:
        super().__init__()
        self._observe = observe

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func in ACTIVATION_FUNCTIONS:
            self._observe(args[0] if args else (kwargs or {})["input"])
        return func(*args, **(kwargs or {}))
