"""A batch as plain arrays, to be sent to another process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nasproxy.batch import Batch

__all__ = ["PackedBatch", "pack"]

Arrays = np.ndarray | tuple[np.ndarray, ...] | dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class PackedBatch:
    """The arrays of a batch; ``unpack`` makes it again.

    torch would send tensors through shared memory, which containers limit.
    """

    inputs: Arrays
    labels: np.ndarray | None
    classes: int | None
    source: str

    def unpack(self) -> Batch:
        """The batch, with memory of its own."""
        made: Tensor | tuple[Tensor, ...] | dict[str, Tensor]
        if isinstance(self.inputs, dict):
            made = {name: _tensor(array) for name, array in self.inputs.items()}
        elif isinstance(self.inputs, tuple):
            made = tuple(_tensor(array) for array in self.inputs)
        else:
            made = _tensor(self.inputs)
        labels = None if self.labels is None else _tensor(self.labels)
        return Batch(made, labels, self.classes, self.source)


def pack(batch: Batch) -> PackedBatch:
    """The arrays of a batch on the CPU."""
    inputs: Arrays
    if isinstance(batch.inputs, Mapping):
        inputs = {name: tensor.numpy() for name, tensor in batch.inputs.items()}
    elif isinstance(batch.inputs, tuple):
        inputs = tuple(tensor.numpy() for tensor in batch.inputs)
    else:
        inputs = batch.inputs.numpy()
    labels = None if batch.labels is None else batch.labels.numpy()
    return PackedBatch(inputs, labels, batch.classes, batch.source)


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
