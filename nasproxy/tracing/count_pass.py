"""Counting: parameters and multiply-accumulates, on a device that computes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.tracing.bypass import bypassed
from nasproxy.tracing.decomposed import decomposed
from nasproxy.tracing.location import Location, tracked
from nasproxy.tracing.nodes import check_real, parameter_owners
from nasproxy.tracing.parts import Parts, parts_of
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.stateless import called_with
from nasproxy.tracing.subject import Subject, first_line, shapes

__all__ = [
    "COUNT_PASS",
    "EMBEDDINGS",
    "LABELS",
    "MULTIPLY_ACCUMULATES",
    "PARAMETER_COUNTS",
    "READ_PASS",
    "WEIGHTS",
    "Labels",
    "multiply_accumulates",
]


def multiply_accumulates(network: nn.Module, batch: Batch, *, seed: int = 0) -> dict[str, int]:
    """Multiply-accumulates of one sample, by the module that makes them.

    Convolutions, linear layers, matrix products and attention count; additions of biases,
    normalisations, activations and pooling do not. This is the convention of NAS-Bench-201's own
    figures. The shapes are followed on the meta device, so that nothing is computed; a network
    that cannot run there is run once on one sample. Products with a vector (``torch.mv``) and
    bilinear layers are not seen.

    Args:
        network: any network.
        batch: inputs of the shape to count for; the first sample is used.
        seed: for networks that draw random numbers.

    Returns:
        Module path -> count, for the modules that multiply.
    """
    return _multiply_accumulates(parts_of(network), batch, seed)


def _multiply_accumulates(parts: Parts, batch: Batch, seed: int) -> dict[str, int]:
    one = batch.first()
    with (
        preserved(parts, training=False, seed=seed),
        bypassed(parts),
        torch.no_grad(),
        decomposed(),
    ):
        try:
            return _counted(parts, one, lambda tensor: torch.empty_like(tensor, device="meta"))
        except Exception:  # a network may build tensors on a device of its own, or look at values
            try:
                return _counted(parts, one, lambda tensor: tensor.detach().clone())
            except Exception as cause:
                raise NasproxyError(
                    f"the network cannot be called on one sample "
                    f"({shapes(one)}): {type(cause).__name__}: {first_line(cause)}",
                    accepted="inputs of the shape and dtype that the network's forward takes",
                ) from cause


def _counted(parts: Parts, batch: Batch, placed: Callable[[Tensor], Tensor]) -> dict[str, int]:
    state = {name: placed(parameter) for name, parameter in parts.parameters.items()}
    state |= {name: placed(buffer) for name, buffer in parts.buffers.items()}
    args, keywords = batch.mapped(placed).arguments
    with tracked(parts) as location, _Products(location) as products:
        called_with(parts, state, args, keywords)
    return dict(products.counts)


class _Products(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the products of every operation at the module that is being called."""

    def __init__(self, location: Location) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._location = location
        self.counts: defaultdict[str, int] = defaultdict(int)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            # torch counts a multiply-accumulate as two operations
            self.counts[self._location.name] += formula(*args, **kwargs, out_val=out) // 2
        return out


def _count(subject: Subject, _wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
    counts = _multiply_accumulates(subject.parts, subject.batch, subject.seed)
    return {MULTIPLY_ACCUMULATES: counts}


@dataclass(frozen=True)
class Labels:
    """The labels of a batch.

    Attributes:
        values: int64 ``[n]`` or ``[n, t]``.
        classes: how many classes they come from, or None where not known.
    """

    values: Tensor
    classes: int | None


def _read(subject: Subject, wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
    batch = subject.batch
    made: dict[Record[Any], object] = {
        PARAMETER_COUNTS: parameter_owners(subject.parts),
        WEIGHTS: _weights(subject),
        EMBEDDINGS: frozenset(
            name
            for name, module in subject.parts.modules.items()
            if isinstance(module, nn.Embedding | nn.EmbeddingBag)
        ),
    }
    if LABELS in wanted:
        made[LABELS] = (
            NasproxyError("the batch has no labels", accepted="Batch(inputs, labels)")
            if batch.labels is None
            else Labels(batch.labels, batch.classes)
        )
    return made


def _weights(subject: Subject) -> dict[str, Tensor] | NasproxyError:
    weights = {name: subject.parts.parameters[name].detach() for name in subject.nodes}
    try:
        check_real(weights)
    except NasproxyError as error:
        return error
    return weights


READ_PASS = Pass("read", lambda _wanted: "no traversal, the parameters are read", _read)
PARAMETER_COUNTS: Record[dict[str, int]] = Record("parameters of every module", READ_PASS)
WEIGHTS: Record[dict[str, Tensor]] = Record("every weight", READ_PASS)
EMBEDDINGS: Record[frozenset[str]] = Record("which modules are embeddings", READ_PASS)
LABELS: Record[Labels] = Record("the labels of the batch", READ_PASS, labels=True)

COUNT_PASS = Pass("count", lambda _wanted: "1 forward of shapes, nothing computed", _count)
MULTIPLY_ACCUMULATES: Record[dict[str, int]] = Record(
    "multiply-accumulates of every module", COUNT_PASS
)
