"""Architectures of FlexiBERT, and their text form."""

from __future__ import annotations

from dataclasses import dataclass

from nasproxy.errors import NasproxyError
from zerocost.errors import did_you_mean

__all__ = [
    "COUNTS",
    "DEPTHS",
    "HEADS",
    "HIDDEN",
    "OPERATIONS",
    "WIDTHS",
    "Encoder",
    "Layer",
]

OPERATIONS = ("sdp", "wma", "dft", "dct", "dsc5", "dsc9")
"""Scaled dot product and weighted multiplicative attention, discrete Fourier and cosine transform,
dynamic span convolution of 5 and of 9 tokens."""
HIDDEN = (128, 256)
DEPTHS = (2, 4)
HEADS = (2, 4)
WIDTHS = (512, 1024)
COUNTS = (1, 3)

_FORM = "hidden|operation-heads-widthxcount|..., such as 128|sdp-2-512x1|dsc9-4-1024x3"


@dataclass(frozen=True, order=True)
class Layer:
    """One layer: an operation between tokens, then a feed-forward network.

    Attributes:
        operation: one of ``OPERATIONS``.
        heads: of the operation, 2 or 4.
        width: of the feed-forward network, 512 or 1024.
        count: how many linear layers it has before the one that narrows, 1 or 3.

    Raises:
        NasproxyError: a value that the space does not have.
    """

    operation: str
    heads: int
    width: int
    count: int

    def __post_init__(self) -> None:
        _check("operation", self.operation, OPERATIONS)
        _check("heads", self.heads, HEADS)
        _check("feed-forward width", self.width, WIDTHS)
        _check("count of feed-forward layers", self.count, COUNTS)

    def __str__(self) -> str:
        return f"{self.operation}-{self.heads}-{self.width}x{self.count}"

    @classmethod
    def parse(cls, text: str) -> Layer:
        """The layer of ``operation-heads-widthxcount``."""
        operation, _, rest = text.partition("-")
        heads, _, sizes = rest.partition("-")
        width, _, count = sizes.partition("x")
        return cls(operation, _number(heads, text), _number(width, text), _number(count, text))


@dataclass(frozen=True, order=True)
class Encoder:
    """A FlexiBERT architecture.

    Attributes:
        hidden: the width of the encoder, 128 or 256.
        layers: two or four.

    Raises:
        NasproxyError: a value that the space does not have.
    """

    hidden: int
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        _check("hidden size", self.hidden, HIDDEN)
        _check("number of layers", len(self.layers), DEPTHS)

    def __str__(self) -> str:
        return "|".join([str(self.hidden), *map(str, self.layers)])

    @classmethod
    def parse(cls, text: str) -> Encoder:
        """The architecture of a text form.

        Raises:
            NasproxyError: text of another form, or a value that the space does not have.
        """
        hidden, *layers = text.strip().split("|")
        return cls(_number(hidden, text), tuple(Layer.parse(layer) for layer in layers))


def _check(what: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise NasproxyError(
            f"{what} {value!r} is not in the space flexibert",
            accepted=", ".join(map(str, allowed)),
            hint=did_you_mean(value, map(str, allowed)) if isinstance(value, str) else None,
        )


def _number(text: str, whole: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise NasproxyError(f"{whole!r} is no FlexiBERT architecture", accepted=_FORM)
    return int(text)
