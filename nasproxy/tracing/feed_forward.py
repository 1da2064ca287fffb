"""Feed-forward layers, found by what a network does: widen, activate, narrow.

Every product with a weight is followed to the next one. A feed-forward layer begins with a linear
layer that widens, whose output reaches another linear layer through an activation, and so on to
one that narrows. How the layer is written does not matter: modules or functions, a weight
``[out, in]`` or ``[in, out]`` (the Conv1D of GPT-2), one matrix for gate and value or two, a
composed activation, experts one by one or together. What passes through a product of two
activations (attention) is not followed. Convolutions of kernel 1 count as linear layers among
themselves, with depthwise ones between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nasproxy.tracing.products import (
    CONVOLUTION,
    LINEAR,
    PRODUCTS,
    Multiplied,
    Product,
    Products,
    tensors_in,
)

__all__ = ["Structure", "structure_of"]

_ACTIVATIONS = frozenset(
    {
        "relu",
        "relu_",
        "relu6",
        "hardtanh",
        "hardtanh_",
        "threshold",
        "rrelu",
        "softplus",
        "leaky_relu",
        "leaky_relu_",
        "prelu",
        "elu",
        "elu_",
        "selu",
        "selu_",
        "celu",
        "celu_",
        "gelu",
        "silu",
        "mish",
        "hardswish",
        "hardsigmoid",
        "softsign",
        "logsigmoid",
        "glu",
        "tanh",
        "tanh_",
        "sigmoid",
        "sigmoid_",
        "erf",
        "exp",
        "sin",
        "clamp",
        "clamp_",
        "clamp_min",
        "clamp_max",
        "maximum",
        "minimum",
        "pow",
        "__pow__",
        "square",
        "abs",
        "__abs__",
        "cos",
        # Where one decides on features by features: x * (x > 0), where(x > 0, x, y).
        "gt",
        "ge",
        "lt",
        "le",
        "__gt__",
        "__ge__",
        "__lt__",
        "__le__",
    }
)
# What these return is a mixture over positions, and no longer the output of a linear layer.
_MIXING = frozenset(
    {
        "matmul",
        "__matmul__",
        "__rmatmul__",
        "bmm",
        "baddbmm",
        "einsum",
        "softmax",
        "scaled_dot_product_attention",
        "multi_head_attention_forward",
        "fft_fft",
        "fft_fft2",
        "fft_fftn",
        "fft_rfft",
        "fft_rfft2",
    }
)
# A statistic of a token's features, as a written-out normalisation takes them, is none of them.
_STATISTICS = frozenset({"mean", "sum", "var", "std", "norm", "vector_norm", "amax"})
_CHOICES = frozenset({"topk", "argmax", "sort", "argsort"})


@dataclass(frozen=True)
class Structure:
    """The products of a network, and which of them a feed-forward layer is made of.

    Attributes:
        products: all, in the order of the calls.
        following: product -> those that its output reaches through an activation.
        layers: the feed-forward layers: the products up to the one that narrows, without it.
        gated: product of a layer -> those of its shape that are multiplied by what it returns once
            it is activated: the second matrix of a gate.
        mixed: the products whose output is mixed over positions next: queries, keys, values.
        routing: the products whose output chooses among experts.
        unread: weights of experts that an activation follows and that are of no layer.
        unfollowed: weight -> the function that multiplied by it in a way that is not known.
        writes: whether the network may write to its own parameters when it is called.
    """

    products: tuple[Product, ...]
    following: Mapping[Product, tuple[Product, ...]]
    layers: tuple[tuple[Product, ...], ...]
    gated: Mapping[Product, tuple[Product, ...]]
    mixed: frozenset[Product]
    routing: frozenset[Product]
    unread: tuple[str, ...]
    unfollowed: Mapping[str, str]
    writes: bool


_Origins = dict[Product, bool]
"""Which products a tensor comes from, and for each whether through an activation."""


class _Flow(TorchFunctionMode):
    """Follows tensors from product to product."""

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._shapes = {name: tensor.shape for name, tensor in parameters.items()}
        self._own = {id(tensor) for tensor in parameters.values()}
        self._origins: dict[int, _Origins] = {}
        self._probabilities: dict[int, Sequence[Product]] = {}
        self._kept: list[Tensor] = []  # so that no other tensor gets their identity
        self._incoming: _Origins = {}
        self._weighed = False
        self._vectors: dict[Product, bool] = {}
        self._positions: dict[Product, int] = {}
        self.following: dict[Product, dict[Product, None]] = {}
        self.gated: dict[Product, dict[Product, None]] = {}
        self.mixed: set[Product] = set()
        self.routing: set[Product] = set()
        self.writes = False

    def multiplied(self, made: Sequence[Multiplied]) -> None:
        self._incoming = {}
        for one in made:
            product = one.product
            self.following.setdefault(product, {})
            self._vectors[product] = one.inputs.ndim == 2
            incoming = self._origins.get(id(one.inputs), {})
            for source, activated in incoming.items():
                if activated and self._reaches(source, one, incoming):
                    self.following[source][product] = None
                    beside = (p for p, on in incoming.items() if not on and _alike(p, source))
                    self.gated.setdefault(source, {}).update(dict.fromkeys(beside))
                self._incoming[source] = self._incoming.get(source, False) or activated
        self._weighed = True

    def _reaches(self, source: Product, one: Multiplied, incoming: _Origins) -> bool:
        product = one.product
        if LINEAR not in (source.kind, product.kind):
            # What spreads over more positions is a gate: squeeze and excitation.
            return self._positions[source] >= _positions(one.inputs, one.matrix)
        # Of experts that are multiplied at once each reaches its own.
        own = (p.part for p in incoming if p.weight == source.weight)
        return source.part == product.part or product.part not in own

    def returned(self, made: Sequence[Multiplied], out: Tensor) -> None:
        first = made[0].product
        if first.kind != LINEAR:
            self._positions[first] = _positions(out, made[0].matrix)
        depthwise = first.groups == first.inputs > 1  # its input's channels, filtered
        self._note(
            out, self._incoming if depthwise else dict.fromkeys((m.product for m in made), False)
        )

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if func is _DATA and id(args[0]) in self._own:
            self.writes = True
        weighed, self._weighed = self._weighed, False
        out = func(*args, **kwargs)
        if name == "__get__" and not isinstance(out, Tensor):  # a shape, a device
            return out
        if weighed and name in PRODUCTS:
            return out
        given = tensors_in((*args, kwargs))
        if name in _CHOICES:
            self.routing.update(p for t in given for p in self._sources(t))
        if name in _MIXING or name in PRODUCTS:
            self._mixes(name, given, out)
            return out
        if not (name in _STATISTICS and given and _of_features(given[0], out)):
            self._carry(name, given, out)
        return out

    def _sources(self, tensor: Tensor) -> tuple[Product, ...]:
        """The products that a tensor comes from, or that its probabilities do."""
        return (*self._origins.get(id(tensor), ()), *self._probabilities.get(id(tensor), ()))

    def _mixes(self, name: str, given: Sequence[Tensor], out: Any) -> None:
        if name not in _MIXING or name == "multi_head_attention_forward":
            return
        sources = [p for tensor in given for p in self._origins.get(id(tensor), ())]
        self.mixed.update(sources)
        if name == "softmax":
            self._kept.append(out)
            self._probabilities[id(out)] = sources

    def _carry(self, name: str, given: Sequence[Tensor], out: Any) -> None:
        origins: _Origins = {}
        for tensor in given:
            for source, activated in self._origins.get(id(tensor), {}).items():
                origins[source] = origins.get(source, False) or activated
        if not origins:
            return
        if name in _ACTIVATIONS:
            origins = dict.fromkeys(origins, True)
        for tensor in tensors_in((out,)):
            if tensor.is_floating_point() or tensor.dtype == torch.bool:
                self._note(tensor, origins)

    def _note(self, tensor: Tensor, origins: _Origins) -> None:
        self._kept.append(tensor)
        self._origins[id(tensor)] = origins

    def layers(self) -> tuple[tuple[Product, ...], ...]:
        """The feed-forward layers, without those of a classifier behind convolutions."""
        layers: list[tuple[Product, ...]] = []
        inside: set[Product] = set()
        among_experts = self._among_experts()
        for product in self.following:
            widens = product.outputs > product.inputs
            if (widens or product in among_experts) and product not in inside:
                layer = _layer(product, self.following, _narrows if widens else _returns)
                inside.update(layer)
                if layer:
                    layers.append(layer)
        convolutions = [p for p in self.following if p.kind == CONVOLUTION]
        stacked = any(after.kind != LINEAR for p in convolutions for after in self.following[p])
        if stacked and all(layer[0].kind == LINEAR for layer in layers):
            layers = [layer for layer in layers if not self._vectors[layer[0]]]
        return tuple(layers)

    def _among_experts(self) -> set[Product]:
        """Matrices of experts, which need not widen, and what stands beside them.

        A router is told by what it is near: as many matrices, or modules in a list, as it has
        outputs.
        """
        near = []
        for router in self.routing:
            start = ".".join(router.weight.split(".")[:-2])
            start += "." * bool(start)
            within = [name for name in self._shapes if name.startswith(start)]
            stacked = any(self._shapes[n][0] == router.outputs for n in within if self._deep(n))
            lists: dict[str, set[str]] = {}
            for name in within:
                steps = name[len(start) :].split(".")
                for at, step in enumerate(steps[:2]):
                    if step.isdigit():
                        lists.setdefault(".".join(steps[:at]), set()).add(step)
            if stacked or any(len(found) == router.outputs for found in lists.values()):
                near.append(start)
        return {
            product
            for product in self.following
            if product.kind == LINEAR
            and product not in self.routing
            and (product.part is not None or product.weight.startswith(tuple(near)))
        }

    def _deep(self, name: str) -> bool:
        return len(self._shapes[name]) == 3


_DATA = Tensor.data.__get__  # type: ignore[attr-defined]


def _positions(features: Tensor, kernel: Tensor) -> int:
    """How many places a convolution's input or output has."""
    return features.shape[2 - kernel.ndim :].numel()


