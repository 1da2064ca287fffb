"""Architectures of the space, their sizes, and what they count."""

from __future__ import annotations

from dataclasses import dataclass

from nasproxy.errors import NasproxyError

__all__ = ["Block", "Encoder", "Sizes", "multiply_accumulates", "parameters"]

VOCABULARY = 30522
POSITIONS = 512
EMBEDDING = 128
_TYPES = 2


@dataclass(frozen=True)
class Sizes:
    """The sizes of a variant of the space.

    Attributes:
        layers: how many.
        hidden: width of the encoder.
        steps: sizes of feed-forward networks for each kind of block.

    The feed-forward widths of both kinds are the ``steps`` equal parts of 1.5 times the hidden
    width; MobileBERT blocks work at a quarter of the hidden width within.
    """

    layers: int = 12
    hidden: int = 528
    steps: int = 6

    @property
    def inner(self) -> int:
        """The width within a MobileBERT block."""
        return self.hidden // 4

    @property
    def widths(self) -> tuple[int, ...]:
        """The feed-forward widths, smallest first."""
        return tuple(3 * self.hidden * k // (2 * self.steps) for k in range(1, self.steps + 1))


@dataclass(frozen=True, order=True)
class Block:
    """One layer: "b" for BERT's block or "m" for MobileBERT's, and its feed-forward width."""

    kind: str
    width: int

    def __str__(self) -> str:
        return f"{self.kind}{self.width}"


@dataclass(frozen=True, order=True)
class Encoder:
    """An architecture: its blocks from the input on."""

    blocks: tuple[Block, ...]

    def __str__(self) -> str:
        return "|".join(map(str, self.blocks))

    @classmethod
    def parse(cls, text: str, sizes: Sizes) -> Encoder:
        """The architecture of ``b528|m132|...``.

        Raises:
            NasproxyError: another number of blocks, or one that the space does not have.
        """
        blocks = text.strip().split("|")
        there = {f"{kind}{width}" for kind in "bm" for width in sizes.widths}
        wrong = next((block for block in blocks if block not in there), None)
        if wrong is not None or len(blocks) != sizes.layers:
            seen = f"a block {wrong!r}" if wrong is not None else f"{len(blocks)} blocks"
            raise NasproxyError(
                f"{text!r} has {seen}",
                accepted=f"{sizes.layers} blocks joined by |, each b (BERT) or m (MobileBERT) "
                f"with one of the widths {', '.join(map(str, sizes.widths))}",
            )
        return cls(tuple(Block(block[0], int(block[1:])) for block in blocks))


def parameters(architecture: Encoder, sizes: Sizes) -> int:
    """How many parameters the network has: embeddings, blocks, and the pooler."""
    hidden, inner = sizes.hidden, sizes.inner
    total = (VOCABULARY + POSITIONS + _TYPES) * EMBEDDING
    total += _linear(3 * EMBEDDING, hidden) + 2 * hidden + _linear(hidden, hidden)
    for block in architecture.blocks:
        if block.kind == "b":
            total += 4 * _linear(hidden, hidden) + 4 * hidden
            total += _linear(hidden, block.width) + _linear(block.width, hidden)
        else:
            total += 3 * _linear(hidden, inner) + 3 * _linear(inner, inner)
            total += _linear(inner, block.width) + _linear(block.width, inner)
            total += _linear(inner, hidden) + 2 * (4 * inner + hidden)
    return total


def multiply_accumulates(architecture: Encoder, sizes: Sizes, length: int) -> int:
    """Multiply-accumulates of one input of so many tokens."""
    hidden, inner = sizes.hidden, sizes.inner
    weights, pairs = 3 * EMBEDDING * hidden, 0
    for block in architecture.blocks:
        if block.kind == "b":
            weights += 4 * hidden * hidden + 2 * hidden * block.width
            pairs += 2 * hidden
        else:
            weights += 4 * hidden * inner + 3 * inner * inner + 2 * inner * block.width
            pairs += 2 * inner
    return length * weights + length * length * pairs + hidden * hidden


def _linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs
