"""A small decoder: rotary positions, RMS norms, gated layers, no bias."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int64
from torch import nn
from torch.nn import functional

from dataselect.weighting.proxies.gpt.shapes import HEAD, Shape

__all__ = ["Decoder", "initialise"]

_BASE = 10_000.0
_DEVIATION = 0.02


class Decoder(nn.Module):
    """A decoder whose embedding is also its output.

    Each layer adds causal attention and a gated layer, W₃(silu(W₁x) ∘ W₂x), to the stream, each
    read through an RMS norm. Queries and keys are turned by angles that grow with the position.

    Args:
        shape: width and layers.
        vocabulary: different tokens.
        context: the most tokens that it can be given.

    References: Su et al., "RoFormer", 2021, section 3.4; Zhang and Sennrich, "Root mean square
    layer normalization", NeurIPS 2019; Shazeer, "GLU variants improve transformer", 2020.
    """

    def __init__(self, shape: Shape, vocabulary: int, context: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, shape.width)
        self.layers = nn.ModuleList(_Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width)
        angles = torch.outer(
            torch.arange(context, dtype=torch.float64),
            _BASE ** (-torch.arange(0, HEAD, 2, dtype=torch.float64) / HEAD),
        )
        self.cosine: torch.Tensor
        self.sine: torch.Tensor
        self.register_buffer("cosine", angles.cos().float(), persistent=False)
        self.register_buffer("sine", angles.sin().float(), persistent=False)

    def forward(
        self, tokens: Int64[torch.Tensor, "n tokens"]
    ) -> Float[torch.Tensor, "n tokens vocabulary"]:
        """Logits of the token behind each."""
        length = tokens.shape[-1]
        cosine, sine = self.cosine[:length], self.sine[:length]
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, cosine, sine)
        logits: torch.Tensor = functional.linear(self.norm(x), self.embedding.weight)
        return logits


class _Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, hidden = shape.width, shape.hidden
        self.heads = width // HEAD
        self.before_attention = nn.RMSNorm(width)
        self.attention = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.before_gate = nn.RMSNorm(width)
        self.gate = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
        n, length, width = x.shape
        mixed = self.attention(self.before_attention(x))
        q, k, v = mixed.view(n, length, 3, self.heads, HEAD).permute(2, 0, 3, 1, 4)
        q, k = _turned(q, cosine, sine), _turned(k, cosine, sine)
        attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).reshape(n, length, width))
        gate, value = self.gate(self.before_gate(x)).chunk(2, dim=-1)
        down: torch.Tensor = self.down(functional.silu(gate) * value)
        return x + down


def _turned(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Each pair (first half, second half) turned by the angle of its position."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, first * sine + second * cosine), dim=-1)


@torch.no_grad()
def initialise(model: Decoder, seed: int) -> None:
    """Draw all weights: normal with deviation 0.02, less by 1/√(2 layers) where a layer ends.

    Drawn on the CPU in double precision from NumPy's generator: the same on every device.

    Reference: Radford et al., "Language models are unsupervised multitask learners", 2019,
    section 2.3.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2:
            continue
        ends = name.endswith(("out.weight", "down.weight"))
        deviation = _DEVIATION / (math.sqrt(2 * len(model.layers)) if ends else 1.0)
        drawn = rng.normal(0.0, deviation, size=tuple(parameter.shape))
        parameter.copy_(torch.from_numpy(drawn).to(parameter))
