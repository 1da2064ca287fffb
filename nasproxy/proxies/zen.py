r"""Zen: how much a network of Gaussian weights makes of a small change of its input.

$$s = \log \operatorname{E} \lVert f(x) - f(x + \alpha \epsilon) \rVert_F
  + \sum_i \log \sqrt{\tfrac{1}{m_i} \sum_j \sigma_{ij}^2}$$

with standard normal weights, inputs $x$ and noise $\epsilon$, $\alpha = 0.01$, $f$ the features
that enter the last pooling (in a network without adaptive pooling, the last linear layer), and
$\sigma_{ij}^2$ the variance of channel $j$ at the input of the $i$-th batch normalisation, of $m_i$
channels. The second term gives back what normalisations divide by. The mean is over 16 samples and
over repeated draws of everything: 4 by default, 32 in the paper, ``zen(32)``. Layer and group
normalisations are not compensated, as the paper knows batch normalisation only.

A node is a batch normalisation, with its term, or the network, with the first term. The authors'
code takes the sum of absolute differences in place of the Frobenius norm, ``zen(absolute=True)``,
and the running variance, in which the initial 1 still weighs .81, in place of the batch's.

Reference: Lin et al., Zen-NAS: A Zero-Shot NAS for High-Performance Image Recognition, ICCV 2021.
"""

from __future__ import annotations

import numpy as np
import torch

from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.gaussian_pass import Response, gaussian_responses
from nasproxy.tracing.records import Trace

__all__ = ["ZEN", "zen"]


def _logs(response: Response, *, absolute: bool) -> dict[str, float]:
    difference = (response.features.double() - response.moved.double()).flatten(1)
    change = torch.linalg.vector_norm(difference, ord=1 if absolute else 2, dim=1).mean()
    if not float(change) > 0:
        raise NasproxyError(
            "a change of the input does not change the features",
            accepted="a network through which a signal passes from the input to the output",
        )
    scales = {name: v.mean().log().item() / 2 for name, v in response.variances.items()}
    return {"": float(change.log()), **scales}


def zen(repeats: int = 4, *, absolute: bool = False, name: str = "zen") -> Proxy:
    """Zen over a number of draws.

    Args:
        repeats: draws of weights and inputs that the score is the mean of, >= 1.
        absolute: the sum of absolute differences, as in the authors' code.
        name: of the proxy.
    """
    if repeats < 1:
        raise NasproxyError(f"{repeats} repeats", accepted="1 or more; 4 is usual here")
    record = gaussian_responses(repeats)

    def statistic(trace: Trace) -> dict[str, float]:
        draws = [_logs(response, absolute=absolute) for response in trace[record]]
        return {node: float(np.mean([draw[node] for draw in draws])) for node in draws[0]}

    return Proxy(
        name=name,
        summary=f"log of the change of Gaussian features with the input, mean of {repeats} draws",
        needs=(record,),
        statistic=statistic,
        reads="networks with convolutions or linear layers",
        reference="Lin et al., Zen-NAS, ICCV 2021",
    )


ZEN = zen()
