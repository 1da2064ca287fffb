"""Sizes of the decoder, from 0.3 to 18 million parameters."""

from __future__ import annotations

from dataclasses import dataclass

from dataselect.errors import DataselectError
from zerocost.errors import did_you_mean

__all__ = ["HEAD", "SHAPES", "Shape", "shape_of"]

HEAD = 32
"""Width of an attention head."""


@dataclass(frozen=True)
class Shape:
    """A decoder without its vocabulary.

    Attributes:
        width: of the residual stream; a multiple of `HEAD`.
        layers: how many.
        rate: the learning rate at its peak that suits the size.
    """

    width: int
    layers: int
    rate: float

    @property
    def hidden(self) -> int:
        """Width of the gated layer: 8/3 of the stream, rounded to a multiple of 16."""
        return 16 * round(self.width / 6)

    def parameters(self, vocabulary: int) -> int:
        """How many there are; the embedding is also the output."""
        layer = 4 * self.width**2 + 3 * self.width * self.hidden + 2 * self.width
        return vocabulary * self.width + self.layers * layer + self.width


SHAPES = {
    "0.3M": Shape(64, 3, 8e-3),
    "0.5M": Shape(96, 3, 6e-3),
    "1M": Shape(128, 4, 5e-3),
    "4M": Shape(256, 4, 3e-3),
    "8M": Shape(320, 6, 2e-3),
    "18M": Shape(448, 7, 1.5e-3),
}
"""By name: about how many parameters with a vocabulary of 2,048."""


def shape_of(name: str) -> Shape:
    """The shape of a size.

    Raises:
        DataselectError: there is no such size.
    """
    if name not in SHAPES:
        raise DataselectError(
            f"there is no size {name!r}",
            accepted=", ".join(SHAPES),
            hint=did_you_mean(name, SHAPES),
        )
    return SHAPES[name]
