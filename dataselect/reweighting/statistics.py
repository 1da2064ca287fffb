"""What the weights of a batch look like; nothing leaves the device until it is read."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float

__all__ = ["BatchStatistics"]


@dataclass(frozen=True)
class BatchStatistics:
    """The statistics of one call, over the samples of all processes.

    Every attribute is worked out when it is read; reading one waits for the device.

    Args:
        losses: ``[n]``, as they came in, detached.
        weights: ``[n]``, adding up to 1.
        prior: ``[n]``, 0 for samples that were masked.
        valid: ``[n]``, the samples that could get a weight: not masked, of finite loss and prior.
        r: the temperature, infinite for uniform weights.
        step: the training step, from 0.
        present: ``[n]``, False for padding between processes; by default all are.
    """

    losses: Float[torch.Tensor, " n"]
    weights: Float[torch.Tensor, " n"]
    prior: Float[torch.Tensor, " n"]
    valid: Bool[torch.Tensor, " n"]
    r: float
    step: int
    present: Bool[torch.Tensor, " n"] | None = None

    @property
    def samples(self) -> int:
        """How many samples could get a weight."""
        return int(self.valid.sum())

    @property
    def masked(self) -> int:
        """How many samples came with a prior of 0, or without a token to learn from."""
        masked = self.prior == 0
        return int((masked if self.present is None else masked & self.present).sum())

    @property
    def excluded(self) -> int:
        """How many were left out: a loss or prior that is NaN or infinite, a negative prior."""
        return int(((self.prior != 0) & ~self.valid).sum())

    @property
    def effective_sample_size(self) -> float:
        """(Σ w)² / Σ w², in samples: as many equal weights would give an equally noisy mean."""
        return float(self.weights.sum() ** 2 / (self.weights**2).sum())

    @property
    def weight_range(self) -> tuple[float, float]:
        """The smallest and largest weight, times the number of samples: 1 is uniform."""
        weights = self.weights[self.valid] * self.samples
        return (float(weights.min()), float(weights.max())) if len(weights) else (0.0, 0.0)

    @property
    def lower_half_mass(self) -> float:
        """The weight of the half of the samples with the lower losses; n/2 rounded down."""
        order = self.losses[self.valid].argsort(stable=True)
        return float(self.weights[self.valid][order[: len(order) // 2]].sum())

    @property
    def unweighted_loss(self) -> float:
        """The mean by the prior, comparable between runs; NaN where no sample is left."""
        prior = self.prior[self.valid]
        return float((prior * self.losses[self.valid]).sum() / prior.sum())

    @property
    def weighted_loss(self) -> float:
        """What was minimised, over all processes; not comparable between strategies."""
        return float((self.weights[self.valid] * self.losses[self.valid]).sum())

    def as_dict(self, prefix: str = "reweighting/") -> dict[str, float]:
        """All of them as plain numbers, for any logger."""
        low, high = self.weight_range
        values = {
            "unweighted_loss": self.unweighted_loss,
            "weighted_loss": self.weighted_loss,
            "effective_sample_size": self.effective_sample_size,
            "weight_min": low,
            "weight_max": high,
            "lower_half_mass": self.lower_half_mass,
            "samples": float(self.samples),
            "masked": float(self.masked),
            "excluded": float(self.excluded),
            "r": self.r,
            "step": float(self.step),
        }
        return {prefix + name: value for name, value in values.items()}
