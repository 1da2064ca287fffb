"""The Hessian of the loss times its own gradient, by a backward through the backward."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nasproxy.errors import NasproxyError
from nasproxy.tracing.decomposed import decomposed
from nasproxy.tracing.loss import by_node, loss_of, weight_gradients
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.subject import Subject, differentiated

__all__ = ["differentiates_alike", "hessian_gradients"]

# Operations whose gradient torch computes by the same kernels whether or not a graph of the
# backward is kept. It does not for silu, mish and group_norm, among others.
_ALIKE = frozenset(
    {
        "AccumulateGrad",
        "AdaptiveAvgPool2DBackward0",
        "AddBackward0",
        "AddmmBackward0",
        "AvgPool2DBackward0",
        "CatBackward0",
        "CloneBackward0",
        "ConvolutionBackward0",
        "DivBackward0",
        "EmbeddingBackward0",
        "MaxPool2DWithIndicesBackward0",
        "MeanBackward1",
        "MmBackward0",
        "MulBackward0",
        "NativeBatchNormBackward0",
        "NllLossBackward0",
        "LogSoftmaxBackward0",
        "PermuteBackward0",
        "ReluBackward0",
        "ReshapeAliasBackward0",
        "SumBackward1",
        "TBackward0",
        "TransposeBackward0",
        "UnsafeViewBackward0",
        "ViewBackward0",
    }
)


def differentiates_alike(loss: Tensor) -> bool:
    """Whether the first gradient has the same bits with a graph of the backward as without.

    Then the two can share one backward. O(operations of the forward).
    """
    if loss.grad_fn is None:
        return False
    waiting, seen = [loss.grad_fn], {loss.grad_fn}
    while waiting:
        node = waiting.pop()
        if node.name() not in _ALIKE:
            return False
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)
    return True


def hessian_gradients(
    subject: Subject,
    parameters: Mapping[str, Tensor],
    gradients: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    r"""$H g$ for each node, with $g$ the gradient of the loss by all of them and $H$ its Hessian.

    The gradient of $\langle \bar g, g \rangle$, $\bar g$ held fixed. Where an operation of the
    network has no second derivative (fused attention, fused recurrences), the network is called
    again with that operation made of its parts.

    Args:
        subject: the network under its batch.
        parameters: what it was called with.
        gradients: of the loss of that call, with a graph of their own.
    """
    try:
        return _product(subject, parameters, gradients)
    except NasproxyError:  # tried again below, where it raises for what no parts help
        pass
    with preserved(subject.parts, training=True, seed=subject.seed), decomposed():
        again = loss_of(subject, subject.call(parameters))
        gradients = weight_gradients(subject, parameters, again, create_graph=True)
        return _product(subject, parameters, gradients)


def _product(
    subject: Subject, parameters: Mapping[str, Tensor], gradients: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    terms = [(g.detach() * g).sum() for g in gradients.values() if g.requires_grad]
    nodes = [parameters[name] for name in subject.nodes]
    if not terms:  # a loss that is linear in the weights
        return by_node(subject, parameters, [None] * len(nodes))
    return by_node(subject, parameters, differentiated(torch.stack(terms).sum(), nodes))
