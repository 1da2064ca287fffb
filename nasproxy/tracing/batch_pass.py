"""The pass over the batch: one forward, and the backwards that the wanted records need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float64, UInt64
from torch import Tensor, nn

from nasproxy.errors import NasproxyError
from nasproxy.tracing.activations import ActivationInputs
from nasproxy.tracing.agreement import sign_agreements
from nasproxy.tracing.channel_saliency import ChannelSaliencies
from nasproxy.tracing.curvature import differentiates_alike, hessian_products
from nasproxy.tracing.input_jacobian import InputLeaves
from nasproxy.tracing.location import Location, tracked
from nasproxy.tracing.loss import loss_of, weight_gradients
from nasproxy.tracing.pattern import unit_patterns
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.second_order import TwiceDifferentiable
from nasproxy.tracing.subject import Subject

__all__ = [
    "AGREEMENTS",
    "BATCH_PASS",
    "CHANNEL_SALIENCIES",
    "HESSIAN_PRODUCTS",
    "INPUT_JACOBIAN",
    "UNIT_PATTERNS",
    "WEIGHT_GRADIENTS",
]

_Agreements = dict[str, Float64[np.ndarray, "n n"]]
_Saliencies = dict[str, Float[Tensor, "n channels"]]
_Wanted = frozenset[Record[Any]]

T = TypeVar("T")


def _cost(wanted: _Wanted) -> str:
    backwards = bool(wanted & _BY_LOSS) + (INPUT_JACOBIAN in wanted)
    said = ["1 forward"]
    if backwards:
        said.append("1 backward" if backwards == 1 else f"{backwards} backwards")
    if HESSIAN_PRODUCTS in wanted:
        said.append("1 backward through the backward")
    return ", ".join(said)


def _run(subject: Subject, wanted: _Wanted) -> Mapping[Record[Any], object]:
    by_loss, by_inputs = bool(wanted & _BY_LOSS), INPUT_JACOBIAN in wanted
    parameters = subject.parameters(gradients=by_loss)
    made: dict[Record[Any], object] = {}
    with (
        preserved(subject.parts, training=True, seed=subject.seed),
        torch.set_grad_enabled(by_loss or by_inputs),
    ):
        leaves = InputLeaves(subject.batch) if by_inputs else None
        saliencies = ChannelSaliencies(subject) if CHANNEL_SALIENCIES in wanted else None
        activations = _Activations(subject.batch.size, wanted)
        twice = TwiceDifferentiable(parameters) if HESSIAN_PRODUCTS in wanted else None
        predicted = _called(subject, parameters, leaves, saliencies, activations, twice)
        made |= activations.made
        if leaves is not None:
            taken = leaves
            made[INPUT_JACOBIAN] = _attempt(lambda: taken.jacobian(predicted, retain_graph=by_loss))
        if by_loss:
            made |= _of_loss(subject, wanted, parameters, predicted, saliencies, twice)
    return made


def _called(
    subject: Subject,
    parameters: Mapping[str, Tensor],
    leaves: InputLeaves | None,
    saliencies: ChannelSaliencies | None,
    activations: _Activations,
    twice: TwiceDifferentiable | None,
) -> Tensor:
    """The prediction, with whatever observes the network in place while it is called."""
    if leaves is not None:
        subject = replace(subject, batch=leaves.batch)
    if leaves is None and saliencies is None and not activations.made and twice is None:
        return subject.call(parameters)

    def returned(module: nn.Module, _inputs: object, output: object) -> object:
        if saliencies is not None:
            saliencies.returned(location.name, module, output)
        return None if leaves is None else leaves.embedded(module, output)

    with ExitStack() as observing:
        if twice is not None:  # outermost, so that it does not hide a function from the others
            observing.enter_context(twice)
        seen = None if leaves is None and saliencies is None else returned
        location = observing.enter_context(tracked(subject.parts, seen))
        if activations.made:
            observe = partial(activations.observe, location)
            observing.enter_context(ActivationInputs(observe))
        if saliencies is not None:
            observing.enter_context(saliencies)
        return subject.call(parameters)


def _of_loss(
    subject: Subject,
    wanted: _Wanted,
    parameters: Mapping[str, Tensor],
    predicted: Tensor,
    saliencies: ChannelSaliencies | None,
    twice: TwiceDifferentiable | None,
) -> dict[Record[Any], object]:
    """The records that need the gradient of the loss; where one fails, its error."""
    second, first = twice is not None, wanted & {WEIGHT_GRADIENTS, CHANNEL_SALIENCIES}
    made: dict[Record[Any], object] = {}
    if twice is not None:
        twice.weights = True
    try:
        loss = loss_of(subject, predicted)
        shared = second and differentiates_alike(loss)
        if first:
            if saliencies is not None:
                saliencies.recording = True
            gradients = weight_gradients(
                subject, parameters, loss, retain_graph=second, create_graph=shared
            )
            made[WEIGHT_GRADIENTS] = {name: g.detach() for name, g in gradients.items()}
            if saliencies is not None:
                saliencies.recording = False
                made[CHANNEL_SALIENCIES] = _attempt(saliencies.sums)
    except NasproxyError as error:  # what the forward recorded stands
        return dict.fromkeys(wanted & _BY_LOSS, error)
    if twice is not None:
        replaced = twice

        def products() -> dict[str, float]:
            known = first and shared
            kept = (
                gradients
                if known
                else weight_gradients(subject, parameters, loss, create_graph=True)
            )
            return hessian_products(subject, parameters, kept, replaced)

        made[HESSIAN_PRODUCTS] = _attempt(products)
    return made


def _attempt(make: Callable[[], T]) -> T | NasproxyError:
    """What is made, or the error, so that one record's failure leaves the others."""
    try:
        return make()
    except NasproxyError as error:
        return error


