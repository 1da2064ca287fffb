"""Which tokens of a batch are there, and which are padding."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError

__all__ = ["padding_of"]

_DECODER = "decoder_"
_MASK = "attention_mask"


def padding_of(batch: Batch) -> list[tuple[Tensor, Tensor]]:
    """Pairs of an input and which of its tokens are there, bool ``[n, t]``.

    ``attention_mask`` says it of the inputs of its shape, ``decoder_attention_mask`` of those whose
    names begin with ``decoder_``; without one all of them are there.

    Returns:
        The pairs; none where no token is padding.

    Raises:
        NasproxyError: a mask with padding does not say it token by token.
    """
    if not isinstance(batch.inputs, Mapping):
        return []
    masks = {
        start: _kept(batch.inputs[start + _MASK], start + _MASK)
        for start in ("", _DECODER)
        if start + _MASK in batch.inputs
    }
    if all(bool(mask.all()) for mask in masks.values()):
        return []
    pairs = []
    for name, tensor in batch.inputs.items():
        start = _DECODER if name.startswith(_DECODER) else ""
        if name.endswith(_MASK) or tensor.ndim < 2:
            continue
        kept = masks.get(start)
        if kept is None and start:
            kept = torch.ones(tensor.shape[:2], dtype=torch.bool, device=tensor.device)
        if kept is not None and tensor.shape[:2] == kept.shape:
            pairs.append((tensor, kept))
    return pairs


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
