"""The operations between tokens, each ``[n, t, hidden]`` to the same.

Attention and the dynamic convolution end in a linear layer, a residual connection and a layer
normalisation; the transforms do not, as in the authors' PyTorch code.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from nasproxy.spaces.bare import bare_conv1d, bare_linear

__all__ = ["Attention", "DynamicConvolution", "Output", "Transform", "operation_of"]

_DROPOUT = 0.1
_EPSILON = 1e-12


def operation_of(name: str, hidden: int, heads: int) -> nn.Module:
    """The module of an operation; its linear layers hold no numbers yet."""
    if name in ("sdp", "wma"):
        return Attention(hidden, heads, weighted=name == "wma")
    if name in ("dft", "dct"):
        return Transform(hidden, heads, cosine=name == "dct")
    return DynamicConvolution(hidden, heads, kernel=int(name.removeprefix("dsc")))


class Output(nn.Module):
    """A linear layer, dropout, the residual connection and its normalisation."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.dense = bare_linear(inputs, hidden)
        self.dropout = nn.Dropout(_DROPOUT)
        self.norm = nn.LayerNorm(hidden, eps=_EPSILON)

    def forward(
        self, x: Float[Tensor, "n t inputs"], residual: Float[Tensor, "n t hidden"]
    ) -> Float[Tensor, "n t hidden"]:
        """The normalised sum."""
        summed: Tensor = self.norm(self.dropout(self.dense(x)) + residual)
        return summed


def _split(x: Tensor, heads: int) -> Tensor:
    """``[n, t, heads * size]`` to ``[n, heads, t, size]``."""
    return x.view(*x.shape[:-1], heads, x.shape[-1] // heads).transpose(1, 2)


def _joined(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)


def _attended(
    module: Attention | DynamicConvolution,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
) -> Tensor:
    """The values that each head's queries find, side by side."""
    found = F.scaled_dot_product_attention(
        _split(query, module.heads),
        _split(key, module.heads),
        _split(value, module.heads),
        attn_mask=mask,
        dropout_p=_DROPOUT if module.training else 0.0,
    )
    return _joined(found)


class Attention(nn.Module):
    """Self-attention by scaled dot products; ``weighted`` puts one more matrix on the queries."""

    def __init__(self, hidden: int, heads: int, *, weighted: bool) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (bare_linear(hidden, hidden) for _ in range(3))
        self.weight = bare_linear(hidden, hidden, bias=False) if weighted else None
        self.output = Output(hidden, hidden)

    def forward(
        self, x: Float[Tensor, "n t hidden"], mask: Bool[Tensor, "n 1 1 t"] | None
    ) -> Float[Tensor, "n t hidden"]:
        """Attention over the tokens that the mask keeps."""
        query = self.query(x)
        if self.weight is not None:
            query = self.weight(query)
        context = _attended(self, query, self.key(x), self.value(x), mask)
        found: Tensor = self.output(context, x)
        return found


class Transform(nn.Module):
    """A linear layer, then a Fourier or cosine transform over tokens and features of each head."""

    def __init__(self, hidden: int, heads: int, *, cosine: bool) -> None:
        super().__init__()
        self.heads, self.cosine = heads, cosine
        self.input = bare_linear(hidden, hidden)

    def forward(
        self, x: Float[Tensor, "n t hidden"], _mask: Tensor | None
    ) -> Float[Tensor, "n t hidden"]:
        """The real part of the transform, not normalised."""
        split = _split(self.input(x), self.heads)
        if not self.cosine:
            return _joined(torch.fft.fft2(split).real)
        over_tokens = _cosines(split.shape[-2], split)
        over_features = _cosines(split.shape[-1], split)
        return _joined(over_tokens @ split @ over_features.T)


def _cosines(n: int, like: Tensor) -> Float[Tensor, "n n"]:
    r"""The matrix of the DCT-II: $2 \cos(\pi (2 j + 1) k / 2 n)$ in row k, column j."""
    steps = torch.arange(n, device=like.device, dtype=torch.float64)
    cosines = 2 * torch.cos(math.pi / (2 * n) * steps[:, None] * (2 * steps + 1))
    return cosines.to(like.dtype)


class DynamicConvolution(nn.Module):
    """Half the features by attention, half by a convolution whose kernel depends on the span.

    Reference: Jiang et al., ConvBERT, NeurIPS 2020, section 4.
    """

    def __init__(self, hidden: int, heads: int, *, kernel: int) -> None:
        super().__init__()
        half = hidden // 2
        self.heads, self.kernel = max(1, heads // 2), kernel
        self.query, self.key, self.value, self.span = (bare_linear(hidden, half) for _ in range(4))
        self.depthwise = bare_conv1d(
            hidden, hidden, kernel, padding=kernel // 2, groups=hidden, bias=False
        )
        self.pointwise = bare_conv1d(hidden, half, 1)
        self.kernels = bare_linear(half, self.heads * kernel)
        self.output = Output(hidden, hidden)

    def forward(
        self, x: Float[Tensor, "n t hidden"], mask: Bool[Tensor, "n 1 1 t"] | None
    ) -> Float[Tensor, "n t hidden"]:
        """Attention and convolution side by side."""
        query = self.query(x)
        separable = self.pointwise(self.depthwise(x.transpose(1, 2))).transpose(1, 2)
        kernels = self.kernels(separable * query)
        kernels = torch.softmax(kernels.view(*x.shape[:-1], self.heads, self.kernel), dim=-1)
        padded = F.pad(self.span(x), (0, 0, self.kernel // 2, self.kernel // 2))
        windows = padded.unfold(1, self.kernel, 1)  # [n, t, half, kernel]
        size = windows.shape[2] // self.heads
        windows = windows.reshape(*x.shape[:-1], self.heads, size, self.kernel)
        convolved = (windows * kernels[:, :, :, None]).sum(-1).flatten(2)
        context = _attended(self, query, self.key(x), self.value(x), mask)
        found: Tensor = self.output(torch.cat([context, convolved], dim=-1), x)
        return found
