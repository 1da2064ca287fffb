"""The spectrum pass: a few samples of noise, forward, and how the channels of layers correlate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from nasproxy.errors import NasproxyError
from nasproxy.tracing.activations import ActivationInputs, is_activation
from nasproxy.tracing.channel_saliency import owner
from nasproxy.tracing.location import tracked
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.subject import Subject

__all__ = ["CHANNEL_SPECTRA", "SAMPLES", "SPECTRUM_PASS", "Spectra"]

SAMPLES = 4
"""How many samples of noise; where the inputs are token ids, at most as many as the batch has."""

_Spectrum = Float64[np.ndarray, "channels"]


@dataclass(frozen=True)
class Spectra:
    """Eigenvalues of the correlations between channels, least first.

    Attributes:
        of_weights: of the output of every module that owns a weight, by its path.
        of_activations: of the output of every activation, by the path of the module that calls it.
    """

    of_weights: dict[str, _Spectrum] = field(default_factory=dict)
    of_activations: dict[str, _Spectrum] = field(default_factory=dict)


def _run(subject: Subject, _wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
    generator = torch.Generator().manual_seed(subject.seed)
    size = subject.batch.size

    def noise(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point() or tensor.shape[:1] != (size,):
            return tensor[:SAMPLES] if tensor.shape[:1] == (size,) else tensor
        # Drawn in float32 on the CPU, to be the same for any dtype and device.
        shape = (min(SAMPLES, size) if mixed else SAMPLES, *tensor.shape[1:])
        return torch.randn(shape, generator=generator).to(tensor)

    mixed = not all(tensor.is_floating_point() for tensor in subject.batch.tensors)
    few = subject.on(subject.batch.mapped(noise))
    owners = {id(subject.parts.modules[owner(name)]) for name in subject.nodes}
    found = Spectra()
    calls: dict[str, Counter[str]] = {"weights": Counter(), "activations": Counter()}

    def add(kind: str, features: Tensor | None) -> None:
        if features is None or features.shape[1] <= features.shape[0]:
            return
        name = location.name
        calls[kind][name] += 1
        key = name if calls[kind][name] == 1 else f"{name}#{calls[kind][name]}"
        into = found.of_weights if kind == "weights" else found.of_activations
        into[key] = spectrum(features)

    def activated(output: Tensor) -> None:
        seen[location.name] += 1
        images = output.ndim > 3
        add("activations", _channels_first(output.detach(), images=images))

    def returned(module: nn.Module, _inputs: object, output: object) -> None:
        if not isinstance(output, Tensor):
            return
        if id(module) in owners:
            images = isinstance(module, _ConvNd) or output.ndim > 3
            add("weights", _channels_first(output.detach(), images=images))
        elif is_activation(module):
            if seen[location.name] == known[location.name]:
                activated(output)  # it called no function that is known
            known[location.name] = seen[location.name]

    seen: Counter[str] = Counter()
    known: Counter[str] = Counter()
    with (
        preserved(subject.parts, training=True, seed=subject.seed),
        torch.no_grad(),
        tracked(subject.parts, returned) as location,
        ActivationInputs(lambda _inputs: None, activated),
    ):
        few.call(subject.parameters())
    return {CHANNEL_SPECTRA: found}


def spectrum(features: Tensor) -> _Spectrum:
    """The eigenvalues of the correlations between channels, least first, clipped at 0.

    Args:
        features: float ``[channels, positions]``; a constant channel correlates with none, nor
            with itself.

    Raises:
        NasproxyError: a value is not finite.

    Complexity: O(channels^2 positions + channels^3).
    """
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
    constant = norms <= 1e-6 * scale * rows.shape[1] ** 0.5
    rows = torch.where(constant, 0.0, rows / norms)
    values: _Spectrum = torch.linalg.eigvalsh(rows @ rows.T).clamp(min=0).cpu().numpy()
    return values


def _channels_first(output: Tensor, *, images: bool) -> Tensor | None:
    """The feature maps as ``[channels, samples x positions]``; None for vectors."""
    if output.ndim < 3 or not output.is_floating_point():
        return None
    if images:
        return output.transpose(0, 1).flatten(1)
    return output.reshape(-1, output.shape[-1]).T  # tokens: channels last


SPECTRUM_PASS = Pass("spectrum", lambda _wanted: f"1 forward of {SAMPLES} samples of noise", _run)
CHANNEL_SPECTRA: Record[Spectra] = Record(
    "eigenvalues of the correlations between the channels of every layer", SPECTRUM_PASS
)
