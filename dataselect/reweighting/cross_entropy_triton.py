"""Cross entropy a position in one reading of the logits, on CUDA devices.

PyTorch's own way makes a float32 copy of half-precision logits and goes over it five times. Here
the logarithm of the partition sum is kept with a running maximum, so that forward reads the logits
once, and backward reads them once more and writes their gradient.
"""

from __future__ import annotations

from typing import no_type_check

import torch
import triton
import triton.language as tl
from jaxtyping import Bool, Float, Float32, Int64

__all__ = ["gradient_of_logits", "losses_and_partitions"]

_BLOCK = 4096
_WARPS = 8


def losses_and_partitions(
    logits: Float[torch.Tensor, "n tokens vocabulary"],
    labels: Int64[torch.Tensor, "n tokens"],
    counted: Bool[torch.Tensor, "n tokens"],
) -> tuple[Float32[torch.Tensor, "n tokens"], Float32[torch.Tensor, "n tokens"]]:
    """Cross entropies, 0 where nothing counts, and the logarithms of the partition sums.

    Args:
        logits: at most float32, the vocabulary contiguous.
        labels: within the vocabulary.
        counted: which positions count.
    """
    n, tokens, vocabulary = logits.shape
    losses = torch.zeros(labels.shape, dtype=torch.float32, device=logits.device)
    partitions = torch.zeros_like(losses)
    with torch.cuda.device(logits.device):
        _forward[(n * tokens,)](
            logits, labels.contiguous(), counted.contiguous(), losses, partitions,
            logits.stride(0), logits.stride(1), tokens, vocabulary,
            BLOCK=_BLOCK, num_warps=_WARPS,
        )  # fmt: skip
    return losses, partitions


def gradient_of_logits(
    logits: Float[torch.Tensor, "n tokens vocabulary"],
    labels: Int64[torch.Tensor, "n tokens"],
    partitions: Float32[torch.Tensor, "n tokens"],
    scale: Float32[torch.Tensor, "n tokens"],
) -> Float[torch.Tensor, "n tokens vocabulary"]:
    """``scale (softmax(logits) - onehot(labels))``, and exactly 0 where the scale is 0."""
    n, tokens, vocabulary = logits.shape
    made = torch.empty(logits.shape, dtype=logits.dtype, device=logits.device)
    with torch.cuda.device(logits.device):
        _backward[(n * tokens,)](
            logits, labels.contiguous(), partitions, scale.contiguous(), made,
            logits.stride(0), logits.stride(1), tokens, vocabulary,
            BLOCK=_BLOCK, num_warps=_WARPS,
        )  # fmt: skip
    return made


@triton.jit
@no_type_check  # compiled from its source: nothing may be wrapped around it
def _forward(
    logits, labels, counted, losses, partitions, of_sample, of_token, tokens, vocabulary,
    BLOCK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    if tl.load(counted + row):
        start = logits + (row // tokens) * of_sample + (row % tokens) * of_token
        most = -float("inf")
        total = 0.0
        for at in range(0, vocabulary, BLOCK):
            column = at + tl.arange(0, BLOCK)
            z = tl.load(start + column, mask=column < vocabulary, other=-float("inf"))
            z = z.to(tl.float32)
            higher = tl.maximum(most, tl.max(z, axis=0))
            # Of logits that are all -inf so far the sum is 0, not exp(-inf + inf).
            shift = tl.where(higher == -float("inf"), 0.0, higher)
            total = total * tl.exp(most - shift) + tl.sum(tl.exp(z - shift), axis=0)
            most = higher
        partition = tl.log(total) + most
        chosen = tl.load(start + tl.load(labels + row)).to(tl.float32)
        tl.store(losses + row, partition - chosen)
        tl.store(partitions + row, partition)


@triton.jit
@no_type_check  # compiled from its source: nothing may be wrapped around it
def _backward(
    logits, labels, partitions, scale, made, of_sample, of_token, tokens, vocabulary,
    BLOCK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    start = logits + (row // tokens) * of_sample + (row % tokens) * of_token
    target = made + row * vocabulary
    weight = tl.load(scale + row)
    if weight == 0.0:
        for at in range(0, vocabulary, BLOCK):
            column = at + tl.arange(0, BLOCK)
            nothing = tl.zeros([BLOCK], dtype=made.dtype.element_ty)
            tl.store(target + column, nothing, mask=column < vocabulary)
    else:
        partition = tl.load(partitions + row)
        label = tl.load(labels + row)
        for at in range(0, vocabulary, BLOCK):
            column = at + tl.arange(0, BLOCK)
            z = tl.load(start + column, mask=column < vocabulary, other=-float("inf"))
            p = tl.exp(z.to(tl.float32) - partition) - tl.where(column == label, 1.0, 0.0)
            made_here = (weight * p).to(made.dtype.element_ty)
            tl.store(target + column, made_here, mask=column < vocabulary)
