"""How many activation units two samples agree on: bits packed and counted, not multiplied."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from jaxtyping import Float, Float64
from numba.core import types
from numba.extending import intrinsic
from torch import Tensor

from zerocost.compiled import compiled

__all__ = ["sample_rows", "sign_agreements"]


def sign_agreements(inputs: Tensor, samples: int) -> Float64[Tensor, "n n"] | None:
    r"""Of how many units two samples have the same side of zero, for every pair of samples.

    $$K_{ij} = \sum_u [x_{iu} > 0][x_{ju} > 0] + [x_{iu} \le 0][x_{ju} \le 0]
             = D - \mathrm{Hamming}(b_i, b_j)$$

    On a CPU the signs are packed 64 to a word and differing bits are counted, which takes a
    twentieth of the time of the matrix product; on an accelerator it is the matrix product, which
    stays there: to fetch it would wait for the device once an activation.

    Args:
        inputs: what goes into an activation function; samples first, or folded into the first
            dimension, or second (sequence first).
        samples: n, how many samples the batch holds.

    Returns:
        Counts 0 .. D, D the units per sample; NaN in the row and the column of a sample that
        holds a NaN; None where the tensor has no sample dimension.

    Complexity: O(n D) to pack, O(n^2 D / 64) to count.
    """
    rows = sample_rows(inputs.detach(), samples)
    if rows is None:
        return None
    if rows.device.type != "cpu":
        return _products_of_signs(rows)
    values = rows.float() if rows.dtype in (torch.bfloat16, torch.float16) else rows
    units = values.shape[1]
    words = np.empty((samples, -(-units // 64)), dtype=np.uint64)
    nans = np.empty(samples, dtype=np.int64)
    _pack_signs(values.numpy(), words, nans)
    agreements = np.empty((samples, samples), dtype=np.float64)
    _count_agreements(words, units, agreements)
    if nans.any():
        agreements[nans > 0, :] = np.nan
        agreements[:, nans > 0] = np.nan
    return torch.from_numpy(agreements)


def _products_of_signs(rows: Float[Tensor, "n d"]) -> Float64[Tensor, "n n"]:
    # Products of 0 and 1 are exact in any float; sums are exact up to 2^24 units.
    signs = (rows > 0).to(torch.float32 if rows.shape[1] < 2**24 else torch.float64)
    both, above = (signs @ signs.T).double(), signs.sum(dim=1).double()
    missing = torch.where(rows.isnan().any(dim=1), torch.nan, 0.0).double()
    once = above + missing
    return rows.shape[1] + 2 * both - once - once[:, None]


def sample_rows(tensor: Tensor, samples: int) -> Tensor | None:
    """One row a sample, without a copy where the memory allows it.

    The order of the units within a row is that of the memory, the same for every row.
    """
    if tensor.ndim == 0 or tensor.numel() == 0:
        return None
    if tensor.shape[0] != samples:
        folded = tensor.shape[0] % samples == 0
        # Four dimensions are windows or frames of images, whose channels may be as many as samples.
        if tensor.shape[1:2] == (samples,) and tensor.ndim > 2 and not (folded and tensor.ndim > 3):
            tensor = tensor.transpose(0, 1)
        elif not folded:
            return None
    elif tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last):
        tensor = tensor.permute(0, 2, 3, 1)
    return tensor.reshape(samples, -1)


@intrinsic
def _set_bits(_context: Any, word: Any) -> Any:
    """How many bits of a word are set: one machine instruction."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@compiled
def _pack_signs(values: Any, words: Any, missing: Any) -> None:
    samples, units = values.shape
    for sample in range(samples):
        nans = 0
        for word in range(words.shape[1]):
            first = word * 64
            bits = numba.uint64(0)
            for unit in range(min(64, units - first)):
                value = values[sample, first + unit]
                bits |= numba.uint64(value > 0) << numba.uint64(unit)
                nans += value != value  # noqa: PLR0124 (only a NaN differs from itself)
            words[sample, word] = bits
        missing[sample] = nans


@compiled
def _count_agreements(words: Any, units: int, agreements: Any) -> None:
    samples = words.shape[0]
    for i in range(samples):
        agreements[i, i] = units
        for j in range(i):
            differing = numba.uint64(0)
            for word in range(words.shape[1]):
                differing += _set_bits(words[i, word] ^ words[j, word])  # type: ignore[call-arg]
            agreements[i, j] = units - numba.int64(differing)
            agreements[j, i] = agreements[i, j]
