"""Architectures of AutoFormer-Tiny, and their text form."""

from __future__ import annotations

from dataclasses import dataclass

from nasproxy.errors import NasproxyError

__all__ = ["DEPTHS", "EMBEDDINGS", "HEADS", "RATIOS", "Block", "Transformer"]

EMBEDDINGS = (192, 216, 240)
DEPTHS = (12, 13, 14)
HEADS = (3, 4)
RATIOS = ("3.5", "4")

_FORM = "embedding|heads-ratio|..., 12 to 14 layers, such as 192|3-4|4-3.5|..."


@dataclass(frozen=True, order=True)
class Block:
    """One layer.

    Attributes:
        heads: of 64 channels each, 3 or 4.
        ratio: width of the MLP over the embedding, "3.5" or "4".

    Raises:
        NasproxyError: a value that the space does not have.
    """

    heads: int
    ratio: str

    def __post_init__(self) -> None:
        if self.heads not in HEADS or self.ratio not in RATIOS:
            raise NasproxyError(
                f"a layer of {self.heads} heads and MLP ratio {self.ratio}",
                accepted=f"heads {_listed(HEADS)}, MLP ratio {_listed(RATIOS)}",
            )

    def __str__(self) -> str:
        return f"{self.heads}-{self.ratio}"

    @classmethod
    def parse(cls, text: str) -> Block:
        """The layer of ``heads-ratio``."""
        heads, dash, ratio = text.partition("-")
        if not (dash and heads.isascii() and heads.isdecimal()):
            raise NasproxyError(f"{text!r} is no layer", accepted="heads-ratio, such as 3-3.5")
        return cls(int(heads), ratio)


@dataclass(frozen=True, order=True)
class Transformer:
    """A vision transformer of the space.

    Attributes:
        embedding: the width of every token, 192, 216 or 240.
        layers: 12 to 14.

    Raises:
        NasproxyError: a value that the space does not have.
    """

    embedding: int
    layers: tuple[Block, ...]

    def __post_init__(self) -> None:
        if self.embedding not in EMBEDDINGS or len(self.layers) not in DEPTHS:
            raise NasproxyError(
                f"an embedding of {self.embedding} and {len(self.layers)} layers",
                accepted=f"embedding {_listed(EMBEDDINGS)}, depth {_listed(DEPTHS)}",
            )

    def __str__(self) -> str:
        return "|".join(map(str, (self.embedding, *self.layers)))

    @classmethod
    def parse(cls, text: str) -> Transformer:
        """The architecture of ``embedding|heads-ratio|...``.

        Raises:
            NasproxyError: text of another form, or a value that the space does not have.
        """
        embedding, *layers = text.strip().split("|")
        if not (embedding.isascii() and embedding.isdecimal()):
            raise NasproxyError(f"{text!r} is no autoformer architecture", accepted=_FORM)
        return cls(int(embedding), tuple(map(Block.parse, layers)))


def _listed(values: tuple[object, ...]) -> str:
    return ", ".join(map(str, values))
