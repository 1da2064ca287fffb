"""What a sample is worth by its normalised loss h in [-1, 1]: the published strategies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float

from dataselect.errors import DataselectError

__all__ = ["Extremes", "LinUpper", "Linear", "Quadratic", "Strategy", "Uniform", "check_strategy"]


@runtime_checkable
class Strategy(Protocol):
    """A function f of the normalised loss, any of your own too.

    The weight of a sample is proportional to exp(f(h) / r). Where f stays in [0, 1], as that of
    every published strategy does, no weight is more than exp(1/r) times another.
    """

    def __call__(self, h: Float[torch.Tensor, " n"]) -> Float[torch.Tensor, " n"]:
        """The worth of each sample, ``[n]``, for h ``[n]`` in [-1, 1]; finite, element by element.

        h is 0 for a sample that is left out and for all samples where their losses are equal.
        """
        ...


@dataclass(frozen=True)
class LinUpper:
    """f(h) = min(h + 1, 1): rises over the lower half of the range, level over the upper.

    Samples that are learned already count less; among the others none is preferred. Sow et al.
    2025, equation of f_LinUpper with δ = 1 ("upper" in the code for 1.4B and 7B parameters).
    """

    def __call__(self, h: Float[torch.Tensor, " n"]) -> Float[torch.Tensor, " n"]:
        """The worth of each sample; see `Strategy`."""
        return torch.clamp(h + 1.0, max=1.0)


@dataclass(frozen=True)
class Quadratic:
    """f(h) = 1 - h²: prefers losses in the middle of the range, away from both ends.

    Sow et al. 2025, f_Quadratic with δ = 1 ("mid" in the published code).
    """

    def __call__(self, h: Float[torch.Tensor, " n"]) -> Float[torch.Tensor, " n"]:
        """The worth of each sample; see `Strategy`."""
        return 1.0 - h * h


@dataclass(frozen=True)
class Extremes:
    """f(h) = |h|: prefers both ends of the range. Sow et al. 2025, f_Extremes with δ = 1."""

    def __call__(self, h: Float[torch.Tensor, " n"]) -> Float[torch.Tensor, " n"]:
        """The worth of each sample; see `Strategy`."""
        return h.abs()


@dataclass(frozen=True)
class Linear:
    """f(h) = (h + 1) / 2: rises over the whole range.

    Only in the published code, as "upper" of the experiments with GPT-2; `LinUpper` is another.
    """

    def __call__(self, h: Float[torch.Tensor, " n"]) -> Float[torch.Tensor, " n"]:
        """The worth of each sample; see `Strategy`."""
        return 0.5 * h + 0.5


@dataclass(frozen=True)
class Uniform:
    """f(h) = 1: the plain mean, as a baseline that runs through the same code."""

    def __call__(self, h: Float[torch.Tensor, " n"]) -> Float[torch.Tensor, " n"]:
        """The worth of each sample; see `Strategy`."""
        return torch.ones_like(h)


def check_strategy(strategy: object) -> None:
    """Try a strategy on a grid over [-1, 1], so that a wrong one fails before training.

    Raises:
        DataselectError: it is no function, the result has another shape, or is not finite
            somewhere.
    """
    if isinstance(strategy, type) or not callable(strategy):
        raise DataselectError(
            f"the strategy {strategy!r}",
            accepted="an object such as LinUpper(), or a function of the normalised losses",
            hint="LossReweighter(LinUpper(), r=0.4)",
        )
    h = torch.linspace(-1.0, 1.0, 101)
    worth = strategy(h)
    if not isinstance(worth, torch.Tensor) or worth.shape != h.shape:
        seen = tuple(worth.shape) if isinstance(worth, torch.Tensor) else type(worth).__name__
        raise DataselectError(
            f"the strategy {strategy!r} gave {seen} for normalised losses of shape (101,)",
            accepted="a function from a tensor [n] to a tensor [n], element by element",
            hint="for example: lambda h: h.abs()",
        )
    if not bool(torch.isfinite(worth).all()):
        first = float(h[~torch.isfinite(worth)][0])
        raise DataselectError(
            f"the strategy {strategy!r} is not finite at the normalised loss {first:g}",
            accepted="a function that is finite everywhere in [-1, 1]",
        )
