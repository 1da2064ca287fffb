"""The loss of a prediction, and its gradient by the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from nasproxy.errors import NasproxyError
from nasproxy.tracing.subject import Subject, differentiated, first_line

__all__ = ["by_node", "loss_of", "weight_gradients"]


def loss_of(subject: Subject, predicted: Tensor) -> Tensor:
    """The subject's loss of a prediction, a finite scalar.

    Raises:
        NasproxyError: the batch has no labels, the network no weights, or the loss is no finite
            number.
    """
    if subject.batch.labels is None:
        raise NasproxyError(
            "the batch has no labels, and the gradient of the loss needs them",
            accepted="Batch(inputs, labels), labels int64 [n]",
        )
    if not subject.nodes:
        raise NasproxyError(
            "the network has no weights that a gradient could be taken of",
            accepted="a network with convolutions, linear layers or attention",
        )
    loss = _called(subject, predicted, subject.batch.labels)
    if not bool(torch.isfinite(loss.detach())):
        raise NasproxyError(
            f"the loss is {float(loss.detach())}",
            accepted="a finite loss on this batch",
            hint="check the labels and the initialisation of the network",
        )
    return loss


def weight_gradients(
    subject: Subject,
    parameters: Mapping[str, Tensor],
    loss: Tensor,
    *,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> dict[str, Tensor]:
    """The gradient of a loss by each node; zeros for those that it does not depend on."""
    nodes = [parameters[name] for name in subject.nodes]
    if not loss.requires_grad:  # no weight reaches the output
        return by_node(subject, parameters, [None] * len(nodes))
    found = differentiated(loss, nodes, retain_graph=retain_graph, create_graph=create_graph)
    return by_node(subject, parameters, found)


def by_node(
    subject: Subject, parameters: Mapping[str, Tensor], found: Sequence[Tensor | None]
) -> dict[str, Tensor]:
    """Gradients in the order of the nodes, by name; zeros for None."""
    return {
        name: torch.zeros_like(parameters[name]) if gradient is None else gradient
        for name, gradient in zip(subject.nodes, found, strict=True)
    }


def _called(subject: Subject, predicted: Tensor, labels: Tensor) -> Tensor:
    try:
        loss = subject.loss(predicted, labels)
    except NasproxyError:
        raise
    except Exception as cause:  # whatever the user's loss raises
        raise NasproxyError(
            f"the loss cannot be computed: {type(cause).__name__}: {first_line(cause)}",
            accepted="a loss of (prediction, labels)",
        ) from cause
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        seen = f"a tensor of {loss.numel()}" if isinstance(loss, Tensor) else type(loss).__name__
        raise NasproxyError(f"the loss is {seen}", accepted="a tensor of one value")
    return loss
