"""Which features of a network's feed-forward layers are looked at, and where they are seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from nasproxy.errors import NasproxyError
from nasproxy.tracing.feed_forward import Structure
from nasproxy.tracing.products import LINEAR, Product

__all__ = ["Place", "Selection", "named_products", "places_of"]


@dataclass(frozen=True)
class Selection:
    """Which features are looked at.

    Attributes:
        linears: "first" of each feed-forward layer, or "all" but the one that narrows.
        at: "before" the activation (what the linear layer returns) or "after" it (what the next
            linear layer reads, so a gate has been applied too).
        masked: whether positions that the batch's ``attention_mask`` excludes are left out.
        layers: shell patterns of the names of weights or of their modules, to set by hand which
            are read; where None those of the network's own attribute ``feed_forward_weights``,
            and without it found by structure.
    """

    linears: Literal["first", "all"] = "first"
    at: Literal["before", "after"] = "before"
    masked: bool = True
    layers: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Place:
    """Where rows are taken: what goes into a product, or what comes out of it.

    Attributes:
        product: of a tensor and a weight.
        side: which of the two.
        through: whether the spectrum wanted is that of the outputs, got from the inputs through
            the weight, because there are fewer of them.
        masked: whether excluded positions are left out.
    """

    product: Product
    side: Literal["inputs", "outputs"]
    through: bool
    masked: bool


def places_of(
    structure: Structure, selection: Selection, named: tuple[str, ...] | None = None
) -> dict[str, Place]:
    """The nodes of a selection, and where each is observed.

    Args:
        structure: of the network.
        selection: what is wanted.
        named: the patterns that the network itself gives, where the selection gives none.

    Raises:
        NasproxyError: a pattern matches no weight, nothing follows a layer whose features are
            wanted after the activation, or a product of the network is not followed.
    """
    found: dict[str, Place] = {}
    for product in _chosen(structure, selection, selection.layers or named):
        if selection.at == "after":
            after = structure.following[product]
            if not after:
                raise NasproxyError(
                    f"the output of {product.node!r} reaches no further weight through an "
                    "activation",
                    accepted="layers that an activation follows",
                    hint='at="before" reads what a layer returns',
                )
            # Of experts each is followed by its own.
            own = [p for p in after if p.part == product.part] or after
            found[product.node] = Place(own[0], "inputs", False, selection.masked)
        elif product.kind == LINEAR and product.outputs > product.inputs:
            found[product.node] = Place(product, "inputs", True, selection.masked)
        else:
            found[product.node] = Place(product, "outputs", False, selection.masked)
    return found


def _chosen(
    structure: Structure, selection: Selection, patterns: tuple[str, ...] | None
) -> list[Product]:
    if patterns:
        return named_products(structure, patterns)
    multiplied = dict.fromkeys(product.weight for product in structure.products)
    for weight, function in structure.unfollowed.items():
        if weight not in multiplied:
            raise NasproxyError(
                f"{function} multiplies by {weight!r} in a way that is not followed, so that "
                "feed-forward layers may be missed",
                accepted="linear, matmul, bmm, einsum of two factors, grouped_mm",
                hint=f"layers=[...] says which weights to read: {_some(multiplied)}",
            )
    if structure.unread:
        raise NasproxyError(
            f"experts' weights {_some(structure.unread)} neither widen nor are followed by one "
            "that returns to their input width, so that feed-forward layers may be missed",
            accepted="experts that end with as many features as they begin with",
            hint=f"layers=[...] says which weights to read: {_some(multiplied)}",
        )
    if structure.layers:
        if selection.linears == "first":
            return [layer[0] for layer in structure.layers]
        chosen = [product for layer in structure.layers for product in layer]
        # After the activation a gate is one product of both its matrices.
        beside = structure.gated if selection.at == "before" else {}
        return [one for product in chosen for one in (product, *beside.get(product, ()))]
    # A convolution network without inverted bottlenecks has no layer that widens, is activated
    # and narrowed: every convolution's channels are its features.
    found = [p for p in structure.products if p.kind != LINEAR]
    if selection.at == "after":
        found = [p for p in found if structure.following[p]]
    return found


def named_products(structure: Structure, patterns: Sequence[str]) -> list[Product]:
    """The products by weights that match one of the patterns, or whose modules do.

    Raises:
        NasproxyError: none does.
    """
    found = [p for p in structure.products if _matches(p.weight, patterns)]
    if not found:
        there = dict.fromkeys(product.weight for product in structure.products)
        raise NasproxyError(
            f"no weight is named {' or '.join(map(repr, patterns))}",
            accepted=f"patterns of {_some(there)}",
        )
    return found


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:8]) + (", ..." if listed[8:] else "")


def _matches(weight: str, patterns: Sequence[str]) -> bool:
    owner = weight.rpartition(".")[0]
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in (weight, owner))