def _of_features(given: Tensor, out: object) -> bool:
    """Whether one number stands for all features of a token."""
    return isinstance(out, Tensor) and out.shape == (*given.shape[:-1], 1) != given.shape


def structure_of(
    parameters: Mapping[str, Tensor],
    weights: Iterable[str],
    calls: Iterable[Callable[[], object]],
) -> Structure:
    """The products that a network makes when it is called, and its feed-forward layers.

    Args:
        parameters: name -> the tensor in place while it is called.
        weights: the names of those that are products' weights.
        calls: each calls the network; what any of them makes is of the structure.
    """
    flow = _Flow(parameters)
    versions = {name: tensor._version for name, tensor in parameters.items()}
    held = {name: parameters[name] for name in weights}
    unfollowed: dict[str, str] = {}
    for call in calls:
        products = Products(held, flow.multiplied, flow.returned)
        with torch.no_grad(), flow, products:
            call()
        unfollowed |= products.unfollowed
    changed = any(parameters[name]._version != version for name, version in versions.items())
    layers = flow.layers()
    return Structure(
        tuple(flow.following),
        {product: tuple(after) for product, after in flow.following.items()},
        layers,
        {p: tuple(flow.gated[p]) for layer in layers for p in layer if flow.gated.get(p)},
        frozenset(flow.mixed),
        frozenset(flow.routing),
        _unread(flow.following, layers),
        unfollowed,
        flow.writes or changed,
    )


