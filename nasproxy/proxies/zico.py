r"""ZiCo: how large the gradients are beside how much they vary from batch to batch.

$$s = \sum_l \log \sum_{w \in W_l}
  \frac{\operatorname{E} |g_w|}{\sqrt{\operatorname{Var} |g_w|}}$$

with $g_w$ the gradient of the loss of a mini-batch by weight $w$, mean and (population) variance
over two mini-batches: the two halves of the batch, every other sample each. The authors draw two
batches; two halves need no second draw, cost one forward and backward of the whole, and keep the
score a function of the network and the batch alone. A weight whose gradients do not vary is left
out, as in the authors' code, and a node without others is worth 0.

The authors' code takes the variance of $g_w$ with its sign where the paper has $|g_w|$:
``ZICO_SIGNED``. With two batches the paper's ratio is unbounded where the two sizes meet, the
code's where the two gradients do.

Reference: Li, Yang, Bhardwaj and Marculescu, ZiCo: Zero-shot NAS via Inverse Coefficient of
Variation on Gradients, ICLR 2023.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.halves_pass import HALF_GRADIENTS
from nasproxy.tracing.records import Trace

__all__ = ["ZICO", "ZICO_SIGNED"]

_READS = "weights of two or more dimensions: convolutions, linear layers, attention"
_REFERENCE = "Li et al., ZiCo, ICLR 2023"


def _logs_of_ratios(trace: Trace, *, signed: bool) -> dict[str, float]:
    first, second = trace[HALF_GRADIENTS]
    sums = [_ratios(first[name], second[name], signed=signed) for name in first]
    totals = torch.stack(sums).tolist() if sums else []
    if sums and not any(totals):
        raise NasproxyError(
            "no gradient varies between the halves of the batch",
            accepted="a network that learns from the batch, and halves that differ",
        )
    return {
        name: math.log(total) if total else 0.0 for name, total in zip(first, totals, strict=True)
    }


def _ratios(first: Tensor, second: Tensor, *, signed: bool) -> Tensor:
    first, second = first.double(), second.double()
    mean = (first.abs() + second.abs()) / 2
    spread = ((first - second) if signed else (first.abs() - second.abs())).abs() / 2
    varies = spread != 0  # a gradient that is NaN stays, and makes no score
    return (mean[varies] / spread[varies]).sum()


ZICO = Proxy(
    name="zico",
    summary="log of the mean over the deviation of the gradients of two half batches",
    needs=(HALF_GRADIENTS,),
    statistic=partial(_logs_of_ratios, signed=False),
    reads=_READS,
    reference=_REFERENCE,
    min_batch=4,
)

ZICO_SIGNED = Proxy(
    name="zico_signed",
    summary="zico with the deviation of the gradients with their signs",
    needs=(HALF_GRADIENTS,),
    statistic=partial(_logs_of_ratios, signed=True),
    reads=_READS,
    reference=f"{_REFERENCE}, as in the authors' code",
    min_batch=4,
)
