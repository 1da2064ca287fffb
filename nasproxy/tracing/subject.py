"""A network under a batch, called without touching its parameters or buffers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.tracing.nodes import weight_nodes

__all__ = ["Loss", "Subject", "cross_entropy", "prediction", "subject_of"]

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Subject:
    """What a pass works on.

    Attributes:
        network: the user's network; passes call it through :meth:`call` only.
        nodes: the names of the weights that are nodes.
        batch: the batch, on the network's device and in the memory format that is fastest there.
        loss: prediction and labels -> a scalar.
        seed: what random draws within the passes start from.
    """

    network: nn.Module
    nodes: tuple[str, ...]
    batch: Batch
    loss: Loss
    seed: int

    def parameters(self, *, gradients: bool = False) -> dict[str, Tensor]:
        """Detached parameters by name; with ``gradients`` those of the nodes require them.

        Convolution kernels take the memory format of the batch; the values are shared with the
        network wherever no other format is needed.
        """
        return {
            name: _formatted(parameter.detach(), self.batch).requires_grad_(
                gradients and name in self.nodes
            )
            for name, parameter in self.network.named_parameters()
        }

    def call(self, parameters: Mapping[str, Tensor]) -> Tensor:
        """The network's prediction on the batch with these parameters.

        Buffers (the running statistics of normalisations) are copies, so that a call in training
        mode leaves the network's own alone.

        Raises:
            NasproxyError: the network raises an error, or its prediction is not finite.
        """
        buffers = {name: buffer.clone() for name, buffer in self.network.named_buffers()}
        # Copies: a network may change its inputs in place.
        tensors = tuple(tensor.clone() for tensor in self.batch.tensors)
        named = isinstance(self.batch.inputs, Mapping)
        keywords = dict(zip(self.batch.inputs, tensors, strict=True)) if named else {}
        args = () if named else tensors
        try:
            output = functional_call(self.network, {**parameters, **buffers}, args, keywords)
        except Exception as cause:  # whatever the user's network raises
            raise NasproxyError(
                f"the network cannot be called on this batch "
                f"({_shapes(self.batch)}): {type(cause).__name__}: {_first_line(cause)}",
                accepted="inputs of the shape and dtype that the network's forward takes",
                hint="call the network on the same inputs yourself to see the whole error",
            ) from cause
        return prediction(output)


def subject_of(network: nn.Module, batch: Batch, *, loss: Loss, seed: int) -> Subject:
    """Put a batch where the network is, in the memory format that is fastest there.

    Convolutions on a CPU take half the time with channels last, so image batches are laid out so.
    """
    parameter = next(network.parameters(), None)
    device = batch.tensors[0].device if parameter is None else parameter.device

    def moved(tensor: Tensor) -> Tensor:
        tensor = tensor.detach().to(device)
        if tensor.ndim == 4 and tensor.is_floating_point():
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        return tensor

    inputs: Tensor | tuple[Tensor, ...] | dict[str, Tensor]
    if isinstance(batch.inputs, Tensor):
        inputs = moved(batch.inputs)
    elif isinstance(batch.inputs, Mapping):
        inputs = {name: moved(tensor) for name, tensor in batch.inputs.items()}
    else:
        inputs = tuple(moved(tensor) for tensor in batch.inputs)
    labels = None if batch.labels is None else batch.labels.to(device)
    placed = Batch(inputs, labels, batch.classes, batch.source)
    return Subject(network, tuple(weight_nodes(network)), placed, loss, seed)


def prediction(output: object) -> Tensor:
    """The tensor that a network predicts: itself, its ``logits``, or the first of a tuple.

    Raises:
        NasproxyError: there is no floating-point tensor, or it is not finite.
    """
    for name in ("logits", "last_hidden_state"):
        if not isinstance(output, Tensor) and hasattr(output, name):
            output = getattr(output, name)
            break
    if isinstance(output, Mapping):
        output = tuple(output.values())
    if isinstance(output, tuple | list):
        output = next((part for part in output if isinstance(part, Tensor)), None)
    if not isinstance(output, Tensor) or not output.is_floating_point():
        raise NasproxyError(
            f"the network returns {type(output).__name__}, not a prediction",
            accepted="a floating-point tensor, a tuple that starts with one, or an object "
            "with .logits or .last_hidden_state",
        )
    if not bool(torch.isfinite(output.detach()).all()):
        bad = int((~torch.isfinite(output.detach())).sum())
        raise NasproxyError(
            f"the network's output has {bad} of {output.numel()} values that are NaN or infinite",
            accepted="a network whose output is finite on this batch",
            hint="check its initialisation and that the inputs are normalised",
        )
    return output


def cross_entropy(predicted: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy of class scores ``[n, classes]`` or ``[n, t, classes]``.

    Raises:
        NasproxyError: the shapes do not fit, or a label is not among the classes.
    """
    classes = predicted.shape[-1]
    if predicted.ndim < 2 or predicted.shape[:-1] != labels.shape:
        raise NasproxyError(
            f"predictions of shape {tuple(predicted.shape)} do not fit labels of shape "
            f"{tuple(labels.shape)}",
            accepted="class scores [n, classes] for labels [n], or a loss of your own by loss=",
        )
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise NasproxyError(
            f"labels range from {int(labels.min())} to {int(labels.max())}, but the network "
            f"has {classes} classes",
            accepted=f"labels 0 to {classes - 1}",
            hint=f"build the network with at least {int(labels.max()) + 1} classes",
        )
    return F.cross_entropy(predicted.flatten(0, -2), labels.flatten())


def _formatted(parameter: Tensor, batch: Batch) -> Tensor:
    images = batch.tensors[0]
    if parameter.ndim == 4 and images.ndim == 4:
        # A copy even where the format already fits would cost little; a view costs nothing.
        return parameter.contiguous(memory_format=torch.channels_last)
    return parameter


def _shapes(batch: Batch) -> str:
    named = ((list(tensor.shape), str(tensor.dtype)) for tensor in batch.tensors)
    return ", ".join(f"{shape} {dtype.removeprefix('torch.')}" for shape, dtype in named)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "")
