"""The sample pass: forward and backwards of one sample at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from nasproxy.errors import NasproxyError
from nasproxy.tracing.loss import loss_of, weight_gradients
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.subject import Subject

__all__ = [
    "KERNEL_SAMPLES",
    "SAMPLE_PASS",
    "SUMMED_SIGNS",
    "TANGENT_KERNEL",
    "TANGENT_KERNEL_TOGETHER",
]

KERNEL_SAMPLES = 16
"""How many samples the tangent kernel is of, since their gradients are all held at once."""


def _run(subject: Subject, wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
    parameters = subject.parameters(gradients=True)
    signs: dict[str, Tensor] = {}
    gradients: list[dict[str, Tensor]] = []
    made: dict[Record[Any], object] = {}
    last = subject.batch.size if SUMMED_SIGNS in wanted else KERNEL_SAMPLES
    for sample in range(min(last, subject.batch.size)):
        # Random draws within the network begin anew, so that none depends on what else is wanted.
        with preserved(subject.parts, training=True, seed=subject.seed), torch.enable_grad():
            one = subject.on(subject.batch.part(slice(sample, sample + 1)))
            predicted = one.call(parameters)
            if TANGENT_KERNEL in wanted and sample < KERNEL_SAMPLES:
                gradients.append(
                    weight_gradients(
                        one, parameters, predicted.sum(), retain_graph=SUMMED_SIGNS in wanted
                    )
                )
            if SUMMED_SIGNS not in wanted or SUMMED_SIGNS in made:
                continue
            try:
                loss = loss_of(one, predicted)
                for name, gradient in weight_gradients(one, parameters, loss).items():
                    # In place, so that memory does not grow with the batch.
                    signs[name] = signs[name].add_(gradient.sign()) if sample else gradient.sign()
            except NasproxyError as error:  # no labels, say: the kernel needs none
                made[SUMMED_SIGNS] = error
    if TANGENT_KERNEL in wanted:
        made[TANGENT_KERNEL] = _kernels(gradients)
    return {SUMMED_SIGNS: signs} | made


def _kernels(gradients: list[dict[str, Tensor]]) -> dict[str, Float64[Tensor, "n n"]]:
    found = {}
    for name in gradients[0]:
        rows = torch.stack([of_sample[name].flatten() for of_sample in gradients]).double()
        found[name] = rows @ rows.T
    return found


def _together(subject: Subject, _wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
    """As TE-NAS: the samples pass the network as one batch, whose statistics they share."""
    parameters = subject.parameters(gradients=True)
    some = subject.on(subject.batch.part(slice(KERNEL_SAMPLES)))
    with preserved(subject.parts, training=True, seed=subject.seed), torch.enable_grad():
        predicted = some.call(parameters)
        if predicted.shape[:1] != (some.batch.size,):
            raise NasproxyError(
                f"the network returns {tuple(predicted.shape)} for {some.batch.size} samples",
                accepted="one row of outputs a sample",
            )
        gradients = [
            weight_gradients(some, parameters, outputs.sum(), retain_graph=True)
            for outputs in predicted
        ]
    return {TANGENT_KERNEL_TOGETHER: _kernels(gradients)}


def _cost(wanted: frozenset[Record[Any]]) -> str:
    samples = "every sample" if SUMMED_SIGNS in wanted else f"{KERNEL_SAMPLES} samples"
    backwards = "1 backward" if len(wanted) == 1 else "2 backwards"
    return f"1 forward, {backwards} of {samples}, each alone"


SAMPLE_PASS = Pass("sample", _cost, _run)
SUMMED_SIGNS: Record[dict[str, Tensor]] = Record(
    "signs of every sample's gradient by every weight, summed over samples",
    SAMPLE_PASS,
    labels=True,
    gradients=True,
)
TANGENT_KERNEL: Record[dict[str, Float64[Tensor, "n n"]]] = Record(
    "products of the gradients of the outputs of every two samples by every weight",
    SAMPLE_PASS,
    gradients=True,
)
TANGENT_KERNEL_TOGETHER: Record[dict[str, Float64[Tensor, "n n"]]] = Record(
    "products of the gradients of the outputs of every two samples of one batch by every weight",
    Pass(
        "kernel of a batch",
        lambda _wanted: f"1 forward of {KERNEL_SAMPLES} samples, a backward of each",
        _together,
    ),
    gradients=True,
)
