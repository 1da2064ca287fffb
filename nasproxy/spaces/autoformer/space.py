"""AutoFormer-Tiny as a search space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from nasproxy.errors import NasproxyError
from nasproxy.spaces.autoformer.architecture import (
    DEPTHS,
    EMBEDDINGS,
    HEADS,
    RATIOS,
    Block,
    Transformer,
)
from zerocost.errors import did_you_mean

if TYPE_CHECKING:  # listing the spaces does not pay for importing torch
    from torch import nn

    from nasproxy.spaces.draws import NormalDraws

__all__ = ["AutoFormer"]

_BLOCKS = tuple(Block(heads, ratio) for heads, ratio in product(HEADS, RATIOS))
_LEAST = DEPTHS[0]
_UPPER = "layers13and14"
_NONE = "none"
_UPPERS: tuple[tuple[Block, ...], ...] = tuple(
    blocks for more in range(DEPTHS[-1] - _LEAST + 1) for blocks in product(_BLOCKS, repeat=more)
)
_HEAD, _PATCH = 64, 16


class AutoFormer:
    """Vision transformers of 12 to 14 layers; 1,056,964,608 architectures.

    The embedding is of the whole network; every layer has its heads and its MLP ratio. The layers
    that only deeper networks have are one dimension, ``layers13and14``.

    Args:
        side: of the images in pixels, a multiple of 16; 224 in the paper.

    Raises:
        NasproxyError: a side that is none.

    Reference:
        Chen, Peng, Fu and Ling, AutoFormer: Searching Transformers for Visual Recognition,
        ICCV 2021, table 1 (the supernet "tiny").
    """

    name = "autoformer"
    size = len(EMBEDDINGS) * len(_BLOCKS) ** _LEAST * len(_UPPERS)

    def __init__(self, side: int = 224) -> None:
        if side < _PATCH or side % _PATCH:
            raise NasproxyError(
                f"images of side {side}", accepted=f"a multiple of {_PATCH}, such as 224 or 32"
            )
        self.input_shape = (3, side, side)
        self._draws: NormalDraws | None = None

    def __repr__(self) -> str:
        return f"AutoFormer(side={self.input_shape[-1]})"

    def parse(self, text: str) -> Transformer:
        """The architecture of ``embedding|heads-ratio|...``."""
        return Transformer.parse(text)

    def architectures(self) -> Iterator[Transformer]:
        """All, the narrow ones first."""
        for embedding in EMBEDDINGS:
            for lower in product(_BLOCKS, repeat=_LEAST):
                for upper in _UPPERS:
                    yield Transformer(embedding, lower + upper)

    def sample(self, rng: np.random.Generator) -> Transformer:
        """An architecture with every choice uniform, the depth too, as AutoFormer draws them."""
        embedding = EMBEDDINGS[int(rng.integers(len(EMBEDDINGS)))]
        depth = DEPTHS[int(rng.integers(len(DEPTHS)))]
        drawn = rng.integers(len(_BLOCKS), size=depth)
        return Transformer(embedding, tuple(_BLOCKS[int(i)] for i in drawn))

    def mutate(self, architecture: Transformer, rng: np.random.Generator) -> Transformer:
        """Another value of one dimension, which is drawn first."""
        choices = self.encode(architecture)
        dimensions = _dimensions()
        name = list(dimensions)[int(rng.integers(len(dimensions)))]
        others = [value for value in dimensions[name] if value != choices[name]]
        return self.decode({**choices, name: others[int(rng.integers(len(others)))]})

    def neighbours(self, architecture: Transformer) -> Iterator[Transformer]:
        """Every architecture that differs in one dimension."""
        choices = self.encode(architecture)
        for name, values in _dimensions().items():
            for value in values:
                if value != choices[name]:
                    yield self.decode({**choices, name: value})

    def canonical(self, architecture: Transformer) -> str:
        """Its text: no two architectures compute the same function."""
        return str(architecture)

    def simplified(self, architecture: Transformer) -> Transformer:
        """Itself: no layer can be left out."""
        return architecture

    def dimensions(self) -> dict[str, tuple[str, ...]]:
        """The embedding, heads and ratio of each of twelve layers, and the others together."""
        return dict(_dimensions())

    def encode(self, architecture: Transformer) -> dict[str, str]:
        """The value in every dimension."""
        found = {"embedding": str(architecture.embedding)}
        for i, block in enumerate(architecture.layers[:_LEAST], start=1):
            found |= {f"layer{i}.heads": str(block.heads), f"layer{i}.ratio": block.ratio}
        return {**found, _UPPER: _upper_text(architecture.layers[_LEAST:])}

    def decode(self, choices: Mapping[str, str]) -> Transformer:
        """The architecture of one value a dimension.

        Raises:
            NasproxyError: a dimension is missing or does not exist, or a value does not.
        """
        wanted = _dimensions()
        wrong = [name for name in (*wanted, *choices) if (name in wanted) != (name in choices)]
        if wrong:
            raise NasproxyError(
                f"{wrong[0]!r} is {'missing' if wrong[0] in wanted else 'no dimension'}",
                accepted=", ".join(wanted),
                hint=did_you_mean(wrong[0], wanted),
            )
        for name, values in wanted.items():
            if choices[name] not in values:
                raise NasproxyError(
                    f"{name} is {choices[name]!r}",
                    accepted=", ".join(values),
                    hint=did_you_mean(choices[name], values),
                )
        lower = tuple(
            Block(int(choices[f"layer{i}.heads"]), choices[f"layer{i}.ratio"])
            for i in range(1, _LEAST + 1)
        )
        upper = choices[_UPPER]
        above = () if upper == _NONE else tuple(map(Block.parse, upper.split("|")))
        return Transformer(int(choices["embedding"]), lower + above)

    def counts(
        self, architecture: Transformer, *, classes: int = 10, in_channels: int = 3
    ) -> dict[str, int]:
        """Of the network built, in closed form: ``parameters``, ``multiply_accumulates``.

        The latter of one image, attention's two products included, without norms.
        """
        width = architecture.embedding
        tokens = (self.input_shape[-1] // _PATCH) ** 2 + 1
        patch = in_channels * _PATCH**2 * width
        parameters = patch + width + width + tokens * width  # patches, bias, token, positions
        work = (tokens - 1) * patch
        for block in architecture.layers:
            inner, hidden = _HEAD * block.heads, int(width * float(block.ratio))
            weights = 4 * width * inner + 2 * width * hidden
            parameters += weights + 3 * inner + width + hidden + width + 4 * width
            work += tokens * weights + 2 * tokens * tokens * inner
        return {
            "parameters": parameters + 2 * width + (width + 1) * classes,
            "multiply_accumulates": work + width * classes,
        }

    def describe(self, architecture: Transformer) -> dict[str, float]:
        """The architecture in numbers: sizes, their sums over layers, and each of twelve layers."""
        layers = architecture.layers
        found = {
            "size:embedding": float(architecture.embedding),
            "size:depth": float(len(layers)),
            "size:heads": float(sum(block.heads for block in layers)),
            "size:ratio": sum(float(block.ratio) for block in layers),
            "size:parameters": float(self.counts(architecture)["parameters"]),
        }
        thirds = np.array_split(np.arange(len(layers)), 3)
        for name, places in zip(("early", "middle", "late"), thirds, strict=True):
            found[f"part:heads_{name}"] = float(np.mean([layers[i].heads for i in places]))
            found[f"part:ratio_{name}"] = float(np.mean([float(layers[i].ratio) for i in places]))
        for i, block in enumerate(layers[:_LEAST], start=1):
            found[f"layer:heads_{i}"] = float(block.heads)
            found[f"layer:ratio_{i}"] = float(block.ratio)
        return found

    def build(
        self, architecture: Transformer, *, seed: int, classes: int = 10, in_channels: int = 3
    ) -> nn.Module:
        """The vision transformer; see ``nasproxy.spaces.autoformer.network``.

        Args:
            architecture: the architecture.
            seed: any integer; a parameter depends on it, on its own name and its shape alone.
            classes: how many logits, 1 or more.
            in_channels: channels of an image.

        Raises:
            NasproxyError: fewer classes or channels than one.
        """
        from nasproxy.spaces.autoformer.network import build
        from nasproxy.spaces.draws import NormalDraws

        if classes < 1 or in_channels < 1:
            raise NasproxyError(
                f"{classes} classes and {in_channels} channels", accepted="1 or more of each"
            )
        if self._draws is None:
            self._draws = NormalDraws(0.02)
        return build(
            architecture,
            self._draws,
            seed=seed,
            side=self.input_shape[-1],
            classes=classes,
            in_channels=in_channels,
        )


def _upper_text(blocks: tuple[Block, ...]) -> str:
    return "|".join(map(str, blocks)) or _NONE


@cache
def _dimensions() -> dict[str, tuple[str, ...]]:
    layers: dict[str, tuple[str, ...]] = {}
    for i in range(1, _LEAST + 1):
        layers |= {f"layer{i}.heads": tuple(map(str, HEADS)), f"layer{i}.ratio": RATIOS}
    uppers = tuple(_upper_text(blocks) for blocks in _UPPERS)
    return {"embedding": tuple(map(str, EMBEDDINGS)), **layers, _UPPER: uppers}
