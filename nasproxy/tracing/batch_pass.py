"""The pass over the batch: one forward, and the backwards that the wanted records need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float64, UInt64
from torch import Tensor, nn

from nasproxy.errors import NasproxyError
from nasproxy.tracing.activations import ActivationInputs, is_activation
from nasproxy.tracing.agreement import sign_agreements
from nasproxy.tracing.channel_saliency import ChannelSaliencies
from nasproxy.tracing.curvature import differentiates_alike, hessian_products
from nasproxy.tracing.input_jacobian import InputLeaves
from nasproxy.tracing.location import Location, tracked
from nasproxy.tracing.loss import loss_of, weight_gradients
from nasproxy.tracing.pattern import unit_patterns
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.responses import Response, Responses
from nasproxy.tracing.second_order import TwiceDifferentiable
from nasproxy.tracing.subject import Subject

__all__ = [
    "AGREEMENTS",
    "BATCH_PASS",
    "CHANNEL_SALIENCIES",
    "HESSIAN_PRODUCTS",
    "INPUT_JACOBIAN",
    "RESPONSES",
    "RESPONSES_THROUGH",
    "UNIT_PATTERNS",
    "WEIGHT_GRADIENTS",
]

_Agreements = dict[str, Float64[Tensor, "n n"]]
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


@dataclass(frozen=True)
class _Observers:
    """What watches the one forward, each where a wanted record needs it."""

    activations: _Activations
    leaves: InputLeaves | None
    saliencies: ChannelSaliencies | None
    responses: Responses | None
    twice: TwiceDifferentiable | None

    @property
    def of_backward(self) -> tuple[ChannelSaliencies | Responses, ...]:
        return tuple(o for o in (self.saliencies, self.responses) if o is not None)


def _run(subject: Subject, wanted: _Wanted) -> Mapping[Record[Any], object]:
    made: dict[Record[Any], object] = {}
    try:
        parameters = subject.parameters(gradients=bool(wanted & _BY_LOSS))
    except NasproxyError as error:  # what needs no gradient by the weights is made
        made |= dict.fromkeys(wanted & _BY_LOSS, error)
        wanted -= _BY_LOSS
        parameters = subject.parameters()
    by_loss, by_inputs = bool(wanted & _BY_LOSS), INPUT_JACOBIAN in wanted
    with (
        preserved(subject.parts, training=True, seed=subject.seed),
        torch.set_grad_enabled(by_loss or by_inputs),
    ):
        observers = _Observers(
            activations=_Activations(subject.batch.size, wanted),
            leaves=InputLeaves(subject.batch) if by_inputs else None,
            saliencies=ChannelSaliencies(subject) if CHANNEL_SALIENCIES in wanted else None,
            responses=Responses(subject, through=RESPONSES_THROUGH in wanted)
            if wanted & _RESPONSES
            else None,
            twice=TwiceDifferentiable(parameters) if HESSIAN_PRODUCTS in wanted else None,
        )
        predicted = _called(subject, parameters, observers)
        made |= observers.activations.made
        leaves = observers.leaves
        if leaves is not None:
            made[INPUT_JACOBIAN] = _attempt(
                lambda: leaves.jacobian(predicted, retain_graph=by_loss)
            )
        if by_loss:
            made |= _of_loss(subject, wanted, parameters, predicted, observers)
    return made


def _called(subject: Subject, parameters: Mapping[str, Tensor], watch: _Observers) -> Tensor:
    """The prediction, with whatever observes the network in place while it is called."""
    leaves, saliencies, responses = watch.leaves, watch.saliencies, watch.responses
    if leaves is not None:
        subject = replace(subject, batch=leaves.batch)
    activations = bool(watch.activations.made) or responses is not None
    modules = activations or leaves is not None or saliencies is not None
    if not modules and watch.twice is None:
        return subject.call(parameters)
    calls: Counter[str] = Counter()
    known: Counter[str] = Counter()

    def returned(module: nn.Module, inputs: object, output: object) -> object:
        if activations and is_activation(module):
            name = location.name
            first = inputs[0] if isinstance(inputs, tuple) and inputs else None
            if calls[name] == known[name] and isinstance(first, Tensor):
                activated(first)  # it called no function that is known
            known[name] = calls[name]
        if saliencies is not None:
            saliencies.returned(location.name, module, output)
        if responses is not None:
            responses.returned(location.name)
        return None if leaves is None else leaves.embedded(module, inputs, output)

    def activated(inputs: Tensor) -> None:
        calls[location.name] += 1
        watch.activations.observe(location, inputs)
        if responses is not None:
            responses.observe(location.name, inputs)

    with ExitStack() as observing:
        if watch.twice is not None:  # outermost, so that it hides no function from the others
            observing.enter_context(watch.twice)
        location = observing.enter_context(tracked(subject.parts, returned if modules else None))
        if activations:
            observing.enter_context(
                ActivationInputs(activated, None if responses is None else responses.activated)
            )
        if saliencies is not None:
            observing.enter_context(saliencies)
        return subject.call(parameters)


def _of_loss(
    subject: Subject,
    wanted: _Wanted,
    parameters: Mapping[str, Tensor],
    predicted: Tensor,
    watch: _Observers,
) -> dict[Record[Any], object]:
    """The records that need the gradient of the loss; where one fails, its error."""
    twice, first = watch.twice, wanted & _BY_LOSS - {HESSIAN_PRODUCTS}
    made: dict[Record[Any], object] = {}
    if twice is not None:
        twice.weights = True
    try:
        loss = loss_of(subject, predicted)
        shared = twice is not None and differentiates_alike(loss)
        if first:
            for observer in watch.of_backward:
                observer.recording = True
            gradients = weight_gradients(
                subject, parameters, loss, retain_graph=twice is not None, create_graph=shared
            )
            for observer in watch.of_backward:
                observer.recording = False
            made[WEIGHT_GRADIENTS] = {name: g.detach() for name, g in gradients.items()}
            if watch.saliencies is not None:
                made[CHANNEL_SALIENCIES] = _attempt(watch.saliencies.sums)
            if watch.responses is not None:
                made |= dict.fromkeys(_RESPONSES, watch.responses.nodes)
    except NasproxyError as error:  # what the forward recorded stands
        return dict.fromkeys(wanted & _BY_LOSS, error)
    if twice is not None:
        replaced = twice

        def products() -> dict[str, float]:
            kept = (
                gradients
                if first and shared
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
RESPONSES: Record[dict[str, Response]] = Record(
    "correlations between samples at every activation, forward and backward",
    BATCH_PASS,
    labels=True,
    gradients=True,
)
RESPONSES_THROUGH: Record[dict[str, Response]] = Record(
    "correlations between samples at every activation, forward and back through it alone",
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
_RESPONSES: _Wanted = frozenset({RESPONSES, RESPONSES_THROUGH})
_BY_LOSS: _Wanted = _RESPONSES | {WEIGHT_GRADIENTS, CHANNEL_SALIENCIES, HESSIAN_PRODUCTS}