class _Activations:
    """What is recorded of each call of an activation function, by node."""

    def __init__(self, samples: int, wanted: _Wanted) -> None:
        self._samples = samples
        self._calls: Counter[str] = Counter()
        self.made: dict[Record[Any], dict[str, Any] | NasproxyError] = {
            record: {} for record in _OF_ACTIVATIONS if record in wanted
        }

    def observe(self, location: Location, inputs: Tensor) -> None:
        name = location.name
        self._calls[name] += 1
        node = name if self._calls[name] == 1 else f"{name}#{self._calls[name]}"
        for record, nodes in self.made.items():
            if isinstance(nodes, NasproxyError):
                continue
            try:
                found = _OF_ACTIVATIONS[record](inputs, self._samples)
            except NasproxyError as error:
                self.made[record] = error
                continue
            if found is not None:
                nodes[node] = found


BATCH_PASS = Pass("batch", _cost, _run)
WEIGHT_GRADIENTS: Record[dict[str, Tensor]] = Record(
    "gradient of the loss by every weight", BATCH_PASS, labels=True, gradients=True
)
CHANNEL_SALIENCIES: Record[_Saliencies] = Record(
    "activation times gradient of every channel of every weight's output",
    BATCH_PASS,
    labels=True,
    gradients=True,
)
HESSIAN_PRODUCTS: Record[dict[str, float]] = Record(
    "product of every weight with the Hessian of the loss times its gradient",
    BATCH_PASS,
    labels=True,
    gradients=True,
)
INPUT_JACOBIAN: Record[Float[Tensor, "n d"]] = Record(
    "gradient of the summed outputs by every sample's input", BATCH_PASS, gradients=True
)
AGREEMENTS: Record[_Agreements] = Record(
    "sign agreements of every two samples at every activation", BATCH_PASS
)
UNIT_PATTERNS: Record[dict[str, UInt64[np.ndarray, "k words"]]] = Record(
    "distinct patterns in which the samples switch the units of every activation", BATCH_PASS
)
_OF_ACTIVATIONS: dict[Record[Any], Callable[[Tensor, int], object]] = {
    AGREEMENTS: sign_agreements,
    UNIT_PATTERNS: unit_patterns,
}
_BY_LOSS: _Wanted = frozenset({WEIGHT_GRADIENTS, CHANNEL_SALIENCIES, HESSIAN_PRODUCTS})
