"""Which tokens of a batch are there, and which are padding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError

__all__ = ["padding_of"]

_DECODER = "decoder_"
_MASK = "attention_mask"


def padding_of(batch: Batch, forward: Callable[..., Any]) -> list[tuple[Tensor, Tensor]]:
    """Pairs of an input and which of its tokens are there, bool ``[n, t]``.

    ``attention_mask`` says it of the inputs of its shape, ``decoder_attention_mask`` of those whose
    names begin with ``decoder_``; without one all of them are there.

    Args:
        batch: with its inputs by name, or in the order of the network's arguments.
        forward: the network's, which says what positional inputs are called.

    Returns:
        The pairs; none where no token is padding.

    Raises:
        NasproxyError: a mask with padding does not say it token by token.
    """
    inputs = _named(batch, forward)
    masks = {
        start: _kept(inputs[start + _MASK], start + _MASK)
        for start in ("", _DECODER)
        if start + _MASK in inputs
    }
    if all(bool(mask.all()) for mask in masks.values()):
        return []
    pairs = []
    for name, tensor in inputs.items():
        start = _DECODER if name.startswith(_DECODER) else ""
        if name.endswith(_MASK) or tensor.ndim < 2:
            continue
        kept = masks.get(start)
        if kept is None and start:
            kept = torch.ones(tensor.shape[:2], dtype=torch.bool, device=tensor.device)
        if kept is not None and tensor.shape[:2] == kept.shape:
            pairs.append((tensor, kept))
    return pairs


def _named(batch: Batch, forward: Callable[..., Any]) -> Mapping[str, Tensor]:
    if isinstance(batch.inputs, Mapping):
        return batch.inputs
    try:
        bound = signature(forward).bind(*batch.tensors).arguments
    except (TypeError, ValueError):  # calling the network says it better, or it has no signature
        return {}
    return {name: value for name, value in bound.items() if isinstance(value, Tensor)}


def _kept(mask: Tensor, name: str) -> Tensor:
    if bool((mask == 1).all()):  # whatever its shape
        return mask == 1
    if mask.ndim != 2 or not bool(((mask == 0) | (mask == 1)).all()):
        raise NasproxyError(
            f"{name} {list(mask.shape)} does not say which tokens are there",
            accepted="[n, t] of 0 and 1, 1 where a token is",
            hint="vpca(masked=False) counts padding too",
        )
    return mask == 1
