"""The Hessian of the loss along its own gradient, by a backward through the backward."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from nasproxy.errors import NasproxyError
from nasproxy.tracing.decomposed import decomposed
from nasproxy.tracing.loss import loss_of, weight_gradients
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.second_order import TwiceDifferentiable
from nasproxy.tracing.subject import Subject, differentiated

__all__ = ["differentiates_alike", "hessian_products"]

# Operations whose gradient torch computes by the same kernels whether or not a graph of the
# backward is kept. It does not for silu, mish and group_norm, among others.
_ALIKE = frozenset(
    {
        "AccumulateGrad",
        "AdaptiveAvgPool2DBackward0",
        "AddBackward0",
        "AddmmBackward0",
        "AsStridedBackward1",
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
        "_ConvolvedBackward",
        "NormalisedBackward",
        "_PooledBackward",
        "_RectifiedBackward",
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
        # Some versions of torch put a namespace before the name.
        if node.name().rpartition("::")[2] not in _ALIKE:
            return False
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)
    return True


def hessian_products(
    subject: Subject,
    parameters: Mapping[str, Tensor],
    gradients: Mapping[str, Tensor],
    replaced: TwiceDifferentiable,
) -> dict[str, float]:
    r"""$\langle W_l, (H g)_l \rangle$ for each node, $g$ the gradient of the loss, $H$ its Hessian.

    The gradient of $\langle \bar g, g \rangle$, $\bar g$ held fixed. Where an operation of the
    network has no second derivative (fused attention, fused recurrences), the network is called
    again with that operation made of its parts.

    Args:
        subject: the network under its batch.
        parameters: what it was called with.
        gradients: of the loss of that call, with a graph of their own.
        replaced: the mode under which it was called.
    """
    try:
        replaced.again = True
        return _products(subject, parameters, gradients, replaced.scales)
    except NasproxyError:  # tried again below, where it raises for what no parts help
        pass
    with preserved(subject.parts, training=True, seed=subject.seed), decomposed():
        again = loss_of(subject, subject.call(parameters))
        gradients = weight_gradients(subject, parameters, again, create_graph=True)
        return _products(subject, parameters, gradients, {})


def _products(
    subject: Subject,
    parameters: Mapping[str, Tensor],
    gradients: Mapping[str, Tensor],
    scales: Mapping[str, Tensor],
) -> dict[str, float]:
    differentiable = [g for g in gradients.values() if g.requires_grad]
    products = dict.fromkeys(subject.nodes, 0.0)
    if not differentiable:  # a loss that is linear in the weights
        return products
    by = [*scales.values(), *(parameters[name] for name in subject.nodes)]
    found = differentiated(differentiable, by, [g.detach() for g in differentiable])
    for name, share in zip(scales, found[: len(scales)], strict=True):
        products[name] += 0.0 if share is None else float(share)
    for name, product in zip(subject.nodes, found[len(scales) :], strict=True):
        if product is not None:
            products[name] += float((parameters[name].detach().double() * product.double()).sum())
    return products
