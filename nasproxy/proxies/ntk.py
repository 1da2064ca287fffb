r"""ntk: how unevenly a network can learn its samples, by its neural tangent kernel.

$$\Theta_{ij} = \sum_l \Big\langle \frac{\partial \sum_k f_k(x_i)}{\partial W_l},
  \frac{\partial \sum_k f_k(x_j)}{\partial W_l} \Big\rangle, \qquad
  s = \log \frac{\lambda_{\max}(\Theta)}{\lambda_{\min}(\Theta)}$$

less is better. The first 16 samples count, each alone in the mode of training, since all of their
gradients are held at once. The only node is the network, as eigenvalues do not add
up over layers.

TE-NAS takes the condition number itself, which ranks alike, over a batch that goes through the
network together, where batch normalisation couples the samples; its second part is
`linear_regions`.

Reference: Chen, Gong and Wang, Neural Architecture Search on ImageNet in Four GPU Hours: A
Theoretically Inspired Perspective, ICLR 2021, section 3.1.
"""

from __future__ import annotations

import numpy as np
import torch

from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.records import Trace
from nasproxy.tracing.sample_pass import TANGENT_KERNEL

__all__ = ["NTK"]


def _log_condition(trace: Trace) -> dict[str, float]:
    kernels = trace[TANGENT_KERNEL]
    if not kernels:
        return {}
    eigenvalues = torch.linalg.eigvalsh(torch.stack(list(kernels.values())).sum(dim=0))
    least, largest = float(eigenvalues[0]), float(eigenvalues[-1])
    # Below this the least eigenvalue is rounding of gradients in float32.
    if not least > len(eigenvalues) * np.finfo(np.float32).eps * largest:
        raise NasproxyError(
            "the tangent kernel is singular: two samples have the same gradients",
            accepted="a batch of distinct samples, and a network that tells them apart",
        )
    return {"": float(np.log(largest / least))}


NTK = Proxy(
    name="ntk",
    summary="log of the condition number of the neural tangent kernel of 16 samples",
    needs=(TANGENT_KERNEL,),
    statistic=_log_condition,
    higher_is_better=False,
    reads="weights of two or more dimensions: convolutions, linear layers, attention",
    reference="Chen, Gong and Wang, TE-NAS, ICLR 2021, section 3.1",
    min_batch=2,
)
