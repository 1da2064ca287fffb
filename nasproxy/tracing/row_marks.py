"""Which sample, or which token, the rows of a tensor belong to, however they are laid out.

A network may hold its tokens as ``[n, t, d]``, as ``[t, n, d]`` or as rows, in either order, and
gather some of them for an expert. So marks are given to the tokens of the inputs and follow them:
what moves a tensor's elements moves its marks alike, and what keeps its leading dimensions keeps
them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nasproxy.errors import NasproxyError
from nasproxy.tracing.products import tensors_in

__all__ = ["RowMarks"]

_MOVING = frozenset(
    {
        "view",
        "reshape",
        "flatten",
        "unflatten",
        "transpose",
        "swapaxes",
        "swapdims",
        "permute",
        "movedim",
        "moveaxis",
        "t",
        "squeeze",
        "unsqueeze",
        "expand",
        "repeat",
        "repeat_interleave",
        "tile",
        "flip",
        "roll",
        "select",
        "narrow",
        "index_select",
        "gather",
        "take_along_dim",
        "__getitem__",
        "__get__",
    }
)
_SPLITTING = frozenset({"chunk", "split", "tensor_split", "unbind"})
_JOINING = frozenset({"cat", "concat", "concatenate", "stack"})


class RowMarks(TorchFunctionMode):
    """Follows marks from the inputs of a network to the features within it.

    Args:
        roots: pairs of an input ``[n, t]`` or ``[n, t, ...]`` and the marks of its tokens
            ``[n, t]``.
        samples: whether the marks are of samples, so that what is made of a sample's tokens
            together has its mark; otherwise it has none.
    """

    def __init__(self, roots: Iterable[tuple[Tensor, Tensor]], *, samples: bool = False) -> None:
        super().__init__()
        self._marks: dict[int, tuple[weakref.ref[Tensor], Tensor]] = {}
        self._roots = [(tensor, marks) for tensor, marks in roots]
        # What is followed is which token it is, and not its mark: two tokens with one mark are
        # still two, and what is made of both is neither.
        self._given = torch.cat([marks.reshape(-1).cpu() for _, marks in self._roots] or [_NONE])
        told = all(_same(marks, self._roots[0][1]) for _, marks in self._roots)
        self._by_shape = self._roots if samples or told else []
        start = 0
        for tensor, marks in self._roots:
            which = torch.arange(start, start + marks.numel(), device=tensor.device)
            which = which.view(marks.shape)
            start += marks.numel()
            spread = _spread(which[:, :1].expand_as(which) if samples else which, tensor.shape)
            if spread is not None:
                self._keep(tensor, spread)

    def of(self, features: Tensor) -> Tensor:
        """The marks of the rows of ``features.reshape(-1, d)``.

        Raises:
            NasproxyError: they cannot be told.
        """
        marks = self._get(features)
        if marks is not None and _constant(marks):
            which = marks[..., 0].reshape(-1)
            return self._given[which.cpu()].to(which.device)
        for _, given in self._by_shape:
            rows, (n, t) = tuple(features.shape[:-1]), given.shape
            if n != t and rows == (n, t):
                return given.reshape(-1)
            if n != t and rows == (t, n):
                return given.T.reshape(-1)
        raise NasproxyError(
            f"which tokens the rows of features {list(features.shape)} are cannot be told"
            + "".join(f": the tokens are {list(marks.shape)}" for _, marks in self._roots[:1]),
            accepted="features [n, t, d] or [t, n, d], or rows that were such features",
        )

    def are_tokens(self, features: Tensor) -> bool:
        """Whether rows have marks, or are as many as the tokens of an input."""
        sizes = {marks.numel() for _, marks in self._roots}
        return self._get(features) is not None or features.shape[:-1].numel() in sizes

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        marks = self._get(args[0]) if args and isinstance(args[0], Tensor) else None
        if isinstance(out, tuple | list):
            if marks is not None and name in _SPLITTING:
                for one, of_one in zip(out, func(marks, *args[1:], **kwargs), strict=True):
                    self._keep(one, of_one)
        elif isinstance(out, Tensor):
            moved = (
                None if marks is None or name not in _MOVING else _moved(func, marks, args, kwargs)
            )
            if name == "einsum":
                moved = self._contracted(args, out)
            if name in _JOINING:
                self._join(func, args, kwargs, out)
                return out
            if moved is not None and moved.shape == out.shape:
                self._keep(out, moved)
            else:
                self._carry(tensors_in((*args, kwargs)), out)
        return out

    def _carry(self, given: Iterable[Tensor], out: Tensor) -> None:
        known = [marks for marks in map(self._get, given) if marks is not None]
        # What has the output's own shape says more than what is spread over it.
        for marks in (*known, *map(_of_rows, known)):
            carried = _spread(marks, out.shape)
            if carried is not None:
                self._keep(out, carried)
                return

    def _join(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor
    ) -> None:
        """What is put together of tokens has the marks of each, if all have them."""
        parts = list(args[0] if args else kwargs["tensors"])
        rest = {name: value for name, value in kwargs.items() if name not in ("tensors", "out")}
        known = [marks for marks in map(self._get, parts) if marks is not None]
        if len(known) == len(parts):
            joined = func(known, *args[1:], **rest)
            if joined.shape == out.shape:
                self._keep(out, joined)
        elif all(marks.shape[:-1] == out.shape[:-1] for marks in known):  # more features a row
            self._carry(parts, out)

    def _contracted(self, args: Any, out: Tensor) -> Tensor | None:
        """The marks of what ``einsum`` returns: whatever rows are multiplied by."""
        letters, _, output = str(args[0]).replace(" ", "").partition("->")
        for tensor, given in zip(tensors_in(args[1:]), letters.split(","), strict=False):
            marks = self._get(tensor)
            if marks is None or len(output) != out.ndim or len(given) != marks.ndim:
                continue
            summed = [letter for letter in given if letter not in output]
            kept = [letter for letter in output if letter in given]
            marks = marks.permute([given.index(letter) for letter in (*kept, *summed)])
            for _ in summed:
                if not _constant(marks):
                    return None
                marks = marks[..., 0]
            for at, letter in enumerate(output):
                if letter not in given:
                    marks = marks.unsqueeze(at)
            return marks.expand(out.shape)
        return None

    def _get(self, tensor: Tensor) -> Tensor | None:
        held, marks = self._marks.get(id(tensor), (None, None))
        return marks if held is not None and held() is tensor else None

    def _keep(self, tensor: Tensor, marks: Tensor) -> None:
        key = id(tensor)

        def forget(held: weakref.ref[Tensor]) -> None:
            if self._marks.get(key, (None, None))[0] is held:
                del self._marks[key]

        self._marks[key] = (weakref.ref(tensor, forget), marks)


def _moved(
    func: Callable[..., Any], marks: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Tensor | None:
    # The marks of all features of a token are one number in memory, of which a view cannot be had.
    if func is Tensor.view:
        func = Tensor.reshape
    try:
        found = func(marks, *args[1:], **kwargs)
    except (RuntimeError, TypeError):  # a view as another dtype, say
        return None
    return found if isinstance(found, Tensor) else None


def _spread(marks: Tensor, shape: torch.Size) -> Tensor | None:
    """The marks of leading dimensions, for every number there."""
    if shape[: marks.ndim] != marks.shape:
        return None
    # Stride 0 of one feature too: it tells features from tokens, of which there may be one.
    return marks.as_strided(shape, (*marks.stride(), *(0,) * (len(shape) - marks.ndim)))


def _of_rows(marks: Tensor) -> Tensor:
    """The marks without the features' dimensions."""
    while marks.ndim > 1 and _constant(marks):
        marks = marks[..., 0]
    return marks


def _constant(marks: Tensor) -> bool:
    """Whether all features of a row have one mark; a single number may be a token."""
    if marks.stride(-1) == 0:
        return True
    if marks.shape[-1] == 1 and marks.ndim > 1 and marks.stride(-2) == 0:
        return True  # what stands behind a token's features is of that token
    return marks.shape[-1] > 1 and bool((marks == marks[..., :1]).all())


def _same(one: Tensor, other: Tensor) -> bool:
    return one is other or (one.shape == other.shape and bool((one == other).all()))


_NONE = torch.zeros(0)
