"""Responses: how alike the samples look at every activation, forward and backward."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from nasproxy.tracing.agreement import sample_rows
from nasproxy.tracing.blocks import primitive_blocks
from nasproxy.tracing.subject import Subject

__all__ = ["Response", "Responses"]


@dataclass
class Response:
    """The correlations between samples at one call of an activation function.

    Attributes:
        depth: of the block that the call is in, counted in the order of the network's blocks; a
            call outside of all is one deeper than the block before it.
        correlations: absolute ones of what goes in, and of the gradient by it, added up,
            ``[n, n]``; where a sample is the same everywhere they are left out.
        through: the same with the gradient that comes back through the activation alone, where
            that is wanted.
    """

    depth: int
    correlations: Float64[np.ndarray, "n n"]
    through: Float64[np.ndarray, "n n"]


class Responses:
    """Watches what goes into activation functions, and the gradients that come back to it."""

    def __init__(self, subject: Subject, *, through: bool = False) -> None:
        self.recording = False
        self._through = through
        self._last: Response | None = None
        self.nodes: dict[str, Response] = {}
        self._samples = subject.batch.size
        self._blocks = {path: depth for depth, path in enumerate(primitive_blocks(subject))}
        self._deepest = -1
        self._calls: Counter[str] = Counter()

    def observe(self, name: str, inputs: Tensor) -> None:
        """See the input of an activation that a module of that path calls."""
        self._last = None
        rows = sample_rows(inputs.detach(), self._samples)
        if rows is None:
            return
        self._calls[name] += 1
        node = name if self._calls[name] == 1 else f"{name}#{self._calls[name]}"
        nothing = np.zeros((self._samples, self._samples))
        self._last = found = Response(self._depth(name), nothing, nothing.copy())
        self.nodes[node] = found
        found.correlations += _correlations(rows)
        found.through += found.correlations
        if inputs.requires_grad:
            inputs.register_hook(  # type: ignore[no-untyped-call]
                lambda gradient: self._returned(found.correlations, gradient)
            )

    def activated(self, output: Tensor) -> None:
        """See the output of the activation function whose input was seen last."""
        found, made_by = self._last, output.grad_fn
        if self._through and found is not None and made_by is not None:
            made_by.register_hook(lambda inputs, _: self._returned(found.through, inputs[0]))

    def returned(self, name: str) -> None:
        """See that a module of that path returned."""
        self._deepest = max(self._deepest, self._blocks.get(name, -1))

    def _depth(self, name: str) -> int:
        parts = name.split(".")
        within = (".".join(parts[: k + 1]) for k in range(len(parts)))
        return next((self._blocks[p] for p in within if p in self._blocks), self._deepest + 1)

    def _returned(self, sums: Float64[np.ndarray, "n n"], gradient: Tensor | None) -> None:
        if self.recording and gradient is not None:
            rows = sample_rows(gradient.detach(), self._samples)
            if rows is not None:
                sums += _correlations(rows)


def _correlations(rows: Float[Tensor, "n d"]) -> Float64[np.ndarray, "n n"]:
    rows = rows if rows.dtype == torch.float64 else rows.float()
    size = torch.linalg.vector_norm(rows, dim=1)
    rows = rows - rows.mean(dim=1, keepdim=True)
    norms = torch.linalg.vector_norm(rows, dim=1)
    # Rounding leaves a sample that is the same everywhere a variation of this size.
    if bool((norms <= 1e-6 * size).any()) or not bool(torch.isfinite(norms).all()):
        return np.zeros((len(rows), len(rows)))
    rows = rows / norms[:, None]
    found: Float64[np.ndarray, "n n"] = (rows @ rows.T).abs().double().cpu().numpy()
    return found
