"""From the losses of samples to their weights: a pure function, for any place."""

from __future__ import annotations

import math
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
        valid: ``[n]``, the samples that could get a weight: of a finite loss and a finite prior
            above 0.
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
        prior: ``[n]``, 0 or more; by default ones. A sample whose prior is negative, NaN or
            infinite is left out like one whose loss is not finite.
        normalisation: by default `MinMax`.
        memory: what the normalisation gave back in the step before.

    Returns:
        Weights, which samples were valid, and the memory for the next step. O(n), or O(n log n)
        with quantiles.
    """
    losses = losses.detach()
    normalisation = MinMax() if normalisation is None else normalisation
    memory = no_memory(normalisation).to(losses) if memory is None else memory
    prior = torch.ones_like(losses) if prior is None else prior
    valid = torch.isfinite(losses) & torch.isfinite(prior) & (prior > 0)
    low, high, memory = normalisation(losses, valid, memory)
    h = normalise(losses, valid, low, high)
    # A strategy may have parameters of its own; the weights are constants all the same.
    worth = strategy(h).detach()
    return Weighed(tilted(worth, prior.masked_fill(~valid, 0.0), inverse_r), valid, memory)


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
    worth, left_out, limits = worth.to(prior.dtype), prior == 0, torch.finfo(prior.dtype)
    # The best becomes 0 first: 1/r may be larger than any number of this type.
    best = worth.masked_fill(left_out, -torch.inf).amax()
    behind = (worth - torch.where(torch.isfinite(best), best, 0.0)).masked_fill(left_out, 0.0)
    exponent = behind * min(inverse_r, limits.max)
    share = prior / torch.where(left_out.all(), 1.0, prior.amax())
    # Shifted by the largest weight, so that neither a weight nor their sum overflows or vanishes.
    top = (exponent + share.log()).amax().clamp(min=math.log(limits.tiny))
    weights = share * (exponent - top).exp()
    total = weights.sum()
    return weights / torch.where(total > 0, total, 1.0)
