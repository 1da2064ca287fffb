r"""Linear layers whose weights are distributions.

Each weight is :math:`w = \mu + \operatorname{softplus}(\rho)\, \epsilon` with
:math:`\epsilon \sim N(0, 1)`: one draw a forward pass, shared by the batch.

Reference: Blundell et al., Weight uncertainty in neural networks, ICML 2015; as in Dong et al.,
ParZC, AAAI 2025, without bias and with rho starting at -5 (a standard deviation of .0067).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["BayesianLinear", "divergence"]


class BayesianLinear(nn.Module):
    """``x W'`` with W drawn anew in every pass, or at its mean.

    Args:
        inputs: features of the input.
        outputs: features of the output.
        generator: draws the first means, uniform in ±1 / sqrt(inputs).
        rho: where the deviations start, before softplus.
    """

    def __init__(
        self, inputs: int, outputs: int, *, generator: torch.Generator, rho: float = -5.0
    ) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        drawn = torch.rand(outputs, inputs, generator=generator)
        self.mean = nn.Parameter((2 * drawn - 1) * bound)
        self.rho = nn.Parameter(torch.full((outputs, inputs), rho))

    def forward(
        self, x: Float[Tensor, "*batch inputs"], noise: torch.Generator | None = None
    ) -> Float[Tensor, "*batch outputs"]:
        """The layer's output.

        Args:
            x: ``[..., inputs]``.
            noise: draws the weights of this pass; for None they are at their mean.
        """
        weight: Tensor = self.mean
        if noise is not None:
            drawn = torch.randn(weight.shape, generator=noise, dtype=weight.dtype)
            weight = weight + self.deviation * drawn
        return functional.linear(x, weight)

    @property
    def deviation(self) -> Float[Tensor, "outputs inputs"]:
        """The standard deviation of each weight, above 0."""
        return functional.softplus(self.rho)


def divergence(network: nn.Module, *, prior: float = 1.0) -> Float[Tensor, ""]:
    r"""How far the weights of all Bayesian layers are from their prior N(0, prior^2), in nats.

    .. math:: \mathrm{KL} = \sum_w \log\frac{\sigma_0}{\sigma_w}
        + \frac{\sigma_w^2 + \mu_w^2}{2 \sigma_0^2} - \frac{1}{2}

    Args:
        network: whose layers are looked through; without a Bayesian one the divergence is 0.
        prior: the prior's standard deviation, above 0.
    """
    total = torch.zeros(())
    for layer in network.modules():
        if isinstance(layer, BayesianLinear):
            deviation = layer.deviation
            ratio = (deviation**2 + layer.mean**2) / (2 * prior**2)
            total = total + (math.log(prior) - deviation.log() + ratio - 0.5).sum()
    return total
