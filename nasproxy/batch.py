"""The data a proxy sees: one small batch of inputs, with labels where there are any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from torch import Tensor

__all__ = ["Batch"]


@dataclass(frozen=True)
class Batch:
    """One batch of a network's inputs.

    Attributes:
        inputs: what the network is called with: a tensor ``[n, ...]`` (images float32
            ``[n, c, h, w]``, token ids int64 ``[n, t]``), a tuple of positional arguments, or a
            mapping of keyword arguments.
        labels: class indices int64 ``[n]`` in ``0 .. classes - 1``, or None.
        classes: how many classes the labels come from, or None where not known.
        source: where the data came from, for manifests and messages.
    """

    inputs: Tensor | tuple[Tensor, ...] | Mapping[str, Tensor]
    labels: Tensor | None = None
    classes: int | None = None
    source: str = "memory"

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The input tensors, in the order of the network's arguments."""
        if isinstance(self.inputs, Tensor):
            return (self.inputs,)
        if isinstance(self.inputs, Mapping):
            return tuple(self.inputs.values())
        return self.inputs

    @property
    def arguments(self) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
        """The positional and the keyword arguments that the network is called with."""
        if isinstance(self.inputs, Mapping):
            return (), dict(self.inputs)
        return self.tensors, {}

    @property
    def size(self) -> int:
        """How many samples the batch holds."""
        return int(self.tensors[0].shape[0])

    def first(self) -> Batch:
        """The inputs of the first sample, without labels; what holds no samples stays whole."""

        return replace(self.part(slice(1)), labels=None)

    def part(self, samples: slice) -> Batch:
        """Some of the samples, with their labels; what holds no samples stays whole."""

        def taken(tensor: Tensor) -> Tensor:
            return tensor[samples] if tensor.ndim and tensor.shape[0] == self.size else tensor

        labels = None if self.labels is None else taken(self.labels)
        return replace(self.mapped(taken), labels=labels)

    def mapped(self, changed: Callable[[Tensor], Tensor]) -> Batch:
        """The same batch with each input tensor changed."""
        if isinstance(self.inputs, Tensor):
            return replace(self, inputs=changed(self.inputs))
        if isinstance(self.inputs, Mapping):
            named = {name: changed(tensor) for name, tensor in self.inputs.items()}
            return replace(self, inputs=named)
        return replace(self, inputs=tuple(changed(tensor) for tensor in self.inputs))
