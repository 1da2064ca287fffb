"""The noise pass: one sample of Gaussian noise, forward, and the feature maps that it makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from nasproxy.errors import NasproxyError
from nasproxy.tracing.location import tracked
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.subject import Subject

__all__ = ["LEAST_EIGENVALUES", "least_eigenvalue", "least_eigenvalues"]


@cache
def least_eigenvalues(
    size: int | None = None, *, containers: bool = False
) -> Record[dict[str, float]]:
    """The record of the least eigenvalues of the channels' correlations, by call of a module.

    Args:
        size: height and width of the noise in place of images; None for those of the batch.
        containers: whether modules with parts are read too.
    """

    def run(subject: Subject, _wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
        return {record: _least(subject, size, containers)}

    what = "" if size is None else f" of {size} x {size} pixels"
    record: Record[dict[str, float]] = Record(
        "least eigenvalue of the correlations between the channels of every layer",
        Pass("noise", lambda _wanted: f"1 forward of one sample of noise{what}", run),
    )
    return record


def _least(subject: Subject, size: int | None, containers: bool) -> dict[str, float]:
    generator = torch.Generator().manual_seed(subject.seed)

    def noise(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor  # token ids
        shape = (
            tensor.shape if size is None or tensor.ndim != 4 else (*tensor.shape[:2], size, size)
        )
        # Drawn in float32 on the CPU, to be the same for any dtype and device.
        return torch.randn(shape, generator=generator).to(tensor)

    one = subject.on(subject.batch.first().mapped(noise))
    modules = subject.parts.modules.values()
    left_out = set() if containers else {id(m) for m in modules if next(m.children(), None)}
    found: dict[str, float] = {}
    calls: Counter[str] = Counter()

    def returned(module: nn.Module, _inputs: object, output: object) -> None:
        if id(module) in left_out or not isinstance(output, Tensor):
            return
        features = _channels_first(output.detach(), module)
        if features is not None:
            name = location.name
            calls[name] += 1
            key = name if calls[name] == 1 else f"{name}#{calls[name]}"
            found[key] = least_eigenvalue(features)

    with (
        preserved(subject.parts, training=True, seed=subject.seed),
        torch.no_grad(),
        tracked(subject.parts, returned) as location,
    ):
        one.call(subject.parameters())
    return found


def least_eigenvalue(features: Tensor) -> float:
    """The least eigenvalue of the correlations between channels, in 0 .. 1.

    Args:
        features: float ``[channels, positions]``. Where a channel is constant or positions are not
            more than channels, the matrix is singular and the value 0.

    Complexity: O(channels^2 positions + channels^3).
    """
    channels, positions = features.shape
    if positions <= channels:
        return 0.0
    rows = features.double()
    if not bool(torch.isfinite(rows).all()):
        raise NasproxyError(
            "a layer returns NaN or infinity",
            accepted="a network whose activations are finite",
            hint="check its initialisation",
        )
    scale = rows.abs().amax(dim=1, keepdim=True)
    rows = rows - rows.mean(dim=1, keepdim=True)
    norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    # Rounding leaves a constant channel a variation of this size.
    if bool((norms <= 1e-6 * scale * positions**0.5).any()):
        return 0.0
    rows = rows / norms
    return max(float(torch.linalg.eigvalsh(rows @ rows.T)[0]), 0.0)


def _channels_first(output: Tensor, module: nn.Module) -> Tensor | None:
    """The feature maps of the one sample as ``[channels, positions]``; None for a vector."""
    if output.ndim < 3 or not output.is_floating_point():
        return None
    if output.ndim == 3 and not isinstance(module, _ConvNd):  # tokens: channels last
        return output.reshape(-1, output.shape[-1]).T
    return output[0].flatten(1)


LEAST_EIGENVALUES = least_eigenvalues()
"""Of layers, of noise in the shape of the batch."""
