"""A network under a batch, called without touching its parameters or buffers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.tracing.earlier import EarlierResults
from nasproxy.tracing.nodes import check_real, weight_nodes
from nasproxy.tracing.parts import Parts, parts_of
from nasproxy.tracing.stateless import called_with

__all__ = [
    "Loss",
    "Subject",
    "cross_entropy",
    "differentiated",
    "first_line",
    "prediction",
    "shapes",
    "subject_of",
]

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Subject:
    """What a pass works on.

    Attributes:
        parts: of the user's network; passes call it through :meth:`call` only.
        nodes: the names of the weights that are nodes.
        batch: the batch, on the network's device and in the memory format that is fastest there.
        loss: prediction and labels -> a scalar.
        seed: what random draws within the passes start from.
        earlier: what was computed for networks before this one; None to know of none.
    """

    parts: Parts
    nodes: tuple[str, ...]
    batch: Batch
    loss: Loss
    seed: int
    earlier: EarlierResults | None = None

    def parameters(self, *, gradients: bool = False) -> dict[str, Tensor]:
        """Copies of the parameters by name; with ``gradients`` those of the nodes require them.

        Copies, since a network may change its own weights when it is called (clip them, say).
        Convolution kernels take the memory format of the batch.

        Raises:
            NasproxyError: gradients by a complex weight are wanted.
        """
        if gradients:
            check_real({name: self.parts.parameters[name] for name in self.nodes})
        nodes = frozenset(self.nodes if gradients else ())
        return {
            name: _copied(parameter.detach(), self.batch).requires_grad_(name in nodes)
            for name, parameter in self.parts.parameters.items()
        }

    def on(self, batch: Batch) -> Subject:
        """The same network under another batch on its device."""
        return replace(self, batch=batch.mapped(_laid_out))

    def call(self, state: Mapping[str, Tensor], *, finite: bool = True) -> Tensor:
        """The network's prediction on the batch with these parameters.

        Buffers (the running statistics of normalisations) are copies, so that a call in training
        mode leaves the network's own alone.

        Args:
            state: parameters by name; a buffer may be among them.
            finite: whether a prediction that is not finite is an error.

        Raises:
            NasproxyError: the network raises an error, or its prediction is not finite.
        """
        buffers = {n: b.clone() for n, b in self.parts.buffers.items() if n not in state}
        # Copies: a network may change its inputs in place.
        args, keywords = self.batch.mapped(Tensor.clone).arguments
        try:
            output = called_with(self.parts, {**state, **buffers}, args, keywords)
        except Exception as cause:  # whatever the user's network raises
            raise NasproxyError(
                f"the network cannot be called on this batch "
                f"({shapes(self.batch)}): {type(cause).__name__}: {first_line(cause)}",
                accepted="inputs of the shape and dtype that the network's forward takes",
                hint="call the network on the same inputs yourself to see the whole error",
            ) from cause
        return prediction(output, finite=finite)


def subject_of(
    network: nn.Module,
    batch: Batch,
    *,
    loss: Loss,
    seed: int,
    earlier: EarlierResults | None = None,
) -> Subject:
    """Put a batch where the network is, in its dtype and the memory format that is fastest there.

    Convolutions on a CPU take half the time with channels last, so image batches are laid out so.
    """
    # What torch.compile returns hides its parts from hooks; the network in it computes the same.
    parts = parts_of(getattr(network, "_orig_mod", network))
    parameter = next(iter(parts.parameters.values()), None)
    device = batch.tensors[0].device if parameter is None else parameter.device
    dtypes = {p.dtype for p in parts.parameters.values() if p.is_floating_point()}
    # A network of half precision takes nothing else; one of several dtypes converts by itself.
    dtype = next(iter(dtypes)) if len(dtypes) == 1 else None

    def placed(tensor: Tensor) -> Tensor:
        wanted = dtype if tensor.is_floating_point() else None
        return _laid_out(tensor.detach().to(device, wanted))

    labels = None if batch.labels is None else batch.labels.to(device)
    if labels is not None and labels.is_inference():
        labels = labels.clone()  # autograd refuses to save it otherwise
    moved = replace(batch.mapped(placed), labels=labels)
    return Subject(parts, tuple(weight_nodes(parts)), moved, loss, seed, earlier)


def _laid_out(tensor: Tensor) -> Tensor:
    if tensor.ndim == 4 and tensor.is_floating_point():
        return tensor.contiguous(memory_format=torch.channels_last)
    return tensor


def prediction(output: object, *, finite: bool = True) -> Tensor:
    """The tensor that a network predicts: itself, its ``logits``, or the first of a tuple.

    Raises:
        NasproxyError: there is no floating-point tensor, or it is not finite.
    """
    for name in ("logits", "last_hidden_state"):
        if isinstance(output, Mapping) and name in output:
            output = output[name]
            break
        if not isinstance(output, Tensor) and hasattr(output, name):
            output = getattr(output, name)
            break
    if isinstance(output, Mapping):
        output = tuple(output.values())
    if isinstance(output, tuple | list):
        output = next((part for part in output if isinstance(part, Tensor)), None)
    if not isinstance(output, Tensor) or not output.is_floating_point():
        kind = output.dtype if isinstance(output, Tensor) else type(output).__name__
        raise NasproxyError(
            f"the network returns {kind}, not a prediction",
            accepted="a floating-point tensor, a tuple that starts with one, or an object "
            "with .logits or .last_hidden_state",
        )
    if finite and not bool(torch.isfinite(output.detach()).all()):
        bad = int((~torch.isfinite(output.detach())).sum())
        raise NasproxyError(
            f"of the {output.numel()} values that the network returns, {bad} are NaN or infinite",
            accepted="a network whose output is finite on this batch",
            hint="check its initialisation and that the inputs are normalised",
        )
    return output


def differentiated(
    output: Tensor | Sequence[Tensor],
    by: Sequence[Tensor],
    start: Tensor | Sequence[Tensor] | None = None,
    *,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> tuple[Tensor | None, ...]:
    """Gradients of an output, or of the sum of several; None for what it does not depend on.

    Raises:
        NasproxyError: the network cannot be differentiated.
    """
    try:
        return torch.autograd.grad(
            output,
            by,
            start,
            retain_graph=retain_graph or create_graph,
            create_graph=create_graph,
            allow_unused=True,
        )
    except RuntimeError as cause:
        raise NasproxyError(
            f"no gradient can be taken of what the network returns: {first_line(cause)}",
            accepted="a network that can be trained",
            hint="call backward() on a loss of the network yourself to see the whole error",
        ) from cause


def cross_entropy(predicted: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy of class scores ``[n, classes]`` or ``[n, t, classes]``.

    Raises:
        NasproxyError: labels are not integers, the shapes do not fit, or a label is not among the
            classes.
    """
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise NasproxyError(
            f"the labels are {labels.dtype}",
            accepted="class indices, int64",
            hint="labels.argmax(-1) makes indices of one-hot rows, labels.long() of whole numbers",
        )
    classes = predicted.shape[-1] if predicted.ndim else 0
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
            hint=f"build the network with at least {int(labels.max()) + 1} classes"
            if int(labels.max()) >= classes
            else "count classes from 0",
        )
    return F.cross_entropy(predicted.flatten(0, -2), labels.flatten().long())


def _copied(parameter: Tensor, batch: Batch) -> Tensor:
    if parameter.ndim == 4 and batch.tensors[0].ndim == 4:
        return parameter.clone(memory_format=torch.channels_last)
    return parameter.clone()


def shapes(batch: Batch) -> str:
    """The shapes and dtypes of a batch's inputs, for messages."""
    return ", ".join(
        f"{list(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
        for tensor in batch.tensors
    )


def first_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return next(iter(str(error).splitlines()), "")
