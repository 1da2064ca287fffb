r"""ntk: how unevenly a network can learn its samples, by its neural tangent kernel.

$$\Theta_{ij} = \sum_l \Big\langle \frac{\partial \sum_k f_k(x_i)}{\partial W_l},
  \frac{\partial \sum_k f_k(x_j)}{\partial W_l} \Big\rangle, \qquad
  s = \log \frac{\lambda_{\max}(\Theta)}{\lambda_{\min}(\Theta)}$$

less is better. The first 16 samples count, each alone in the mode of training, since all of their
gradients are held at once. The only node is the network, as eigenvalues do not add
up over layers.

TE-NAS takes the condition number itself, which ranks alike, over a batch that goes through the
network together, where batch normalisation couples the samples: ``ntk(together=True)``. It counts
the gains of normalisations as weights too, here they are none. Its second part is
`linear_regions`.

Reference: Chen, Gong and Wang, Neural Architecture Search on ImageNet in Four GPU Hours: A
Theoretically Inspired Perspective, ICLR 2021, section 3.1.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.sample_pass import TANGENT_KERNEL, TANGENT_KERNEL_TOGETHER

__all__ = ["NTK", "ntk"]


def ntk(*, together: bool = False, name: str = "ntk") -> Proxy:
    """The tangent kernel of samples alone or of one batch.

    Args:
        together: whether the samples go through the network as one batch, as in TE-NAS.
        name: of the proxy.
    """
    record = TANGENT_KERNEL_TOGETHER if together else TANGENT_KERNEL
    return Proxy(
        name=name,
        summary="log of the condition number of the neural tangent kernel of 16 samples",
        needs=(record,),
        statistic=lambda trace: _log_condition(trace[record]),
        higher_is_better=False,
        reads="weights of two or more dimensions: convolutions, linear layers, attention",
        reference="Chen, Gong and Wang, TE-NAS, ICLR 2021, section 3.1",
        min_batch=2,
    )


def _log_condition(kernels: dict[str, Float64[Tensor, "n n"]]) -> dict[str, float]:
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


NTK = ntk()
