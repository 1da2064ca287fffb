"""The layers of a transformer: what mixes tokens, and what feeds forward."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from nasproxy.errors import NasproxyError
from nasproxy.tracing.feed_forward_pass import feed_forward_structure
from nasproxy.tracing.feed_forward_places import named_products
from nasproxy.tracing.products import Product
from nasproxy.tracing.subject import Subject

__all__ = ["TokenLayers", "token_layers"]


@dataclass(frozen=True)
class TokenLayers:
    """Weights and products of the blocks that have a feed-forward layer.

    Attributes:
        mixing: names of the weights that are not of feed-forward layers, and neither choose
            nor scale experts.
        feeding: names of those that are, the ones that narrow too.
        heads: of ``mixing``, those whose output is mixed over tokens next: queries, keys, values.
        activated: names of those that read what an activation of a feed-forward layer returns.
    """

    mixing: tuple[str, ...]
    feeding: tuple[str, ...]
    heads: frozenset[str]
    activated: frozenset[str]


def token_layers(subject: Subject) -> TokenLayers:
    """Find them by the structure of the network; see ``nasproxy.tracing.feed_forward``.

    Raises:
        NasproxyError: the network has no block with a feed-forward layer and other weights.
    """
    structure, _ = feed_forward_structure(subject)
    named = getattr(subject.parts.network, "feed_forward_weights", None)
    layers = (
        tuple((product,) for product in named_products(structure, named))
        if named
        else structure.layers
    )
    feeding: dict[str, None] = {}
    activated: set[Product] = set()
    for layer in layers:
        for product in layer:
            feeding[product.weight] = None
            feeding |= {p.weight: None for p in structure.gated.get(product, ())}
            activated.update(p for p in structure.following[product] if p.kind == product.kind)
    narrowing = frozenset(product.weight for product in activated)
    feeding |= dict.fromkeys(name for name in subject.nodes if name in narrowing)
    # A single output scales a token, as the gate of a shared expert does, or scores it.
    routing = {p.weight for p in structure.products if p in structure.routing or p.outputs == 1}
    blocks = {_block(subject, name) for name in feeding}
    mixing = tuple(
        name
        for name in subject.nodes
        if name not in feeding
        and name not in routing
        and any(name.startswith(f"{block}.") for block in blocks)
    )
    if not mixing:
        raise NasproxyError(
            "the network has no block with a feed-forward layer and other weights",
            accepted="a transformer: layers of attention, or of what else mixes tokens, with a "
            "feed-forward layer each",
        )
    heads = frozenset(product.weight for product in structure.mixed) & frozenset(mixing)
    return TokenLayers(mixing, tuple(feeding), heads, narrowing)


def _block(subject: Subject, weight: str) -> str:
    """The element that a weight is in of the outermost list of modules; "" outside all lists."""
    steps = weight.split(".")[:-1]
    for depth in range(1, len(steps) + 1):
        parent = subject.parts.modules.get(".".join(steps[: depth - 1]))
        if isinstance(parent, nn.ModuleList | nn.ModuleDict | nn.Sequential):
            return ".".join(steps[:depth])
    return ""
