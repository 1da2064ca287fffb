"""The attention probabilities of a network, of fused attention and of a plain softmax."""

from __future__ import annotations

import math
from collections.abc import Callable
from inspect import signature
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

__all__ = ["AttentionProbabilities", "attention_probabilities"]


def attention_probabilities(
    query: Float[Tensor, "*n t d"],
    key: Float[Tensor, "*m s d"],
    _value: Tensor | None = None,
    attn_mask: Bool[Tensor, "*#n t s"] | Float[Tensor, "*#n t s"] | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Float[Tensor, "*n t s"]:
    """What ``scaled_dot_product_attention`` weighs the values by, before dropout.

    Arguments are those of that function, in its order. A query to which every key is masked
    weighs them all by zero, as there.
    """
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = query @ key.transpose(-1, -2) * factor
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None:
        blocked = attn_mask.dtype == torch.bool
        scores = scores.masked_fill(~attn_mask, -math.inf) if blocked else scores + attn_mask
    largest = scores.amax(dim=-1, keepdim=True)
    # Not softmax by name, which is what is looked for.
    weights = (scores - largest.masked_fill(largest == -math.inf, 0)).exp()
    return weights / weights.sum(dim=-1, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)


class AttentionProbabilities(TorchFunctionMode):
    """Hands attention probabilities to an observer.

    Args:
        observe: called with what makes them, ``[n, heads, t, t]``.
    """

    def __init__(self, observe: Callable[[Callable[[], Tensor]], None]) -> None:
        super().__init__()
        self._observe = observe

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        out = func(*args, **given)
        name = getattr(func, "__name__", "")
        if name == "scaled_dot_product_attention":
            if "value" in given:
                given["_value"] = given.pop("value")
            self._observe(lambda: attention_probabilities(*args, **given))
        elif name == "multi_head_attention_forward":
            bound = signature(F.multi_head_attention_forward).bind(*args, **given).arguments
            self._observe(lambda: _of_torchs_own(**bound))
        elif name == "softmax" and isinstance(out, Tensor) and out.ndim == 4:
            self._observe(lambda: out)
        return out


def _of_torchs_own(
    *,
    query: Tensor,
    key: Tensor,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    key_padding_mask: Tensor | None = None,
    attn_mask: Tensor | None = None,
    **more: Any,
) -> Tensor:
    """The probabilities of ``multi_head_attention_forward``, which makes them out of sight."""
    weights = (
        (more["q_proj_weight"], more["k_proj_weight"])
        if in_proj_weight is None
        else in_proj_weight.chunk(3)[:2]
    )
    biases = (None, None) if in_proj_bias is None else in_proj_bias.chunk(3)[:2]
    queries, keys = (
        projected.view(*projected.shape[:-1], num_heads, -1).permute(1, 2, 0, 3)
        for projected in (
            F.linear(x, weight, bias)
            for x, weight, bias in zip((query, key), weights, biases, strict=True)
        )
    )
    if attn_mask is not None and attn_mask.ndim == 3:
        attn_mask = attn_mask.view(-1, num_heads, *attn_mask.shape[1:])
    total: Tensor | None = None
    padding = None if key_padding_mask is None else key_padding_mask[:, None, None]
    for mask in (padding, attn_mask):
        if mask is not None:
            # Here True is what is blocked.
            blocked = mask.dtype == torch.bool
            added = query.new_zeros(mask.shape).masked_fill(mask, -math.inf) if blocked else mask
            total = added if total is None else total + added
    return attention_probabilities(queries, keys, attn_mask=total)
