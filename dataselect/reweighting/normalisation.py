"""The range of losses that becomes [-1, 1]: of a batch, of its quantiles, of many batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float

from dataselect.errors import DataselectError

__all__ = [
    "MinMax",
    "Normalisation",
    "QuantileRange",
    "Range",
    "RunningRange",
    "no_memory",
    "normalise",
]

# Losses that differ by less than this share of the largest differ by rounding only.
_EQUAL = 8 * torch.finfo(torch.float32).eps
# Of the place of a quantile among the samples.
_ROUNDING = 1e-4


class Range(NamedTuple):
    """The losses that become -1 and 1, and what the normalisation remembers of them.

    Attributes:
        low: 0-dimensional tensor, the loss that becomes -1; losses below become -1 as well.
        high: 0-dimensional tensor, the loss that becomes 1; losses above become 1 as well.
        memory: ``[2, batches]``, the lows and highs of the batches remembered, newest last.
    """

    low: Float[torch.Tensor, ""]
    high: Float[torch.Tensor, ""]
    memory: Float[torch.Tensor, "2 remembered"]


@runtime_checkable
class Normalisation(Protocol):
    """How the range is found. No value may be read on the host: that would wait for the device."""

    @property
    def batches(self) -> int:
        """How many batches it remembers; 0 for none."""
        ...

    def __call__(
        self,
        losses: Float[torch.Tensor, " n"],
        valid: Bool[torch.Tensor, " n"],
        memory: Float[torch.Tensor, "2 remembered"],
    ) -> Range:
        """The range of the valid losses, any where there is none."""
        ...


@dataclass(frozen=True)
class MinMax:
    """From the smallest to the largest loss of the batch, as published (Sow et al. 2025)."""

    batches: int = 0

    def __call__(
        self,
        losses: Float[torch.Tensor, " n"],
        valid: Bool[torch.Tensor, " n"],
        memory: Float[torch.Tensor, "2 remembered"],
    ) -> Range:
        """The range of the batch; see `Normalisation`."""
        if losses.numel() == 0:
            return Range(losses.new_tensor(torch.inf), losses.new_tensor(-torch.inf), memory)
        low = losses.masked_fill(~valid, torch.inf).amin()
        high = losses.masked_fill(~valid, -torch.inf).amax()
        return Range(low, high, memory)


@dataclass(frozen=True)
class QuantileRange:
    """Between two quantiles of the batch, so that one corrupt document cannot squeeze the others.

    A quantile between two losses is the inner one of them: at 5 % and 95 % of 20 samples one is
    clipped at each end. Of three samples or fewer nothing is left then, and they get equal weights.

    Args:
        low: the quantile that becomes -1, in 0 .. 1.
        high: the quantile that becomes 1.

    Raises:
        DataselectError: not 0 <= low < high <= 1.
    """

    low: float = 0.05
    high: float = 0.95
    batches: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.low < self.high <= 1.0:
            raise DataselectError(
                f"quantiles {self.low} and {self.high}", accepted="0 <= low < high <= 1"
            )

    def __call__(
        self,
        losses: Float[torch.Tensor, " n"],
        valid: Bool[torch.Tensor, " n"],
        memory: Float[torch.Tensor, "2 remembered"],
    ) -> Range:
        """The quantiles of the batch; see `Normalisation`."""
        if losses.numel() == 0:
            return MinMax()(losses, valid, memory)
        # torch.nanquantile would need a copy with NaN and reads its argument on the host.
        ordered = losses.masked_fill(~valid, torch.inf).sort().values
        # Not float64, which some accelerators lack. Its rounding must not cost a sample.
        last = (valid.sum() - 1).clamp(min=0).to(losses.dtype)
        low_at, high_at = self.low * last - _ROUNDING, self.high * last + _ROUNDING
        inner = torch.stack((torch.ceil(low_at), torch.floor(high_at)))
        # ordered[inner[0]] would read the position on the host.
        low, high = ordered.index_select(0, inner.long()).unbind()
        return Range(low, high, memory)


@dataclass(frozen=True)
class RunningRange:
    """From the smallest to the largest loss of the last batches, this one included.

    For batches of a few samples, whose own range says little.

    Args:
        batches: how many, 1 or more; 1 is `MinMax`.

    Raises:
        DataselectError: less than one batch.
    """

    batches: int = 32

    def __post_init__(self) -> None:
        if self.batches < 1:
            raise DataselectError(
                f"a running range over {self.batches} batches", accepted="1 or more"
            )

    def __call__(
        self,
        losses: Float[torch.Tensor, " n"],
        valid: Bool[torch.Tensor, " n"],
        memory: Float[torch.Tensor, "2 remembered"],
    ) -> Range:
        """The range over the batches remembered; see `Normalisation`."""
        low, high, _ = MinMax()(losses, valid, memory)
        newest = torch.stack((low, high)).to(memory)[:, None]
        kept = torch.cat((memory[:, 1:], newest), dim=1)
        return Range(kept[0].amin().to(losses), kept[1].amax().to(losses), kept)


def normalise(
    losses: Float[torch.Tensor, " n"],
    valid: Bool[torch.Tensor, " n"],
    low: Float[torch.Tensor, ""],
    high: Float[torch.Tensor, ""],
) -> Float[torch.Tensor, " n"]:
    r"""Normalised losses in [-1, 1].

    .. math:: h_i = 2 \frac{l_i - l_\min}{l_\max - l_\min} - 1

    The published form subtracts two large numbers where the losses are nearly equal; this one
    does not, and losses that are equal up to rounding all become 0.

    Args:
        losses: ``[n]``, detached.
        valid: ``[n]``; a sample that is not becomes 0.
        low: the loss that becomes -1.
        high: the loss that becomes 1.

    Returns:
        ``[n]`` in [-1, 1], never NaN.

    Reference: Sow et al. 2025, the normalisation of the losses with δ = 1.
    """
    spread = high - low
    # Written so that a NaN or infinite spread counts as no spread.
    usable = (spread > _EQUAL * torch.maximum(low.abs(), high.abs())) & torch.isfinite(spread)
    h = 2.0 * ((losses - low) / torch.where(usable, spread, 1.0)) - 1.0
    return torch.where(valid & usable, h.clamp(-1.0, 1.0), 0.0)


def no_memory(normalisation: Normalisation) -> Float[torch.Tensor, "2 remembered"]:
    """The memory before the first batch: ranges that hold nothing."""
    memory = torch.full((2, normalisation.batches), torch.inf, dtype=torch.float64)
    memory[1] = -torch.inf
    return memory
