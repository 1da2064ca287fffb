"""The pass over the batch: one forward and, where gradients are wanted, one backward."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from nasproxy.errors import NasproxyError
from nasproxy.tracing.activations import ActivationInputs
from nasproxy.tracing.agreement import sign_agreements
from nasproxy.tracing.location import tracked
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.subject import Subject, differentiated, first_line

__all__ = ["AGREEMENTS", "BATCH_PASS", "WEIGHT_GRADIENTS"]

_Agreements = dict[str, Float64[np.ndarray, "n n"]]


def _cost(wanted: frozenset[Record[Any]]) -> str:
    return "1 forward, 1 backward" if WEIGHT_GRADIENTS in wanted else "1 forward"


def _run(subject: Subject, wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
    gradients = WEIGHT_GRADIENTS in wanted
    parameters = subject.parameters(gradients=gradients)
    observed: AbstractContextManager[_Agreements] = (
        _agreements(subject) if AGREEMENTS in wanted else nullcontext({})
    )
    with (
        preserved(subject.parts, training=True, seed=subject.seed),
        torch.set_grad_enabled(gradients),
    ):
        with observed as agreements:
            predicted = subject.call(parameters)
        made: dict[Record[Any], object] = {AGREEMENTS: agreements}
        if gradients:
            try:
                made[WEIGHT_GRADIENTS] = _weight_gradients(subject, parameters, predicted)
            except NasproxyError as error:  # what the forward recorded stands
                made[WEIGHT_GRADIENTS] = error
    return made


def _weight_gradients(
    subject: Subject, parameters: Mapping[str, Tensor], predicted: Tensor
) -> dict[str, Tensor]:
    if subject.batch.labels is None:
        raise NasproxyError(
            "the batch has no labels, and the gradient of the loss needs them",
            accepted="Batch(inputs, labels), labels int64 [n]",
        )
    if not subject.nodes:
        raise NasproxyError(
            "the network has no weights that a gradient could be taken of",
            accepted="a network with convolutions, linear layers or attention",
        )
    loss = _loss(subject, predicted, subject.batch.labels)
    if not bool(torch.isfinite(loss.detach())):
        raise NasproxyError(
            f"the loss is {float(loss.detach())}",
            accepted="a finite loss on this batch",
            hint="check the labels and the initialisation of the network",
        )
    if not loss.requires_grad:  # no weight reaches the output
        return {name: torch.zeros_like(parameters[name]) for name in subject.nodes}
    nodes = [parameters[name] for name in subject.nodes]
    found = differentiated(loss, nodes)
    return {
        name: torch.zeros_like(node) if gradient is None else gradient
        for name, node, gradient in zip(subject.nodes, nodes, found, strict=True)
    }


def _loss(subject: Subject, predicted: Tensor, labels: Tensor) -> Tensor:
    try:
        loss = subject.loss(predicted, labels)
    except NasproxyError:
        raise
    except Exception as cause:  # whatever the user's loss raises
        raise NasproxyError(
            f"the loss cannot be computed: {type(cause).__name__}: {first_line(cause)}",
            accepted="a loss of (prediction, labels)",
        ) from cause
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        seen = f"a tensor of {loss.numel()}" if isinstance(loss, Tensor) else type(loss).__name__
        raise NasproxyError(f"the loss is {seen}", accepted="a tensor of one value")
    return loss


@contextmanager
def _agreements(subject: Subject) -> Iterator[_Agreements]:
    """Count sign agreements at each activation function while the network is called."""
    found: _Agreements = {}
    calls: Counter[str] = Counter()
    with tracked(subject.parts) as location:

        def observe(inputs: Tensor) -> None:
            counts = sign_agreements(inputs, subject.batch.size)
            if counts is not None:
                name = location.name
                calls[name] += 1
                found[name if calls[name] == 1 else f"{name}#{calls[name]}"] = counts

        with ActivationInputs(observe):
            yield found


BATCH_PASS = Pass("batch", _cost, _run)
WEIGHT_GRADIENTS: Record[dict[str, Tensor]] = Record(
    "gradient of the loss by every weight", BATCH_PASS, labels=True, gradients=True
)
AGREEMENTS: Record[_Agreements] = Record(
    "sign agreements of every two samples at every activation", BATCH_PASS
)
