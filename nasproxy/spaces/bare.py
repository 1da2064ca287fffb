"""Layers without numbers: their parameters lie on the meta device until they are drawn by name.

PyTorch would initialise them first, which on the meta device costs more than the layer's use.
"""

from __future__ import annotations

from typing import Any

from torch import nn

__all__ = ["bare_conv1d", "bare_embedding", "bare_linear"]


class _Linear(nn.Linear):
    def reset_parameters(self) -> None:
        pass


class _Conv1d(nn.Conv1d):
    def reset_parameters(self) -> None:
        pass


class _Embedding(nn.Embedding):
    def reset_parameters(self) -> None:
        pass


def bare_linear(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """A linear layer."""
    return _Linear(inputs, outputs, bias=bias, device="meta")


def bare_conv1d(inputs: int, outputs: int, kernel: int, **options: Any) -> nn.Conv1d:
    """A convolution over positions."""
    return _Conv1d(inputs, outputs, kernel, device="meta", **options)


def bare_embedding(rows: int, width: int, *, padding: int | None = None) -> nn.Embedding:
    """An embedding table."""
    return _Embedding(rows, width, padding_idx=padding, device="meta")
