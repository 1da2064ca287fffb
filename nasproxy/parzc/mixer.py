"""MABN, the mixer with Bayesian layers that makes one number of a network's node values.

::

    x [b, in] -> Linear(in, L p) -> L segments of p -> BayesianLinear(p, d) -> depth x block
              -> LayerNorm -> mean over segments -> BayesianLinear(d, d) -> Linear(d, d / 2)
              -> Linear(d / 2, 1)

A block is two residual steps with a LayerNorm before each. With ``mix_segments`` the first mixes
the segments of every channel and the second the channels of every segment, as the paper says;
without, both act on the channels, as in the code of its authors.

Reference: Dong et al., ParZC, AAAI 2025, section 3.2; the blocks are those of Tolstikhin et al.,
MLP-Mixer, NeurIPS 2021.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from nasproxy.errors import NasproxyError
from nasproxy.parzc.bayesian import BayesianLinear

__all__ = ["Mixer", "Shape", "dropped"]


@dataclass(frozen=True)
class Shape:
    """The sizes of the mixer.

    Attributes:
        segments: L, how many segments the projected input is cut into.
        width: p, numbers in a segment.
        channels: d, channels of a segment after the first Bayesian layer; even.
        depth: how many blocks.
        mix_segments: whether a block mixes segments too.
        bayesian: whether the layers that can be are Bayesian, or plain.
        dropout: share of the numbers inside a step that are dropped while training, below 1.

    Raises:
        NasproxyError: a size that is not positive, odd channels, or a dropout out of range.
    """

    segments: int = 16
    width: int = 16
    channels: int = 512
    depth: int = 4
    mix_segments: bool = True
    bayesian: bool = True
    dropout: float = 0.1

    def __post_init__(self) -> None:
        sizes = (self.segments, self.width, self.channels)
        if min(sizes) < 1 or self.depth < 0 or self.channels % 2:
            raise NasproxyError(
                f"segments, width, channels {sizes} and depth {self.depth} of a mixer",
                accepted="positive sizes, an even number of channels, a depth of 0 or more",
            )
        if not 0 <= self.dropout < 1:
            raise NasproxyError(f"dropout = {self.dropout:g}", accepted="0 or more and below 1")


class Mixer(nn.Module):
    """One number for each row of inputs.

    Args:
        inputs: numbers in a row.
        shape: the sizes.
        generator: draws the first weights.
    """

    def __init__(self, inputs: int, shape: Shape, *, generator: torch.Generator) -> None:
        super().__init__()
        self.shape = shape
        d, half = shape.channels, shape.channels // 2
        self.project = _linear(inputs, shape.segments * shape.width, generator)
        self.embed = BayesianLinear(shape.width, d, generator=generator)
        self.blocks = nn.ModuleList(_Block(shape, generator) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(d)
        self.head = BayesianLinear(d, d, generator=generator)
        self.narrow = _linear(d, half, generator, bias=False)
        self.out = _linear(half, 1, generator, bias=False)

    def forward(
        self,
        x: Float[Tensor, "b inputs"],
        *,
        weights: torch.Generator | None = None,
        drops: torch.Generator | None = None,
    ) -> Float[Tensor, " b"]:
        """The predictions of a batch.

        Args:
            x: ``[b, inputs]``, scaled to about unit size.
            weights: draws the Bayesian weights; at their mean for None.
            drops: draws what is dropped; nothing for None.
        """
        return self.of_segments(self.segments(x), weights=weights, drops=drops)

    def segments(self, x: Float[Tensor, "b inputs"]) -> Float[Tensor, "b l p"]:
        """The part of a pass before the first Bayesian layer, which no draw changes."""
        projected: Tensor = self.project(x)
        return projected.reshape(len(x), self.shape.segments, self.shape.width)

    def of_segments(
        self,
        segments: Float[Tensor, "b l p"],
        *,
        weights: torch.Generator | None = None,
        drops: torch.Generator | None = None,
    ) -> Float[Tensor, " b"]:
        """The rest of the pass; arguments as in ``forward``."""
        noise = weights if self.shape.bayesian else None
        y = self.embed(segments, noise)
        for block in self.blocks:
            y = block(y, drops)
        y = self.head(self.norm(y).mean(dim=1), noise)
        y = dropped(self.narrow(y), self.shape.dropout, drops)
        found: Tensor = self.out(y).squeeze(1)
        return found


class _Block(nn.Module):
    def __init__(self, shape: Shape, generator: torch.Generator) -> None:
        super().__init__()
        d = shape.channels
        self.mix_segments = shape.mix_segments
        self.first = _Step(shape.segments if shape.mix_segments else d, 4.0, shape, generator)
        self.second = _Step(d, 0.5, shape, generator)
        self.first_norm = nn.LayerNorm(d)
        self.second_norm = nn.LayerNorm(d)

    def forward(
        self, y: Float[Tensor, "b l d"], drops: torch.Generator | None
    ) -> Float[Tensor, "b l d"]:
        z = self.first_norm(y)
        y = y + (self.first(z.mT, drops).mT if self.mix_segments else self.first(z, drops))
        mixed: Tensor = y + self.second(self.second_norm(y), drops)
        return mixed


class _Step(nn.Module):
    """Two layers with a GELU between; ``factor`` times as wide inside."""

    def __init__(self, size: int, factor: float, shape: Shape, generator: torch.Generator) -> None:
        super().__init__()
        inside = max(1, int(size * factor))
        self.dropout = shape.dropout
        self.widen = _linear(size, inside, generator)
        self.back = _linear(inside, size, generator)

    def forward(
        self, z: Float[Tensor, "*batch size"], drops: torch.Generator | None
    ) -> Float[Tensor, "*batch size"]:
        inside = dropped(functional.gelu(self.widen(z)), self.dropout, drops)
        return dropped(self.back(inside), self.dropout, drops)


def dropped(z: Tensor, share: float, drops: torch.Generator | None) -> Tensor:
    """Numbers of which a share is 0 and the others are scaled up; as they are without ``drops``."""
    # torch's own dropout draws from the global generator.
    if drops is None or share == 0:
        return z
    kept = torch.rand(z.shape, generator=drops) >= share
    return z * kept / (1 - share)


def _linear(
    inputs: int, outputs: int, generator: torch.Generator, *, bias: bool = True
) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, bias=bias, device="meta").to_empty(device="cpu")
    bound = 1 / math.sqrt(inputs)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-bound, bound, generator=generator)
    return layer
