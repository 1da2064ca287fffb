"""Feed-forward layers, found by what a network does: widen, activate, narrow.

Every product with a weight is followed to the next one. A feed-forward layer begins with a linear
layer that widens, whose output reaches another linear layer through an activation, and so on to
one that narrows. How the layer is written does not matter: modules or functions, a weight
``[out, in]`` or ``[in, out]`` (the Conv1D of GPT-2), one matrix for gate and value or two, a
composed activation. What passes through a product of two activations (attention) is not followed.
Convolutions of kernel 1 count as linear layers among themselves, with depthwise ones between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["Product", "Products", "Structure", "structure_of"]

_LINEAR = "linear"
_POINTWISE = "pointwise"
_CONVOLUTION = "convolution"

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
_CONVOLUTIONS = frozenset({"conv1d", "conv2d", "conv3d"})
_PRODUCTS = frozenset({"linear", "addmm", "matmul", "__matmul__", "mm"}) | _CONVOLUTIONS
_VIEWS = frozenset({"t", "transpose", "__get__", "permute", "view", "reshape", "to", "contiguous"})


@dataclass(frozen=True)
class Product:
    """One multiplication by a weight.

    Attributes:
        weight: the parameter's name.
        call: 1 for the first time that this weight multiplies, 2 for the second ...
        kind: "linear", "pointwise" (a convolution of kernel 1) or "convolution".
        inputs: how many features go in (channels, for a convolution).
        outputs: how many come out.
        groups: of a convolution; 1 otherwise.
    """

    weight: str
    call: int
    kind: str
    inputs: int
    outputs: int
    groups: int = 1

    @property
    def node(self) -> str:
        """The weight's name, with ``#k`` for its k-th product."""
        return self.weight if self.call == 1 else f"{self.weight}#{self.call}"


@dataclass(frozen=True)
class Structure:
    """The products of a network, and which of them a feed-forward layer is made of.

    Attributes:
        products: all, in the order of the calls.
        following: product -> those that its output reaches through an activation.
        layers: the feed-forward layers: the products up to the one that narrows, without it.
        mixed: the products whose output is mixed over positions next: queries, keys, values.
        writes: whether the network may write to its own parameters when it is called.
    """

    products: tuple[Product, ...]
    following: Mapping[Product, tuple[Product, ...]]
    layers: tuple[tuple[Product, ...], ...]
    mixed: frozenset[Product]
    writes: bool


