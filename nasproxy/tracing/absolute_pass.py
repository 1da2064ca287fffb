"""The gradients of a transformer of absolute weights, without normalisation, on ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from nasproxy.errors import NasproxyError
from nasproxy.tracing.bypass import bypassed
from nasproxy.tracing.data_free_pass import absolute, filled, filled_embedding
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.subject import Subject, differentiated
from nasproxy.tracing.token_layers import token_layers
from nasproxy.tracing.token_pass import OutputGradients
from nasproxy.tracing.wide import Wide

__all__ = ["ABSOLUTE_GRADIENTS", "ABSOLUTE_PASS"]


def _run(subject: Subject, _wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
    layers = token_layers(subject)
    state = absolute(subject)
    ones = subject.on(filled(subject.batch, 1.0))
    with (
        preserved(subject.parts, training=False, seed=subject.seed),
        bypassed(subject.parts, filled_embedding(1.0)),
        torch.enable_grad(),
        Wide(),
    ):
        output = ones.call(state, finite=False)
        names = subject.nodes
        found = differentiated(output.sum(), [state[name] for name in names])
    if not all(bool(torch.isfinite(tensor).all()) for tensor in (output.detach(), *_there(found))):
        raise NasproxyError(
            "the network of absolute weights overflows without its normalisations",
            accepted="a network whose absolute weights multiply to less than about 1e300",
            hint="build it at a smaller depth or initialise it with smaller weights",
        )

    def pair(name: str, gradient: Tensor | None) -> tuple[Tensor, Tensor]:
        weight = state[name].detach()
        return weight, torch.zeros_like(weight) if gradient is None else gradient

    pairs = {name: pair(name, g) for name, g in zip(names, found, strict=True)}
    mixing = {name: pairs[name] for name in layers.mixing}
    rest = {name: value for name, value in pairs.items() if name not in mixing}
    return {ABSOLUTE_GRADIENTS: OutputGradients(mixing, rest)}


def _there(gradients: Iterable[Tensor | None]) -> Iterator[Tensor]:
    return (gradient for gradient in gradients if gradient is not None)


ABSOLUTE_PASS = Pass(
    "absolute",
    lambda _wanted: "1 forward of no samples, 1 forward, 1 backward of one sample in float64",
    _run,
)
ABSOLUTE_GRADIENTS: Record[OutputGradients] = Record(
    "gradient of the summed output by every absolute weight", ABSOLUTE_PASS, gradients=True
)
