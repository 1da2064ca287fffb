"""The Gaussian pass: Gaussian weights on Gaussian inputs, and the same inputs moved a little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.pooling import _AdaptiveAvgPoolNd, _AdaptiveMaxPoolNd

from nasproxy.errors import NasproxyError
from nasproxy.tracing.location import tracked
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.redrawn import redrawn
from nasproxy.tracing.subject import Subject

__all__ = ["Response", "gaussian_responses"]

SAMPLES = 16
STEP = 0.01


@dataclass
class Response:
    """What a network of Gaussian weights makes of Gaussian inputs.

    Attributes:
        features: float ``[n, ...]``, what enters the last adaptive pooling, or, in a network
            without one, its last linear layer.
        moved: the same, with the inputs moved by ``STEP`` times Gaussian noise.
        variances: for each call of a batch normalisation, the variance of its input by channel.
    """

    features: Tensor
    moved: Tensor
    variances: dict[str, Tensor] = field(default_factory=dict)


@cache
def gaussian_responses(repeats: int) -> Record[list[Response]]:
    """The record of the responses of a network drawn anew ``repeats`` times."""

    def run(subject: Subject, _wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
        small = subject.on(subject.batch.part(slice(SAMPLES)))
        generator = torch.Generator().manual_seed(subject.seed)
        with preserved(subject.parts, training=True, seed=subject.seed), torch.no_grad():
            return {record: [_response(small, generator) for _ in range(repeats)]}

    cost = f"{2 * repeats} forwards of at most {SAMPLES} samples"
    record: Record[list[Response]] = Record(
        f"responses of Gaussian weights to Gaussian inputs, {repeats} times",
        Pass("gaussian", lambda _wanted: cost, run),
    )
    return record


def _response(subject: Subject, generator: torch.Generator) -> Response:
    state = redrawn(subject, generator)
    inputs = int(torch.randint(2**62, (), generator=generator))
    features, variances = _features(subject, state, inputs, 0.0)
    moved, _ = _features(subject, state, inputs, STEP)
    for found in (features, moved):
        if not bool(torch.isfinite(found).all()):
            raise NasproxyError(
                "with standard normal weights the features are not finite",
                accepted="a network that normalises, or is shallow enough for such weights",
            )
    return Response(features, moved, variances)


def _features(
    subject: Subject, state: Mapping[str, Tensor], seed: int, step: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """The features of noise, and the variances at batch normalisations."""
    base, change = (torch.Generator().manual_seed(seed + k) for k in (0, 1))

    def noise(like: Tensor) -> Tensor:
        drawn = torch.randn(like.shape, generator=base)
        return (drawn + step * torch.randn(like.shape, generator=change)).to(like)

    pooled: list[Tensor] = []
    flat: list[Tensor] = []
    variances: dict[str, Tensor] = {}

    def returned(module: nn.Module, inputs: object, output: object) -> Tensor | None:
        first = inputs[0] if isinstance(inputs, tuple) and inputs else None
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) and isinstance(output, Tensor):
            return noise(output)
        if not isinstance(first, Tensor):
            return None
        if isinstance(module, _AdaptiveAvgPoolNd | _AdaptiveMaxPoolNd):
            pooled[:] = [first.clone()]
        elif isinstance(module, nn.Linear):
            flat[:] = [first.clone()]
        elif isinstance(module, _BatchNorm):
            others = [d for d in range(first.ndim) if d != 1]
            calls = sum(name.partition("#")[0] == location.name for name in variances)
            name = location.name if not calls else f"{location.name}#{calls + 1}"
            variances[name] = first.double().var(dim=others, unbiased=False)
        return None

    noisy = subject.on(subject.batch.mapped(lambda t: noise(t) if t.is_floating_point() else t))
    with tracked(subject.parts, returned) as location:
        predicted = noisy.call(state, finite=False)
    return (pooled or flat or [predicted])[0], variances