class Products(TorchFunctionMode):
    """Hands every product of a tensor and a weight to an observer, before it is made.

    Args:
        weights: name -> the tensor that the network multiplies by.
        observe: called with the product, the inputs and the matrix (for a linear product
            ``[out, in]``, a view); what it raises ends the call.
        returned: called with the product and what it gives.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        observe: Callable[[Product, Tensor, Tensor], None],
        returned: Callable[[Product, Tensor], None] | None = None,
    ) -> None:
        super().__init__()
        self._names = {id(tensor): name for name, tensor in weights.items()}
        self._views: list[Tensor] = []  # kept, so that no other tensor gets their identity
        self._calls: Counter[str] = Counter()
        self._observe = observe
        self._returned = returned

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        product = None
        if name in _PRODUCTS:
            found = self._product(name, args, kwargs)
            if found is not None:
                product, inputs, matrix = found
                self._observe(product, inputs, matrix)
        out = func(*args, **kwargs)
        if product is not None and self._returned is not None:
            self._returned(product, out)
        elif name in _VIEWS and args and id(args[0]) in self._names and isinstance(out, Tensor):
            self._names[id(out)] = self._names[id(args[0])]
            self._views.append(out)
        return out

    def _product(
        self, function: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Product, Tensor, Tensor] | None:
        inputs, matrix = _factors(function, args, kwargs)
        name = self._names.get(id(matrix))
        if name is None or matrix.ndim < 2:
            return None
        self._calls[name] += 1
        call = self._calls[name]
        if function in _CONVOLUTIONS:
            groups = inputs.shape[1 if inputs.ndim == matrix.ndim else 0] // matrix.shape[1]
            pointwise = all(side == 1 for side in matrix.shape[2:]) and groups == 1
            kind = _POINTWISE if pointwise else _CONVOLUTION
            width = matrix.shape[1] * groups
            return Product(name, call, kind, width, matrix.shape[0], groups), inputs, matrix
        if matrix.ndim != 2:
            return None
        if function != "linear":
            matrix = matrix.T
        product = Product(name, call, _LINEAR, matrix.shape[1], matrix.shape[0])
        return product, inputs, matrix


def _factors(function: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
    """What is multiplied, and what by."""
    if function == "addmm":
        return _nth(args, kwargs, 1, "mat1"), _nth(args, kwargs, 2, "mat2")
    if function == "linear" or function in _CONVOLUTIONS:
        return _nth(args, kwargs, 0, "input"), _nth(args, kwargs, 1, "weight")
    second = "mat2" if function == "mm" else "other"
    return _nth(args, kwargs, 0, "input"), _nth(args, kwargs, 1, second)


def _nth(args: tuple[Any, ...], kwargs: Mapping[str, Any], place: int, name: str) -> Any:
    return args[place] if len(args) > place else kwargs.get(name)


_Origins = dict[Product, bool]
"""Which products a tensor comes from, and for each whether through an activation."""


class _Flow(TorchFunctionMode):
    """Follows tensors from product to product."""

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._own = {id(tensor) for tensor in parameters.values()}
        self._origins: dict[int, _Origins] = {}
        self._kept: list[Tensor] = []  # so that no other tensor gets their identity
        self._incoming: _Origins = {}
        self.products: list[Product] = []
        self.following: dict[Product, list[Product]] = {}
        self.mixed: set[Product] = set()
        self.writes = False

    def multiplied(self, product: Product, inputs: Tensor, _matrix: Tensor) -> None:
        self.products.append(product)
        self.following[product] = []
        self._incoming = self._origins.get(id(inputs), {})
        for source, activated in self._incoming.items():
            if activated:
                self.following[source].append(product)

    def returned(self, product: Product, out: Tensor) -> None:
        depthwise = product.groups == product.inputs > 1  # its input's channels, filtered
        self._note(out, self._incoming if depthwise else {product: False})

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
        out = func(*args, **kwargs)
        if name == "__get__" and not isinstance(out, Tensor):  # a shape, a device
            return out
        given = _tensors((*args, kwargs))
        if name in _MIXING and name != "multi_head_attention_forward":
            for tensor in given:
                self.mixed.update(self._origins.get(id(tensor), ()))
        if name in _MIXING or name in _PRODUCTS:
            return out
        origins: _Origins = {}
        for tensor in given:
            for source, activated in self._origins.get(id(tensor), {}).items():
                origins[source] = origins.get(source, False) or activated
        if origins:
            if name in _ACTIVATIONS:
                origins = dict.fromkeys(origins, True)
            for tensor in _tensors((out,)):
                if tensor.is_floating_point():
                    self._note(tensor, origins)
        return out

    def _note(self, tensor: Tensor, origins: _Origins) -> None:
        self._kept.append(tensor)
        self._origins[id(tensor)] = origins


_DATA = Tensor.data.__get__  # type: ignore[attr-defined]


def _tensors(values: Iterable[Any]) -> list[Tensor]:
    found = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, tuple | list):
            found += _tensors(value)
        elif isinstance(value, dict):
            found += _tensors(value.values())
    return found


def structure_of(
    parameters: Mapping[str, Tensor], weights: Iterable[str], call: Callable[[], object]
) -> Structure:
    """The products that a network makes when it is called, and its feed-forward layers.

    Args:
        parameters: name -> the tensor in place while it is called.
        weights: the names of those that are products' weights.
        call: calls the network.
    """
    flow = _Flow(parameters)
    versions = {name: tensor._version for name, tensor in parameters.items()}
    held = {name: parameters[name] for name in weights}
    with torch.no_grad(), flow, Products(held, flow.multiplied, flow.returned):
        call()
    changed = any(parameters[name]._version != version for name, version in versions.items())
    following = {product: tuple(after) for product, after in flow.following.items()}
    layers: list[tuple[Product, ...]] = []
    inside: set[Product] = set()
    for product in flow.products:
        if product.outputs > product.inputs and product not in inside:
            layer = _layer(product, following)
            inside.update(layer)
            if layer:
                layers.append(layer)
    return Structure(
        tuple(flow.products),
        following,
        tuple(layers),
        frozenset(flow.mixed),
        flow.writes or changed,
    )


def _layer(first: Product, following: Mapping[Product, tuple[Product, ...]]) -> tuple[Product, ...]:
    """The products from one that widens up to the first that narrows; empty where none does."""
    layer = [first]
    for product in layer:
        after = [p for p in following[product] if p.kind == first.kind != _CONVOLUTION]
        if any(p.outputs < p.inputs for p in after):
            return tuple(layer)
        layer += [p for p in after if p not in layer]
    return ()
