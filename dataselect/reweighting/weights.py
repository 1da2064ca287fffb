"""From the losses of samples to their weights: a pure function, for any place."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float

from dataselect.reweighting.normalisation import MinMax, Normalisation, no_memory, normalise
from dataselect.reweighting.strategies import Strategy

__all__ = ["Weighed", "tilted", "weigh"]


class Weighed(NamedTuple):
    """What `weigh` gives.

    Attributes:
        weights: ``[n]``, adding up to 1, or all 0 where no sample is valid.
        valid: ``[n]``, the samples that could get a weight: of a prior above 0 and a finite loss.
        memory: ``[2, batches]``, for the normalisation in the next step.
    """

    weights: Float[torch.Tensor, " n"]
    valid: Bool[torch.Tensor, " n"]
    memory: Float[torch.Tensor, "2 remembered"]


def weigh(
    losses: Float[torch.Tensor, " n"],
    strategy: Strategy,
    inverse_r: float,
    *,
    prior: Float[torch.Tensor, " n"] | None = None,
    normalisation: Normalisation | None = None,
    memory: Float[torch.Tensor, "2 remembered"] | None = None,
) -> Weighed:
    """The weights of a batch, without state; reads no value on the host.

    Args:
        losses: ``[n]``; taken as constants.
        strategy: f.
        inverse_r: 1/r; 0 for the prior itself.
        prior: ``[n]``, 0 or more; by default ones.
        normalisation: by default `MinMax`.
        memory: what the normalisation gave back in the step before.

    Returns:
        Weights, which samples were valid, and the memory for the next step. O(n), or O(n log n)
        with quantiles.
    """
    losses = losses.detach()
    normalisation = MinMax() if normalisation is None else normalisation
    memory = no_memory(normalisation).to(losses.device) if memory is None else memory
    prior = torch.ones_like(losses) if prior is None else prior
    valid = torch.isfinite(losses) & (prior > 0)
    low, high, memory = normalisation(losses, valid, memory)
    h = normalise(losses, valid, low, high)
    return Weighed(tilted(strategy(h), prior * valid, inverse_r), valid, memory)


def tilted(
    worth: Float[torch.Tensor, " n"], prior: Float[torch.Tensor, " n"], inverse_r: float
) -> Float[torch.Tensor, " n"]:
    r"""Weights of samples: the prior, tilted towards those worth more.

    .. math::

        w_i = \frac{p_i e^{f_i / r}}{\sum_j p_j e^{f_j / r}}
            = \arg\max_{w \in \Delta} \sum_i w_i f_i - r \, \mathrm{KL}(w \,\|\, p)

    Args:
        worth: ``[n]``, f; finite.
        prior: ``[n]``, 0 or more, up to a factor; a sample of prior 0 gets weight 0. Ones are the
            published method.
        inverse_r: 1/r; 0 gives the prior back.

    Returns:
        ``[n]``, adding up to 1, or all 0 where the whole prior is.

    Reference: Sow et al. 2025, the closed form of the weights with the uniform prior.
    """
    if worth.numel() == 0:
        return torch.zeros_like(prior)
    exponent = (worth.to(prior.dtype) * inverse_r).masked_fill(prior == 0, -torch.inf)
    # Shifted by the largest, so that nothing overflows; by 0 where no sample has a prior.
    top = exponent.amax()
    weights = prior * (exponent - torch.where(torch.isfinite(top), top, 0.0)).exp()
    total = weights.sum()
    return weights / torch.where(total > 0, total, 1.0)