def _alike(one: Product, other: Product) -> bool:
    shapes = [(p.kind, p.inputs, p.outputs, p.part) for p in (one, other)]
    return shapes[0] == shapes[1] and one.kind == LINEAR


def _narrows(product: Product, _first: Product) -> bool:
    return product.outputs < product.inputs


def _returns(product: Product, first: Product) -> bool:
    return product.outputs == first.inputs


def _unread(
    following: Mapping[Product, Iterable[Product]], layers: Iterable[Iterable[Product]]
) -> tuple[str, ...]:
    read = {product.weight for layer in layers for product in layer}
    read |= {p.weight for layer in layers for product in layer for p in following[product]}
    left = (
        p.weight
        for p, after in following.items()
        if p.part is not None and p.weight not in read and any(n.part is not None for n in after)
    )
    return tuple(dict.fromkeys(left))


def _layer(
    first: Product,
    following: Mapping[Product, Iterable[Product]],
    ends: Callable[[Product, Product], bool],
) -> tuple[Product, ...]:
    """The products from the first up to one that ends the layer; empty where none does."""
    layer = [first]
    for product in layer:
        after = [p for p in following[product] if p.kind == first.kind != CONVOLUTION]
        if ends is _returns:  # a gate of few features reaches what it scales: not by its width
            after = [p for p in after if p.inputs <= product.outputs]
        if any(ends(p, first) for p in after):
            return tuple(layer)
        layer += [p for p in after if p not in layer]
    return ()
