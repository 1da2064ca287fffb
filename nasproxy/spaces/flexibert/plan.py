"""What is built of an architecture: as it was trained, as it is specified, as it was published.

The benchmark's labels and its published metrics belong to different networks than the space
describes (see docs/flexibert.md):

- *as_trained*, the networks that the labels were measured on: every operation is scaled dot product
  attention, the first feed-forward layer is four times the hidden size, and the width of the
  architecture holds for the two extra feed-forward layers alone;
- *as_specified*: what the architecture says;
- *as_published*, the networks that the published metrics were measured on: the operations of the
  architecture, a hidden size of 256 and feed-forward layers of 1024 for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from nasproxy.errors import NasproxyError
from nasproxy.spaces.flexibert.architecture import Encoder
from zerocost.errors import did_you_mean

__all__ = [
    "BUILDERS",
    "LayerPlan",
    "Plan",
    "check_builder",
    "multiply_accumulates",
    "parameters",
    "plan_of",
]

BUILDERS = ("as_trained", "as_specified", "as_published")

VOCABULARY = 30522
POSITIONS = 512
EMBEDDING = 128
_TYPES = 2


@dataclass(frozen=True)
class LayerPlan:
    """One layer as it is built.

    Attributes:
        operation: as in the architecture.
        heads: of the operation.
        widths: of the feed-forward network's linear layers before the one that narrows.
    """

    operation: str
    heads: int
    widths: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.operation}-{self.heads}-{'x'.join(map(str, self.widths))}"


@dataclass(frozen=True)
class Plan:
    """A network as it is built: its hidden size and its layers."""

    hidden: int
    layers: tuple[LayerPlan, ...]

    def __str__(self) -> str:
        return "|".join([str(self.hidden), *map(str, self.layers)])


def check_builder(builder: str) -> str:
    """The builder's name; NasproxyError where there is none of it."""
    if builder not in BUILDERS:
        raise NasproxyError(
            f"flexibert has no builder {builder!r}",
            accepted=", ".join(BUILDERS),
            hint=did_you_mean(builder, BUILDERS),
        )
    return builder


def plan_of(architecture: Encoder, builder: str) -> Plan:
    """What a builder makes of an architecture."""
    hidden = 256 if builder == "as_published" else architecture.hidden
    layers = []
    for layer in architecture.layers:
        operation, width = layer.operation, layer.width
        widths: tuple[int, ...] = (width,) * layer.count
        if builder == "as_trained":
            operation = "sdp"
            widths = (4 * hidden, *(width,) * (layer.count - 1))
        elif builder == "as_published":
            widths = (1024,) * layer.count
        layers.append(LayerPlan(operation, layer.heads, widths))
    return Plan(hidden, tuple(layers))


def parameters(plan: Plan) -> int:
    """How many parameters the network of a plan has, embeddings included, without a head."""
    hidden = plan.hidden
    embeddings = (VOCABULARY + POSITIONS + _TYPES) * EMBEDDING + 2 * EMBEDDING
    if hidden != EMBEDDING:
        embeddings += _linear(EMBEDDING, hidden)
    return embeddings + sum(
        _of_operation(layer.operation, layer.heads, hidden) + _of_feed_forward(layer.widths, hidden)
        for layer in plan.layers
    )


def multiply_accumulates(plan: Plan, length: int) -> int:
    """Multiply-accumulates of one input of so many tokens, without a head; no transform counts."""
    hidden = plan.hidden
    weights = EMBEDDING * hidden if hidden != EMBEDDING else 0
    products = 0  # of activations with one another, a token pair
    for layer in plan.layers:
        square, half = hidden * hidden, hidden * hidden // 2
        if layer.operation in ("dft", "dct"):
            weights += square
        elif layer.operation in ("sdp", "wma"):
            weights += (5 if layer.operation == "wma" else 4) * square
            products += 2 * hidden
        else:
            kernel, heads = int(layer.operation.removeprefix("dsc")), max(1, layer.heads // 2)
            weights += 5 * half + square + hidden * kernel + hidden // 2 * heads * kernel
            products += hidden
        sizes = (hidden, *layer.widths, hidden)
        weights += sum(a * b for a, b in pairwise(sizes))
    return length * weights + length * length * products


def _linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


def _of_operation(operation: str, heads: int, hidden: int) -> int:
    mixed = _linear(hidden, hidden)
    if operation in ("dft", "dct"):
        return mixed
    output = mixed + 2 * hidden
    if operation == "sdp":
        return 3 * mixed + output
    if operation == "wma":
        return 3 * mixed + hidden * hidden + output
    half, kernel, halved = hidden // 2, int(operation.removeprefix("dsc")), max(1, heads // 2)
    separable = hidden * kernel + hidden * half + half
    return 4 * _linear(hidden, half) + separable + _linear(half, halved * kernel) + output


def _of_feed_forward(widths: tuple[int, ...], hidden: int) -> int:
    sizes = (hidden, *widths, hidden)
    return sum(_linear(a, b) for a, b in pairwise(sizes)) + 2 * hidden
