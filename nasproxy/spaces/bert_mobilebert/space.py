"""BERT and MobileBERT blocks as a search space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from nasproxy.errors import NasproxyError
from nasproxy.spaces.bert_mobilebert.architecture import (
    POSITIONS,
    VOCABULARY,
    Block,
    Encoder,
    Sizes,
    multiply_accumulates,
    parameters,
)
from nasproxy.spaces.choices import check_choices

if TYPE_CHECKING:  # listing the spaces does not pay for importing torch
    from torch import nn

    from nasproxy.spaces.draws import NormalDraws

__all__ = ["BertMobileBERT", "five_million", "ten_million"]


class BertMobileBERT:
    """Encoders in which every layer is a BERT or a MobileBERT block of one of several sizes.

    Twelve layers of 12 blocks, 8.9e12 architectures, in the paper's main space.

    Args:
        name: the name that commands use.
        sizes: layers, hidden width, and sizes a kind of block.
        length: tokens of one input, up to 512.

    Raises:
        NasproxyError: a length out of range.

    Reference:
        Wang, W-PCA, ICLR 2025, section 4.
    """

    vocabulary = VOCABULARY
    default_proxies = ("wpca",)

    def __init__(
        self,
        name: str = "bert-mobilebert",
        sizes: Sizes | None = None,
        length: int = 128,
    ) -> None:
        if not 1 <= length <= POSITIONS:
            raise NasproxyError(f"inputs of {length} tokens", accepted=f"1 to {POSITIONS}")
        self.name = name
        self.sizes = Sizes() if sizes is None else sizes
        self.input_shape = (length,)
        self._blocks = tuple(Block(k, width) for k in "bm" for width in self.sizes.widths)
        self.size = len(self._blocks) ** self.sizes.layers
        self._draws: NormalDraws | None = None

    def __repr__(self) -> str:
        return f"BertMobileBERT({self.name!r}, {self.sizes}, length={self.input_shape[0]})"

    def with_length(self, length: int) -> BertMobileBERT:
        """The same space for inputs of another length."""
        return BertMobileBERT(self.name, self.sizes, length)

    def parse(self, text: str) -> Encoder:
        """The architecture of ``b528|m132|...``: kind and feed-forward width of every layer.

        Raises:
            NasproxyError: another number of blocks, or one that the space does not have.
        """
        return Encoder.parse(text, self.sizes)

    def architectures(self) -> Iterator[Encoder]:
        """All, in the order of their blocks."""
        return (Encoder(blocks) for blocks in product(self._blocks, repeat=self.sizes.layers))

    def sample(self, rng: np.random.Generator) -> Encoder:
        """An architecture, uniform over all."""
        drawn = rng.integers(len(self._blocks), size=self.sizes.layers)
        return Encoder(tuple(self._blocks[i] for i in drawn))

    def mutate(self, architecture: Encoder, rng: np.random.Generator) -> Encoder:
        """Another block in one layer, uniform over the neighbours."""
        place = int(rng.integers(self.sizes.layers))
        others = [b for b in self._blocks if b != architecture.blocks[place]]
        return _replaced(architecture, place, others[rng.integers(len(others))])

    def neighbours(self, architecture: Encoder) -> Iterator[Encoder]:
        """Every architecture with another block in one layer."""
        for place, present in enumerate(architecture.blocks):
            for block in self._blocks:
                if block != present:
                    yield _replaced(architecture, place, block)

    def canonical(self, architecture: Encoder) -> str:
        """Its text: no two compute the same function."""
        return str(architecture)

    def simplified(self, architecture: Encoder) -> Encoder:
        """Itself: no block can be left out."""
        return architecture

    def dimensions(self) -> dict[str, tuple[str, ...]]:
        """One choice a layer, ``layer1`` and so on, of its block."""
        blocks = tuple(map(str, self._blocks))
        return {f"layer{i}": blocks for i in range(1, self.sizes.layers + 1)}

    def encode(self, architecture: Encoder) -> dict[str, str]:
        """The block of every layer."""
        return {f"layer{i}": str(b) for i, b in enumerate(architecture.blocks, start=1)}

    def decode(self, choices: Mapping[str, str]) -> Encoder:
        """The architecture of one block a layer.

        Raises:
            NasproxyError: a layer is missing or does not exist, or a block does not.
        """
        check_choices(choices, self.dimensions())
        return self.parse("|".join(choices[name] for name in self.dimensions()))

    def counts(self, architecture: Encoder) -> dict[str, int]:
        """``parameters`` and ``multiply_accumulates`` of one input, without a classifier."""
        return {
            "parameters": parameters(architecture, self.sizes),
            "multiply_accumulates": multiply_accumulates(
                architecture, self.sizes, self.input_shape[0]
            ),
        }

    def build(
        self,
        architecture: Encoder,
        *,
        seed: int,
        classes: int | None = None,
        in_channels: int = 3,
    ) -> nn.Module:
        """The network: token ids ``[n, t]`` to hidden states ``[n, t, hidden]``.

        Args:
            architecture: the architecture.
            seed: any integer; a parameter depends on it, on its own name and its shape alone.
            classes: with these, logits of the pooled first token instead.
            in_channels: of no meaning for tokens.

        Returns:
            The network in training mode, float32, on the CPU.

        Raises:
            NasproxyError: fewer classes than one.
        """
        return self._built(architecture, seed, classes, shared=False)

    def build_to_read(
        self,
        architecture: Encoder,
        *,
        seed: int,
        classes: int | None = None,
        in_channels: int = 3,
    ) -> nn.Module:
        """As ``build``, sharing its parameters with other networks: for passes that only read."""
        return self._built(architecture, seed, classes, shared=True)

    def _built(
        self, architecture: Encoder, seed: int, classes: int | None, *, shared: bool
    ) -> nn.Module:
        from nasproxy.spaces.bert_mobilebert.network import build
        from nasproxy.spaces.draws import NormalDraws

        if classes is not None and classes < 1:
            raise NasproxyError(f"{classes} classes", accepted="1 or more, or None for no head")
        if self._draws is None:
            self._draws = NormalDraws(0.02)
        return build(
            architecture, self.sizes, self._draws, seed=seed, classes=classes, shared=shared
        )


def ten_million() -> BertMobileBERT:
    """The variant for networks of up to 10 million parameters: six layers of 2 x 3 blocks."""
    return BertMobileBERT("bert-mobilebert-10m", Sizes(layers=6, steps=3))


def five_million() -> BertMobileBERT:
    """The variant for networks of up to 5 million parameters: a hidden width of 192."""
    return BertMobileBERT("bert-mobilebert-5m", Sizes(hidden=192))


def _replaced(architecture: Encoder, place: int, block: Block) -> Encoder:
    blocks = architecture.blocks
    return Encoder((*blocks[:place], block, *blocks[place + 1 :]))
