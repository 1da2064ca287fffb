r"""Have a network's convolutions and batch normalisations differentiated twice at their real cost.

What is wanted of the second order is $\langle W_l, (Hg)_l \rangle$ for every weight. For a
convolution $y = B(x, W)$, bilinear, with $B_x$ its adjoint in $x$, the backward through the
backward brings cotangents $v$ of the gradient by $x$, $u = g_l$ of the gradient by $W$ and later
$a$ of $y$. They pass on

$$B(v, W) + B(x, u) \quad\text{to } \partial \mathcal L / \partial y, \qquad
  B_x(\partial \mathcal L / \partial y, u) + B_x(a, W) \quad\text{to } x$$

and the weight's share is $\langle \partial \mathcal L / \partial y, B(v, W) \rangle +
\langle x, B_x(a, W) \rangle$, inner products of what is there already. So the gradients by the
weights, a third of the work and in torch's form (convolutions with kernels as large as images) by
far the slowest, are not taken again. Nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from nasproxy.tracing.normalised import Normalised
from nasproxy.tracing.piecewise import piecewise_linear

__all__ = ["TwiceDifferentiable"]

_CONVOLUTIONS: Mapping[Callable[..., Any], int] = {
    torch.conv1d: 1,
    torch.conv2d: 2,
    torch.conv3d: 3,
}
_DEFAULTS = {"bias": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}
_PIECE = 2**16  # of an inner product, added up in the dtype of the tensors
_BATCH_NORM = ("running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
_BATCH_NORM_DEFAULTS = {"weight": None, "bias": None, "training": False, "momentum": 0.1}


class TwiceDifferentiable(TorchFunctionMode):
    """Replaces the convolutions by node weights, and the batch normalisations, that it sees.

    Values and first gradients stay the same to the last bit: they are by the same kernels.

    Attributes:
        weights: whether a backward takes the gradients by weights, as the first does.
        again: whether a backward is the one through the backward.
        scales: a factor 1 of each weight that is replaced somewhere, by node: the second gradient
            by it is what the replaced calls add to the weight's share.
    """

    def __init__(self, nodes: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.weights = False
        self.again = False
        self.scales: dict[str, Tensor] = {}
        self._names = {id(weight): name for name, weight in nodes.items()}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in _CONVOLUTIONS:
            found = self._convolved(_CONVOLUTIONS[func], *args, **kwargs)
        else:
            found = (
                _normalised(*args, **kwargs)
                if func is F.batch_norm
                else piecewise_linear(func, args, kwargs)
            )
        return func(*args, **kwargs) if found is None else found

    def _convolved(self, dimensions: int, *args: Any, **kwargs: Any) -> Tensor | None:
        """The convolution; None where it is not one by a node under a batch."""
        named = dict(zip(("input", "weight", *_DEFAULTS), args, strict=False)) | kwargs
        x, weight = named["input"], named["weight"]
        options = _DEFAULTS | {key: value for key, value in named.items() if key in _DEFAULTS}
        name = self._names.get(id(weight))
        bias = options["bias"]
        if name is None or x.ndim != dimensions + 2 or isinstance(options["padding"], str):
            return None
        if bias is not None and bias.requires_grad:
            return None
        if name not in self.scales:
            self.scales[name] = torch.ones((), dtype=torch.float64, device=x.device)
            self.scales[name].requires_grad_()
        stride, padding, dilation = (
            [value] * dimensions if isinstance(value, int) else list(value)
            for value in (options["stride"], options["padding"], options["dilation"])
        )
        more = (stride, padding, dilation, False, [0] * dimensions, options["groups"])
        found: Tensor = _Convolved.apply(x, weight, self.scales[name], bias, more, self)
        return found


class _Convolved(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        scale: Tensor,
        bias: Tensor | None,
        more: tuple[Any, ...],
        mode: TwiceDifferentiable,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, scale)
        ctx.more, ctx.mode = more, mode
        return torch.ops.aten.convolution(x, weight, bias, *more)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, weight, scale = ctx.saved_tensors
        wanted = ctx.needs_input_grad[0]
        if not ctx.mode.again:
            taken = ctx.mode.weights
            by_x, by_weight = _Backward.apply(gradient, x, weight, scale, wanted, taken, ctx.more)
            return by_x, by_weight, None, None, None, None
        if wanted:
            by_x, _ = _gradients(gradient, x, weight, True, False, ctx.more)
            return by_x, None, _inner(x, by_x), None, None, None
        _, by_weight = _gradients(gradient, x, weight, False, True, ctx.more)
        return None, None, _inner(weight, by_weight), None, None, None


class _Backward(torch.autograd.Function):
    """The gradients of a convolution by its input and its weight."""

    @staticmethod
    def forward(
        ctx: Any,
        gradient: Tensor,
        x: Tensor,
        weight: Tensor,
        scale: Tensor,
        by_x: bool,
        by_weight: bool,
        more: tuple[Any, ...],
    ) -> Any:
        ctx.save_for_backward(gradient, x, weight)
        ctx.more = more
        ctx.set_materialize_grads(False)
        return _gradients(gradient, x, weight, by_x, by_weight, more)

    @staticmethod
    def backward(ctx: Any, v: Tensor | None, u: Tensor | None) -> Any:
        gradient, x, weight = ctx.saved_tensors
        of_gradient = of_x = share = None
        with torch.no_grad():
            if v is not None:
                of_gradient = torch.ops.aten.convolution(v, weight, None, *ctx.more)
                share = _inner(gradient, of_gradient)
            if u is not None:
                by_u = torch.ops.aten.convolution(x, u, None, *ctx.more)
                of_gradient = by_u if of_gradient is None else of_gradient.add_(by_u)
                if ctx.needs_input_grad[1]:
                    of_x, _ = _gradients(gradient, x, u, True, False, ctx.more)
        return of_gradient, of_x, None, share, None, None, None


def _gradients(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    by_x: bool,
    by_weight: bool,
    more: tuple[Any, ...],
) -> tuple[Any, Any]:
    found = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, *more, [by_x, by_weight, False]
    )
    return found[0], found[1]


def _inner(one: Tensor, other: Tensor) -> Tensor:
    """The inner product of two tensors of one shape, added up in float64."""
    one, other = (t.movedim(1, -1).reshape(-1) for t in (one, other))
    if one.device.type != "cpu":
        return (one.double() * other.double()).sum()
    pieces = zip(one.split(_PIECE), other.split(_PIECE), strict=True)
    return torch.stack([torch.dot(a, b) for a, b in pieces]).sum(dtype=torch.float64)


def _normalised(x: Tensor, *args: Any, **kwargs: Any) -> Tensor | None:
    """The batch normalisation; None where it is not one of a batch on a CPU, by constants."""
    options = _BATCH_NORM_DEFAULTS | {"eps": 1e-5} | dict(zip(_BATCH_NORM, args, strict=False))
    options |= kwargs
    constants = [options[key] for key in ("weight", "bias", "running_mean", "running_var")]
    if not options["training"] or x.device.type != "cpu" or not x.requires_grad:
        return None
    if x.dtype not in (torch.float32, torch.float64) or x.ndim < 2:
        return None
    if x.numel() <= x.shape[1]:  # refused by torch, with a message of its own
        return None
    if any(c is not None and (c.requires_grad or c.dtype != x.dtype) for c in constants):
        return None
    found: Tensor = Normalised.apply(x, (*constants, options["momentum"], options["eps"]))
    return found
