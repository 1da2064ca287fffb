"""What a predictor is trained to make small: losses of predictions beside true values."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from nasproxy.errors import NasproxyError
from nasproxy.parzc.diff_kendall import FORMS, Form, diff_kendall
from zerocost.errors import did_you_mean

__all__ = ["LOSSES", "Loss", "list_mle", "loss_of", "mean_squared", "pairwise_logistic"]


Loss = Callable[[Float[Tensor, " n"], Float[Tensor, " n"]], Float[Tensor, ""]]
"""A differentiable number, less is better, of predictions and true values."""


def pairwise_logistic(
    predicted: Float[Tensor, " n"], true: Float[Tensor, " n"]
) -> Float[Tensor, ""]:
    r"""Logistic loss of every ordered pair, as in RankNet.

    .. math:: \frac{1}{n (n - 1)} \sum_{i \ne j} \log(1 + e^{-(p_i - p_j) s_{ij}}), \quad
        s_{ij} = \operatorname{sign}(y_i - y_j)

    A pair of equal true values adds log 2, whatever is predicted. Less than 2 numbers are 0.

    Reference: Burges et al., Learning to rank using gradient descent, ICML 2005.
    """
    n = len(predicted)
    if n < 2:
        return predicted.sum() * 0
    signed = (predicted[:, None] - predicted) * torch.sign(true[:, None] - true)
    # The diagonal is n times log 2.
    return (functional.softplus(-signed).sum() - n * math.log(2)) / (n * (n - 1))


def list_mle(predicted: Float[Tensor, " n"], true: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    r"""Minus the log likelihood of the true order under Plackett and Luce, a number.

    .. math:: \frac{1}{n} \sum_{k=1}^{n} \Big( \log \sum_{l \ge k} e^{p_{(l)}} - p_{(k)} \Big)

    with (1) the best by the true values. Equal true values keep the order in which they are given.
    O(n log n).

    Reference: Xia et al., Listwise approach to learning to rank, ICML 2008.
    """
    ordered = predicted[torch.argsort(true, descending=True, stable=True)]
    remaining = torch.logcumsumexp(ordered.flip(0), dim=0).flip(0)
    return (remaining - ordered).mean()


def mean_squared(predicted: Float[Tensor, " n"], true: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """The mean squared difference."""
    return functional.mse_loss(predicted, true)


LOSSES = (*(f"diffkendall-{form}" for form in FORMS), "pairwise", "listmle", "mse")
"""The names of losses; several are added up by ``+``: ``pairwise+diffkendall-product``."""


def loss_of(name: str, *, alpha: float = 0.5) -> Loss:
    """The loss of a name, or the sum of those of ``a+b``.

    Args:
        name: one or several of ``LOSSES``.
        alpha: of DiffKendall, which as a loss is 1 - tau.

    Raises:
        NasproxyError: there is no such loss.
    """
    parts = [_part(part.strip(), alpha) for part in name.split("+")]

    def total(predicted: Float[Tensor, " n"], true: Float[Tensor, " n"]) -> Tensor:
        return torch.stack([part(predicted, true) for part in parts]).sum()

    return total


def _part(name: str, alpha: float) -> Loss:
    simple: dict[str, Loss] = {
        "pairwise": pairwise_logistic,
        "listmle": list_mle,
        "mse": mean_squared,
        **{f"diffkendall-{form}": _smooth(form, alpha) for form in FORMS},
    }
    if name in simple:
        return simple[name]
    raise NasproxyError(
        f"there is no loss {name!r}",
        accepted=f"{', '.join(LOSSES)}, or several joined by +",
        hint=did_you_mean(name, LOSSES),
    )


def _smooth(form: Form, alpha: float) -> Loss:
    def loss(predicted: Float[Tensor, " n"], true: Float[Tensor, " n"]) -> Tensor:
        return 1 - diff_kendall(predicted, true, alpha=alpha, form=form)

    return loss
