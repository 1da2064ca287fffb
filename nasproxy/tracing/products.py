"""The products that a network makes with its weights, seen as they are made.

A product is told by what it multiplies and not by how it is written: modules or functions, a
weight ``[out, in]`` or ``[in, out]``, ``einsum``. A weight of three dimensions that is no kernel
holds one matrix an expert: taken one by one, by an index for every row, all at once for as many
lots of rows, or for rows sorted by expert, as mixtures of experts do it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nasproxy.tracing.contractions import contraction

__all__ = [
    "CONVOLUTION",
    "LINEAR",
    "POINTWISE",
    "PRODUCTS",
    "Multiplied",
    "Product",
    "Products",
    "tensors_in",
]

LINEAR = "linear"
POINTWISE = "pointwise"
CONVOLUTION = "convolution"

_CONVOLUTIONS = frozenset({"conv1d", "conv2d", "conv3d"})
_SORTED = frozenset({"grouped_mm", "_grouped_mm", "grouped_mm_fallback"})
_BATCHED = frozenset({"matmul", "__matmul__", "bmm", "baddbmm"})
PRODUCTS = frozenset({"linear", "addmm", "mm", "einsum"}) | _CONVOLUTIONS | _BATCHED | _SORTED
"""Names of the functions of torch that may multiply by a weight."""
_INDICES = (torch.int64, torch.int32)
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
        part: which matrix of a weight that holds one an expert; None where it is one matrix.
    """

    weight: str
    call: int
    kind: str
    inputs: int
    outputs: int
    groups: int = 1
    part: int | None = None

    @property
    def node(self) -> str:
        """The weight's name, with ``[e]`` for its e-th matrix and ``#k`` for its k-th product."""
        name = self.weight if self.part is None else f"{self.weight}[{self.part}]"
        return name if self.call == 1 else f"{name}#{self.call}"


def _itself(out: Tensor) -> Tensor:
    return out


@dataclass(frozen=True)
class Multiplied:
    """A product with its factors.

    Attributes:
        product: which.
        inputs: what is multiplied, features last (channels second, for a convolution).
        matrix: ``[out, in]``, or the kernel; a view of the weight.
        outputs: of what the call returns, the part that is this product's, features last.
    """

    product: Product
    inputs: Tensor
    matrix: Tensor
    outputs: Callable[[Tensor], Tensor] = _itself


@dataclass(frozen=True)
class _View:
    """A weight as it was taken: whole, the matrix of one expert, or one for every row."""

    name: str
    part: int | Tensor | None = None


