"""The block pass: features of noise at every block, and how each block passes gradients on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from nasproxy.errors import NasproxyError
from nasproxy.tracing.blocks import primitive_blocks
from nasproxy.tracing.location import tracked
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.redrawn import redrawn
from nasproxy.tracing.subject import Subject, differentiated

__all__ = ["BLOCK_PASS", "GRADIENT_GAINS", "SPECTRUM_ENTROPIES"]


def _run(subject: Subject, wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
    generator = torch.Generator().manual_seed(subject.seed)
    state = redrawn(subject, generator, by_inputs=True)
    noisy = subject.on(
        subject.batch.mapped(
            lambda t: (
                torch.randn(t.shape, generator=generator).to(t) if t.is_floating_point() else t
            )
        )
    )
    gains = GRADIENT_GAINS in wanted
    with (
        preserved(subject.parts, training=True, seed=subject.seed),
        torch.set_grad_enabled(gains),
    ):
        outputs = _outputs(noisy, _differentiable(state, gains))
        made: dict[Record[Any], object] = {}
        if SPECTRUM_ENTROPIES in wanted:
            made[SPECTRUM_ENTROPIES] = {
                name: _entropy(_rows(output.detach())) for name, output in outputs.items()
            }
        if gains:
            made[GRADIENT_GAINS] = _gains(outputs, generator)
    return made


def _differentiable(state: Mapping[str, Tensor], wanted: bool) -> Mapping[str, Tensor]:
    return {n: t.requires_grad_(wanted and t.is_floating_point()) for n, t in state.items()}


def _outputs(subject: Subject, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What each block returns, in the order of the calls, without a linear layer at the end."""
    blocks = set(primitive_blocks(subject))
    found: dict[str, Tensor] = {}
    calls: Counter[str] = Counter()

    def returned(module: nn.Module, _inputs: object, output: object) -> Tensor | None:
        name = location.name
        if name not in blocks:
            return None
        first = output[0] if isinstance(output, tuple) and output else output
        if not isinstance(first, Tensor) or first.ndim < 2:
            return None
        calls[name] += 1
        found[name if calls[name] == 1 else f"{name}#{calls[name]}"] = first
        # A copy goes on, since what follows may work in place.
        return first.clone() if first is output else None

    with tracked(subject.parts, returned) as location:
        subject.call(state)
    last = next(reversed(found), "").partition("#")[0]
    if isinstance(subject.parts.modules[last], nn.Linear):
        found.popitem()  # the classifier
    if len(found) < 2:
        raise NasproxyError(
            f"the network has {len(found)} block(s) before its classifier",
            accepted="two or more blocks with weights: cells, residual blocks, layers",
        )
    return found


def _rows(features: Tensor) -> Float[Tensor, "m channels"]:
    """One row a position: images have their channels second, vectors and tokens last."""
    if features.ndim > 3:
        features = features.movedim(1, -1)
    return features.reshape(-1, features.shape[-1]).double()


def _entropy(rows: Float[Tensor, "m channels"]) -> float:
    """The entropy of the eigenvalues of the covariance of the channels, as shares of their sum."""
    rows = rows - rows.mean(dim=0)
    eigenvalues = torch.linalg.eigvalsh(rows.T @ rows / len(rows)).clamp(min=0)
    total = eigenvalues.sum()
    if not bool(torch.isfinite(total)) or float(total) <= 0:
        raise NasproxyError(
            "the features of a block do not vary",
            accepted="a network through which a signal passes from the input to the output",
        )
    return float(torch.special.entr(eigenvalues / total).sum())


def _gains(outputs: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, float]:
    """The spectral norm of the mean product of gradients at both ends of each block."""
    found: dict[str, float] = {}
    for before, name in pairwise(outputs):
        source, output = outputs[before], outputs[name]
        signs = torch.randint(0, 2, output.shape, generator=generator) * 2 - 1
        at_output = signs.to(output)
        if not output.requires_grad:
            continue
        (at_source,) = differentiated(output, [source], at_output, retain_graph=True)
        if at_source is None:  # side by side, not one after the other
            continue
        pair = _aligned(at_source, at_output)
        if pair is not None:
            rows_in, rows_out = (_rows(gradient) for gradient in pair)
            found[name] = float(
                torch.linalg.matrix_norm(rows_in.T @ rows_out / len(rows_out), ord=2)
            )
    return found


def _aligned(at_source: Tensor, at_output: Tensor) -> tuple[Tensor, Tensor] | None:
    """The two gradients at the same positions: a finer image is folded into channels."""
    if at_source.ndim != at_output.ndim:
        return None
    if at_source.ndim == 4 and at_source.shape[2:] != at_output.shape[2:]:
        stride = at_source.shape[2] // at_output.shape[2]
        if stride > 1 and at_source.shape[2:] == tuple(s * stride for s in at_output.shape[2:]):
            return F.pixel_unshuffle(at_source, stride), at_output
        stride = at_output.shape[2] // at_source.shape[2]
        if stride > 1 and at_output.shape[2:] == tuple(s * stride for s in at_source.shape[2:]):
            return at_source, F.pixel_unshuffle(at_output, stride)
        return None
    channel = 1 if at_source.ndim > 3 else at_source.ndim - 1
    same = all(
        a == b
        for d, (a, b) in enumerate(zip(at_source.shape, at_output.shape, strict=True))
        if d != channel
    )
    return (at_source, at_output) if same else None


def _cost(wanted: frozenset[Record[Any]]) -> str:
    return "1 forward, 1 backward" if GRADIENT_GAINS in wanted else "1 forward"


BLOCK_PASS = Pass("block", _cost, _run)
SPECTRUM_ENTROPIES: Record[dict[str, float]] = Record(
    "entropy of the spectrum of every block's features", BLOCK_PASS
)
GRADIENT_GAINS: Record[dict[str, float]] = Record(
    "how every block scales the gradient", BLOCK_PASS, gradients=True
)
