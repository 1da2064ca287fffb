"""A small GPT."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional

CONTEXT = 128


class Block(nn.Module):
    """Causal attention and two layers, each after a norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width, bias=False)
        self.attention = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.before_mlp = nn.LayerNorm(width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[n, tokens, width]`` to the same."""
        n, t, width = x.shape
        q, k, v = (
            self.attention(self.before_attention(x))
            .view(n, t, 3, self.heads, width // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, t, width))
        return x + self.down(functional.gelu(self.up(self.before_mlp(x))))


class Gpt(nn.Module):
    """A GPT with tied embeddings; 1.3M parameters with a vocabulary of 4,096."""

    def __init__(self, vocabulary: int, width: int = 128, layers: int = 4, heads: int = 4) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(CONTEXT, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                shrink = (
                    math.sqrt(2 * layers) if name.endswith(("out.weight", "down.weight")) else 1
                )
                nn.init.normal_(parameter, std=0.02 / shrink)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits ``[n, tokens, vocabulary]``."""
        x = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        return self.norm(self.blocks(x)) @ self.tokens.weight.T