class Products(TorchFunctionMode):
    """Hands the products of every call to an observer, before they are made.

    Args:
        weights: name -> the tensor that the network multiplies by.
        observe: called with the products of one call; what it raises ends the call.
        returned: called with them and what the call gives.

    Attributes:
        unfollowed: weight -> the function that multiplied by it in a way that is not known here.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        observe: Callable[[Sequence[Multiplied]], None],
        returned: Callable[[Sequence[Multiplied], Tensor], None] | None = None,
    ) -> None:
        super().__init__()
        self._views = {id(tensor): _View(name) for name, tensor in weights.items()}
        self._kept: list[Tensor] = []  # so that no other tensor gets their identity
        self._calls: Counter[tuple[str, int | None]] = Counter()
        self._observe = observe
        self._returned = returned
        self.unfollowed: dict[str, str] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        made: list[Multiplied] = []
        if name in PRODUCTS:
            made = list(self._made(name, args, kwargs))
            if made:
                self._observe(made)
        out = func(*args, **kwargs)
        if made:
            if self._returned is not None:
                self._returned(made, out)
        elif args and isinstance(args[0], Tensor) and id(args[0]) in self._views:
            self._taken(name, args[0], args[1:], kwargs, out)
        return out

    def _taken(
        self, name: str, weight: Tensor, args: Any, kwargs: Mapping[str, Any], out: Any
    ) -> None:
        view = self._views[id(weight)]
        if isinstance(out, Tensor) and name in _VIEWS:
            self._note(out, view)
        elif weight.ndim != 3 or view.part is not None:
            return
        elif name == "unbind" and not any((*args, *kwargs.values())):
            for part, matrix in enumerate(out):
                self._note(matrix, _View(view.name, part))
        elif name in ("__getitem__", "select", "index_select"):
            index = args[-1] if name == "__getitem__" or args[:1] == (0,) else None
            if isinstance(index, Tensor) and index.dtype in _INDICES and index.ndim < 2:
                index = index % weight.shape[0]
                self._note(out, _View(view.name, int(index) if index.ndim == 0 else index))
            elif isinstance(index, int) and not isinstance(index, bool):
                self._note(out, _View(view.name, index % weight.shape[0]))

    def _note(self, tensor: Tensor, view: _View) -> None:
        self._views[id(tensor)] = view
        self._kept.append(tensor)

    def _made(
        self, function: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Iterator[Multiplied]:
        view, found = None, None
        for inputs, matrix, first in _factors(function, args, kwargs):
            view = self._views.get(id(matrix))
            if view is None or not isinstance(inputs, Tensor):
                continue
            if function in _CONVOLUTIONS:
                found = [self._convolution(view.name, inputs, matrix)]
            elif function == "einsum":
                found = self._contracted(view, args[0], inputs, matrix, first)
            elif matrix.ndim == 2 and not first and not isinstance(view.part, Tensor):
                turned = matrix if function == "linear" else matrix.T
                found = [self._linear(view.name, inputs, turned, _itself, view.part)]
            elif function in _SORTED and matrix.ndim == 3 and inputs.ndim == 2:
                ends = args[2] if len(args) > 2 else kwargs.get("offs")
                found = self._sorted(view.name, inputs, matrix, ends)
            elif function in _BATCHED and matrix.ndim == 3 and inputs.ndim >= 2:
                found = self._batched(view, inputs, matrix, first)
            if found is not None:
                yield from found
                return
            self.unfollowed.setdefault(view.name, function)

    def _convolution(self, name: str, inputs: Tensor, kernel: Tensor) -> Multiplied:
        groups = inputs.shape[1 if inputs.ndim == kernel.ndim else 0] // kernel.shape[1]
        pointwise = all(side == 1 for side in kernel.shape[2:]) and groups == 1
        kind = POINTWISE if pointwise else CONVOLUTION
        width = kernel.shape[1] * groups
        call = self._call(name, None)
        return Multiplied(Product(name, call, kind, width, kernel.shape[0], groups), inputs, kernel)

    def _linear(
        self,
        name: str,
        inputs: Tensor,
        matrix: Tensor,
        outputs: Callable[[Tensor], Tensor],
        part: int | None = None,
    ) -> Multiplied:
        call = self._call(name, part)
        product = Product(name, call, LINEAR, matrix.shape[1], matrix.shape[0], part=part)
        return Multiplied(product, inputs, matrix, outputs)

    def _call(self, name: str, part: int | None) -> int:
        self._calls[name, part] += 1
        return self._calls[name, part]

    def _sorted(
        self, name: str, inputs: Tensor, matrices: Tensor, ends: Any
    ) -> list[Multiplied] | None:
        """Rows sorted by expert, those of expert e up to ``ends[e]``."""
        if not isinstance(ends, Tensor):
            return None
        found, start = [], 0
        for part, end in enumerate(ends.tolist()):
            rows = slice(start, end)
            found.append(self._linear(name, inputs[rows], matrices[part].T, _taking(rows), part))
            start = end
        return found

    def _batched(
        self, view: _View, inputs: Tensor, matrices: Tensor, first: bool
    ) -> list[Multiplied] | None:
        """Lots of rows, one a matrix; ``first`` where the matrices are the left factor."""
        turned = inputs.transpose(-1, -2) if first else inputs
        if turned.ndim < 3:
            turned = turned[None]
        if turned.shape[-3] not in (1, len(matrices)) or isinstance(view.part, int):
            return None

        def outputs(which: Any) -> Callable[[Tensor], Tensor]:
            def of(out: Tensor) -> Tensor:
                return _lot(out.transpose(-1, -2) if first else out, which)

            return of

        lots: dict[int, Any] = dict.fromkeys(range(len(matrices)))
        if isinstance(view.part, Tensor):
            lots = {int(part): view.part == part for part in torch.unique(view.part)}
        found = []
        for part, chosen in lots.items():
            which = part if chosen is None else chosen
            of = 0 if turned.shape[-3] == 1 and len(matrices) > 1 else which
            place = part if chosen is None else int(chosen.nonzero()[0])
            matrix = matrices[place] if first else matrices[place].T
            found.append(self._linear(view.name, _lot(turned, of), matrix, outputs(which), part))
        return found

    def _contracted(
        self, view: _View, equation: Any, inputs: Tensor, weight: Tensor, first: bool
    ) -> list[Multiplied] | None:
        """``einsum`` of the inputs and a weight, which may share one index: the expert's."""
        read = contraction(equation, inputs.ndim, weight.ndim, weight_first=first)
        if read is None or view.part is not None:
            return None
        if not read.expert:
            matrix = read.matrix(weight)
            return [self._linear(view.name, read.rows(inputs), matrix, read.features)]
        one = read.of_one()

        def outputs(part: int) -> Callable[[Tensor], Tensor]:
            return lambda out: one.features(read.taken(out, read.output, part))

        return [
            self._linear(
                view.name,
                one.rows(read.taken(inputs, read.inputs, part)),
                one.matrix(read.taken(weight, read.weight, part)),
                outputs(part),
                part,
            )
            for part in range(weight.shape[read.weight.index(read.expert)])
        ]


