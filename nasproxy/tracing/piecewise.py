"""Operations that are linear in pieces: rectifying and average pooling.

Their second derivative by their input is zero. torch makes tensors of these zeros, in another
memory format than the rest where it pools, and adds them up; here there is nothing to add.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["piecewise_linear"]

_RECTIFIERS = frozenset({F.relu, torch.relu, Tensor.relu})
_POOLING = {
    "stride": None,
    "padding": 0,
    "ceil_mode": False,
    "count_include_pad": True,
    "divisor_override": None,
}


def piecewise_linear(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """The call of a function of torch with the same values and gradients; None for another one."""
    if func in _RECTIFIERS:
        named = dict(zip(("input", "inplace"), args, strict=False)) | kwargs
        x = named.get("input")
        if not named.get("inplace", False) and isinstance(x, Tensor) and x.requires_grad:
            rectified: Tensor = _Rectified.apply(x)  # type: ignore[no-untyped-call]
            return rectified
    elif func is F.avg_pool2d:
        named = dict(zip(("input", "kernel_size", *_POOLING), args, strict=False)) | kwargs
        named = _POOLING | named
        x, size = named["input"], _pair(named["kernel_size"])
        if not isinstance(x, Tensor) or x.ndim != 4 or not x.requires_grad:
            return None
        stride = size if named["stride"] is None else _pair(named["stride"])
        more = (size, stride, _pair(named["padding"]), *(named[key] for key in list(_POOLING)[2:]))
        pooled: Tensor = _Pooled.apply(x, more)  # type: ignore[no-untyped-call]
        return pooled
    return None


def _pair(value: Any) -> list[int]:
    values = [value] if isinstance(value, int) else list(value)
    return values * 2 if len(values) == 1 else values


class _Rectified(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.relu(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return _Passed.apply(gradient, *ctx.saved_tensors)  # type: ignore[no-untyped-call]


class _Passed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradient: Tensor, y: Tensor) -> Any:
        ctx.y = y.detach()
        return torch.ops.aten.threshold_backward(gradient, y, 0)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> Any:
        return torch.ops.aten.threshold_backward(cotangent, ctx.y, 0), None


class _Pooled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, more: tuple[Any, ...]) -> Any:
        ctx.save_for_backward(x)
        ctx.more = more
        return torch.ops.aten.avg_pool2d(x, *more)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return _Spread.apply(gradient, ctx.saved_tensors[0].detach(), ctx.more), None  # type: ignore[no-untyped-call]


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradient: Tensor, x: Tensor, more: tuple[Any, ...]) -> Any:
        ctx.more = more
        return torch.ops.aten.avg_pool2d_backward(gradient, x, *more)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> Any:
        return torch.ops.aten.avg_pool2d(cotangent, *ctx.more), None, None
