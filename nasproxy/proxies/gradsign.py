r"""GradSign: on how many weights the samples agree which way to go.

$$s = \sum_l \sum_{w \in W_l} \Big| \sum_i \operatorname{sign}
  \frac{\partial \mathcal L_i}{\partial w} \Big|$$

with $\mathcal L_i$ the loss of sample $i$ alone: every sample goes through the network by itself,
in the mode of training, so that batch normalisation sees one sample, as in the authors' code. That
is the dearest of the proxies: n forwards and backwards at a batch of one, which on a CPU is several
times, and on an accelerator tens of times, what the whole batch takes at once. A network that
cannot run on one sample (batch normalisation of vectors) has no score.

A copy of the authors' code in AZ-NAS takes the mean over weights in place of the sum.

Reference: Zhang and Jia, GradSign: Model Performance Inference with Theoretical Insights,
ICLR 2022, algorithm 1.
"""

from __future__ import annotations

import torch

from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.records import Trace
from nasproxy.tracing.sample_pass import SUMMED_SIGNS

__all__ = ["GRADSIGN"]


def _agreed(trace: Trace) -> dict[str, float]:
    signs = trace[SUMMED_SIGNS]
    totals = [total.abs().sum(dtype=torch.float64) for total in signs.values()]
    return dict(zip(signs, torch.stack(totals).tolist() if totals else [], strict=True))


GRADSIGN = Proxy(
    name="gradsign",
    summary="how many samples agree on the sign of the gradient, summed over weights",
    needs=(SUMMED_SIGNS,),
    statistic=_agreed,
    reads="weights of two or more dimensions: convolutions, linear layers, attention",
    reference="Zhang and Jia, GradSign, ICLR 2022, algorithm 1",
)