def _taking(rows: slice) -> Callable[[Tensor], Tensor]:
    return lambda out: out[rows]


def _lot(tensor: Tensor, which: Any) -> Tensor:
    """One of the lots of rows, or those of one expert among lots of one row."""
    return tensor.select(-3, which) if isinstance(which, int) else tensor[which].flatten(0, -2)


def _factors(
    function: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Iterator[tuple[Any, Any, bool]]:
    """What is multiplied, what may be a weight, and whether that is the left factor."""
    if function == "einsum":
        operands = args[1] if len(args) == 2 and isinstance(args[1], list | tuple) else args[1:]
        if len(operands) == 2 and isinstance(args[0], str):
            yield operands[0], operands[1], False
            yield operands[1], operands[0], True
        return
    if function in ("addmm", "baddbmm"):
        names = ("mat1", "mat2") if function == "addmm" else ("batch1", "batch2")
        left, right = (_nth(args, kwargs, 1 + i, name) for i, name in enumerate(names))
    elif function == "linear" or function in _CONVOLUTIONS:
        left, right = _nth(args, kwargs, 0, "input"), _nth(args, kwargs, 1, "weight")
    elif function in _SORTED:
        left = _nth(args, kwargs, 0, "input")
        right = _nth(args, kwargs, 1, "mat2")
        right = kwargs.get("weight") if right is None else right
    else:
        second = "mat2" if function in ("mm", "bmm") else "other"
        left, right = _nth(args, kwargs, 0, "input"), _nth(args, kwargs, 1, second)
    yield left, right, False
    if function in _BATCHED and isinstance(left, Tensor) and left.ndim == 3:
        yield right, left, True


def _nth(args: tuple[Any, ...], kwargs: Mapping[str, Any], place: int, name: str) -> Any:
    return args[place] if len(args) > place else kwargs.get(name)


def tensors_in(values: Any) -> list[Tensor]:
    """The tensors among values, and in the lists and mappings among them."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, tuple | list):
            found += tensors_in(value)
        elif isinstance(value, dict):
            found += tensors_in(value.values())
    return found
