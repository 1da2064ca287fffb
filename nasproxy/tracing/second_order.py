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
from dataclasses import dataclass
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
        self._after: dict[Any, bool] = {}

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

    def __exit__(self, *exception: Any) -> None:
        # Steps of the graph lead to calls, and calls to this: kept, none would ever be freed.
        self._after.clear()
        super().__exit__(*exception)  # type: ignore[no-untyped-call]

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
        call = _Call(more, self, self._after_a_node(x))
        found: Tensor = _Convolved.apply(x, weight, self.scales[name], bias, call)  # type: ignore[no-untyped-call]
        return found

    def _after_a_node(self, x: Tensor) -> bool:
        """Whether a tensor depends on a node's weight; on an input it may, if asked, as well."""
        waiting = [x.grad_fn]
        while waiting:
            step = waiting[-1]
            if step is None or step in self._after:
                waiting.pop()
                continue
            before = [fn for fn, _ in step.next_functions if fn is not None]
            unknown = [fn for fn in before if fn not in self._after]
            if unknown:
                waiting += unknown
                continue
            leaf = getattr(step, "variable", None)
            self._after[step] = id(leaf) in self._names or any(self._after[fn] for fn in before)
            waiting.pop()
        return x.grad_fn is not None and self._after[x.grad_fn]


@dataclass(frozen=True)
class _Call:
    """One convolution: its options, and whether its input depends on a node."""

    options: tuple[Any, ...]
    mode: TwiceDifferentiable
    after_a_node: bool


class _Convolved(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 every tensor is an argument
        ctx: Any, x: Tensor, weight: Tensor, scale: Tensor, bias: Tensor | None, call: _Call
    ) -> Tensor:
        ctx.save_for_backward(x, weight, scale)
        ctx.call = call
        found: Tensor = torch.ops.aten.convolution(x, weight, bias, *call.options)
        return found

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, weight, scale = ctx.saved_tensors
        mode, options = ctx.call.mode, ctx.call.options
        if not mode.again:
            wanted = (ctx.needs_input_grad[0], mode.weights)
            by_x, by_weight = _Backward.apply(gradient, x, weight, scale, (wanted, options))  # type: ignore[no-untyped-call]
            return by_x, by_weight, None, None, None
        if ctx.call.after_a_node:
            by_x, _ = _gradients(gradient, x, weight, (True, False), options)
            return by_x, None, _inner(x, by_x), None, None
        _, by_weight = _gradients(gradient, x, weight, (False, True), options)
        return None, None, _inner(weight, by_weight), None, None


class _Backward(torch.autograd.Function):
    """The gradients of a convolution by its input and its weight."""

    @staticmethod
    def forward(  # noqa: PLR0917 every tensor is an argument
        ctx: Any, gradient: Tensor, x: Tensor, weight: Tensor, scale: Tensor, more: Any
    ) -> Any:
        ctx.save_for_backward(gradient, x, weight)
        wanted, ctx.options = more
        ctx.set_materialize_grads(False)
        return _gradients(gradient, x, weight, wanted, ctx.options)

    @staticmethod
    def backward(ctx: Any, v: Tensor | None, u: Tensor | None) -> Any:
        gradient, x, weight = ctx.saved_tensors
        of_gradient = of_x = share = None
        with torch.no_grad():
            if v is not None:
                of_gradient = torch.ops.aten.convolution(v, weight, None, *ctx.options)
                share = _inner(gradient, of_gradient)
            if u is not None:
                by_u = torch.ops.aten.convolution(x, u, None, *ctx.options)
                of_gradient = by_u if of_gradient is None else of_gradient.add_(by_u)
                if ctx.needs_input_grad[1]:
                    of_x, _ = _gradients(gradient, x, u, (True, False), ctx.options)
        return of_gradient, of_x, None, share, None


def _gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, wanted: tuple[bool, bool], options: Any
) -> tuple[Any, Any]:
    found = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, *options, [*wanted, False]
    )
    return found[0], found[1]


def _inner(one: Tensor, other: Tensor) -> Tensor:
    """The inner product of two tensors of one shape, added up in float64."""
    one, other = (t.movedim(1, -1).reshape(-1) for t in (one, other))
    if one.device.type != "cpu":
        return (one.double() * other.double()).sum()
    pieces = zip(one.split(_PIECE), other.split(_PIECE), strict=True)  # type: ignore[no-untyped-call]
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
    found: Tensor = Normalised.apply(x, (*constants, options["momentum"], options["eps"]))  # type: ignore[no-untyped-call]
    return found
