"""All of a network in float64, also where it asks for another precision by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["Wide"]

_NARROWER = frozenset({torch.float32, torch.float16, torch.bfloat16})


class Wide(TorchFunctionMode):
    """Within, floating-point tensors are float64.

    Routers and rotary positions are computed in float32 whatever the network is in; their products
    with float64 would fail, or overflow earlier.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = {key: _widened(value) for key, value in (kwargs or {}).items()}
        if getattr(func, "__name__", "") in ("grouped_mm", "_grouped_mm"):
            func = _grouped
        if func in (Tensor.float, Tensor.half, Tensor.bfloat16):
            func = Tensor.double
        out = func(*(_widened(value) for value in args), **named)
        if isinstance(out, Tensor) and out.dtype in _NARROWER:
            return out.double()
        return out


def _grouped(rows: Tensor, matrices: Tensor, offs: Tensor, **_: Any) -> Tensor:
    """Rows sorted by matrix, those of matrix e up to ``offs[e]``: torch has it up to float32."""
    ends = offs.tolist()
    lots = [rows[i:j] @ w for i, j, w in zip([0, *ends], ends, matrices, strict=False)]
    rest = rows.new_zeros(len(rows) - ends[-1], matrices.shape[-1])
    return torch.cat([*lots, rest])


def _widened(value: Any) -> Any:
    return torch.float64 if isinstance(value, torch.dtype) and value in _NARROWER else value
