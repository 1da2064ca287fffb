"""How much the loss would change without a channel: activation times gradient, summed over it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.overrides import TorchFunctionMode

from nasproxy.errors import NasproxyError
from nasproxy.tracing.activations import ACTIVATION_FUNCTIONS
from nasproxy.tracing.subject import Subject
from zerocost.compiled import compiled

__all__ = ["ChannelSaliencies", "owner"]

_LANES = 64


@dataclass
class _Output:
    """An output of a module with weights, as it was returned."""

    values: Tensor
    version: int
    channel: int
    sums: Tensor | None = None


class ChannelSaliencies(TorchFunctionMode):
    """Watches the outputs of the modules that own weights, from the forward to the backward.

    As a mode it sees functions that are about to overwrite an output (a ReLU in place after a
    convolution), and keeps a copy of that output.
    """

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self.recording = False
        self._samples = subject.batch.size
        self._owners = {id(subject.parts.modules[owner(name)]) for name in subject.nodes}
        self._outputs: dict[str, _Output] = {}
        self._by_storage: dict[int, _Output] = {}
        self._calls: Counter[str] = Counter()

    def returned(self, name: str, module: nn.Module, output: object) -> None:
        """See what a module returns; its first tensor counts."""
        if id(module) not in self._owners:
            return
        if isinstance(output, tuple | list):
            output = next((part for part in output if isinstance(part, Tensor)), None)
        if not isinstance(output, Tensor) or not output.requires_grad:
            return
        channel = 1 if isinstance(module, _ConvNd) else output.ndim - 1
        if output.ndim < 2 or _per_sample(output.detach(), channel, self._samples) is None:
            return
        seen = _Output(output.detach(), output._version, channel)
        self._calls[name] += 1
        self._outputs[name if self._calls[name] == 1 else f"{name}#{self._calls[name]}"] = seen
        self._by_storage[output.untyped_storage().data_ptr()] = seen
        output.register_hook(  # type: ignore[no-untyped-call]
            lambda gradient: self._differentiated(seen, gradient)
        )

    def sums(self) -> dict[str, Float[Tensor, "n channels"]]:
        r"""$\sum_p a_{ncp} \, \partial \mathcal L / \partial a_{ncp}$ over positions p, by output.

        Zeros for an output that the loss does not depend on.

        Raises:
            NasproxyError: an output was overwritten unseen before its gradient came.
        """
        found = {}
        for name, seen in self._outputs.items():
            if seen.values._version != seen.version:
                raise NasproxyError(
                    f"the output of {name!r} is overwritten before its gradient is there",
                    accepted="a network whose operations in place are those of torch",
                    hint="build it without operations in place",
                )
            rows = _per_sample(seen.values, seen.channel, self._samples)
            assert rows is not None
            found[name] = rows.new_zeros(rows.shape[::2]) if seen.sums is None else seen.sums
        return found

    def _differentiated(self, seen: _Output, gradient: Tensor) -> None:
        if self.recording:
            values = _per_sample(seen.values, seen.channel, self._samples)
            gradients = _per_sample(gradient.detach(), seen.channel, self._samples)
            assert values is not None
            assert gradients is not None
            seen.sums = _summed_products(values, gradients)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if args and isinstance(args[0], Tensor) and _in_place(func, args, kwargs):
            seen = self._by_storage.pop(args[0].untyped_storage().data_ptr(), None)
            if seen is not None:
                seen.values = seen.values.clone()
                seen.version = seen.values._version
        return func(*args, **kwargs)


def owner(node: str) -> str:
    """The module whose output a weight shapes; a parametrised weight belongs to the one outside."""
    outside, parametrised, _ = node.partition(".parametrizations.")
    return outside if parametrised else node.rpartition(".")[0]


def _in_place(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    name = getattr(func, "__name__", "")
    if name.startswith("__i") or (name.endswith("_") and not name.endswith("__")):
        return True
    if kwargs.get("out") is not None or bool(kwargs.get("inplace")):
        return True
    return func in ACTIVATION_FUNCTIONS and args[-1] is True


def _summed_products(
    values: Float[Tensor, "n p c"], gradients: Float[Tensor, "n p c"]
) -> Float[Tensor, "n c"]:
    """Sums over positions of products; on a CPU in one reading of the two, without the product."""
    if values.device.type != "cpu" or values.dtype not in (torch.float32, torch.float64):
        return (values * gradients).sum(dim=1)
    samples, positions, channels = values.shape
    # Few channels make short loops, which are slow: several positions are taken for one.
    joined = math.gcd(positions, -(-_LANES // channels))
    values, gradients = (t.reshape(samples, -1, joined * channels) for t in (values, gradients))
    sums = torch.zeros(values.shape[::2], dtype=values.dtype)
    _add_products(values.numpy(), gradients.numpy(), sums.numpy())
    return sums.view(samples, joined, channels).sum(dim=1)


@compiled
def _add_products(values: Any, gradients: Any, sums: Any) -> None:
    samples, positions, channels = values.shape
    for sample in range(samples):
        row = sums[sample]
        for position in range(positions):
            for channel in range(channels):
                row[channel] += (
                    values[sample, position, channel] * gradients[sample, position, channel]
                )


def _per_sample(values: Tensor, channel: int, samples: int) -> Tensor | None:
    """As ``[n, positions, channels]``, a view where the memory allows it; None without samples."""
    values = values.movedim(channel, -1)
    if values.shape[0] % samples:
        if values.ndim < 3 or values.shape[1] != samples:
            return None
        values = values.transpose(0, 1)  # sequence first
    return values.reshape(samples, -1, values.shape[-1])
