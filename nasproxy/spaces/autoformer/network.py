"""The vision transformer of an architecture: patches, blocks with attention first, mean token."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from nasproxy.spaces.autoformer.architecture import Block, Transformer
from nasproxy.spaces.bare import bare_linear
from nasproxy.spaces.draws import NormalDraws, initialise_normal

__all__ = ["VisionTransformer", "build"]

_HEAD = 64
_PATCH = 16


def build(
    architecture: Transformer,
    draws: NormalDraws,
    *,
    seed: int,
    side: int,
    classes: int,
    in_channels: int,
) -> VisionTransformer:
    """The network, its parameters drawn by their names.

    Args:
        architecture: the architecture.
        draws: of the weights and positions, normal with standard deviation .02.
        seed: any integer.
        side: of the square images, a multiple of 16.
        classes: how many logits.
        in_channels: channels of an image.

    Returns:
        The network in training mode, float32, on the CPU.
    """
    network = VisionTransformer(architecture, side=side, classes=classes, in_channels=in_channels)
    initialise_normal(network, draws, seed)
    for name in ("token", "positions"):
        shape = tuple(getattr(network, name).shape)
        setattr(network, name, nn.Parameter(draws(seed, name, shape)))
    return network


class VisionTransformer(nn.Module):
    """Images to logits; made by ``build`` (layers made here hold no numbers yet).

    As AutoFormer trains them, with 64 channels a head whatever the embedding, so that attention is
    64 x heads wide, and the mean of the patches classified. Its tables of relative positions, less
    than 1 % of the parameters, are left out.

    Reference: Chen, Peng, Fu and Ling, AutoFormer, ICCV 2021.
    """

    def __init__(
        self, architecture: Transformer, *, side: int, classes: int, in_channels: int
    ) -> None:
        super().__init__()
        width = architecture.embedding
        # A linear layer on cut patches: the convolution of a ViT's stem, in the form that holds no
        # numbers until they are drawn.
        self.patches = bare_linear(in_channels * _PATCH**2, width)
        self.token = nn.Parameter(torch.empty(1, 1, width, device="meta"))
        self.positions = nn.Parameter(
            torch.empty(1, (side // _PATCH) ** 2 + 1, width, device="meta")
        )
        self.layers = nn.ModuleList(Layer(block, width) for block in architecture.layers)
        self.norm = nn.LayerNorm(width)
        self.classifier = bare_linear(width, classes)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """The logits of a batch of float images ``[n, in_channels, side, side]``."""
        cut = functional.unfold(images, _PATCH, stride=_PATCH).transpose(1, 2)
        x = self.patches(cut)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.positions
        for layer in self.layers:
            x = layer(x)
        logits: Tensor = self.classifier(self.norm(x)[:, 1:].mean(dim=1))
        return logits


class Layer(nn.Module):
    """Attention and MLP, each behind a norm and beside an identity."""

    def __init__(self, block: Block, width: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(block.heads, width)
        self.mlp_norm = nn.LayerNorm(width)
        hidden = int(width * float(block.ratio))
        self.dense_in = bare_linear(width, hidden)
        self.activation = nn.GELU()
        self.dense_out = bare_linear(hidden, width)

    def forward(self, x: Float[Tensor, "n t d"]) -> Float[Tensor, "n t d"]:
        """Tokens of the same shape."""
        x = x + self.attention(self.attention_norm(x))
        mixed: Tensor = x + self.dense_out(self.activation(self.dense_in(self.mlp_norm(x))))
        return mixed


class Attention(nn.Module):
    """Scaled dot product attention of heads with 64 channels each."""

    def __init__(self, heads: int, width: int) -> None:
        super().__init__()
        self._heads = heads
        self.query = bare_linear(width, _HEAD * heads)
        self.key = bare_linear(width, _HEAD * heads)
        self.value = bare_linear(width, _HEAD * heads)
        self.dense = bare_linear(_HEAD * heads, width)

    def forward(self, x: Float[Tensor, "n t d"]) -> Float[Tensor, "n t d"]:
        """Tokens of the same shape."""
        q, k, v = (self._split(layer(x)) for layer in (self.query, self.key, self.value))
        weights = torch.softmax(q @ k.transpose(-1, -2) * _HEAD**-0.5, dim=-1)
        found: Tensor = self.dense((weights @ v).transpose(1, 2).flatten(2))
        return found

    def _split(self, x: Float[Tensor, "n t w"]) -> Float[Tensor, "n heads t c"]:
        n, tokens, _ = x.shape
        return x.view(n, tokens, self._heads, _HEAD).transpose(1, 2)
