"""The sample pass: forward and backward of one sample at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nasproxy.tracing.loss import loss_of, weight_gradients
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.subject import Subject

__all__ = ["SAMPLE_PASS", "SUMMED_SIGNS"]


def _run(subject: Subject, _wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
    parameters = subject.parameters(gradients=True)
    signs: dict[str, Tensor] = {}
    with preserved(subject.parts, training=True, seed=subject.seed), torch.enable_grad():
        for sample in range(subject.batch.size):
            one = subject.on(subject.batch.part(slice(sample, sample + 1)))
            loss = loss_of(one, one.call(parameters))
            for name, gradient in weight_gradients(one, parameters, loss).items():
                # In place, so that memory does not grow with the batch.
                signs[name] = signs[name].add_(gradient.sign()) if sample else gradient.sign()
    return {SUMMED_SIGNS: signs}


SAMPLE_PASS = Pass("sample", lambda _wanted: "1 forward, 1 backward of every sample alone", _run)
SUMMED_SIGNS: Record[dict[str, Tensor]] = Record(
    "signs of every sample's gradient by every weight, summed over samples",
    SAMPLE_PASS,
    labels=True,
    gradients=True,
)
