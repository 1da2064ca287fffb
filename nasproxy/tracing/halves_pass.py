"""The halves pass: the gradients of two mini-batches, each a half of the batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nasproxy.tracing.loss import loss_of, weight_gradients
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.subject import Subject

__all__ = ["HALF_GRADIENTS", "HALVES_PASS"]


def _run(subject: Subject, _wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
    parameters = subject.parameters(gradients=True)
    found: list[dict[str, Tensor]] = []
    # Every other sample, since a batch may be sorted by class; of an odd batch the last is left.
    even = subject.batch.size // 2 * 2
    with (
        preserved(subject.parts, training=True, seed=subject.seed),
        torch.enable_grad(),
    ):
        for start in (0, 1):
            half = subject.on(subject.batch.part(slice(start, even, 2)))
            loss = loss_of(half, half.call(parameters))
            found.append(weight_gradients(half, parameters, loss))
    return {HALF_GRADIENTS: (found[0], found[1])}


HALVES_PASS = Pass("halves", lambda _wanted: "1 forward, 1 backward of each half", _run)
HALF_GRADIENTS: Record[tuple[dict[str, Tensor], dict[str, Tensor]]] = Record(
    "gradient of the loss of each half of the batch by every weight",
    HALVES_PASS,
    labels=True,
    gradients=True,
)
