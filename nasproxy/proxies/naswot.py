r"""NASWOT: how differently the activation units of a network respond to different samples.

$$K = \sum_l K_l, \qquad
  (K_l)_{ij} = \sum_{u \in l} [x_{iu} > 0][x_{ju} > 0] + [x_{iu} \le 0][x_{ju} \le 0], \qquad
  s = \log \det K$$

with $x_{iu}$ the input of unit $u$ for sample $i$. A node is a call of an activation function.
Since $\operatorname{tr}(K^{-1} K) = n$, the score is shared out among the nodes as
$s_l = s \, \operatorname{tr}(K^{-1} K_l) / n$; the shares are positive where $s$ is, and add up to
it.

Reference: Mellor et al., Neural Architecture Search without Training, ICML 2021, eq. 2. Their code
adds each batch twice and drops activations that no gradient reaches; here dead parts of an
architecture are pruned before it is built.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.batch_pass import AGREEMENTS
from nasproxy.tracing.records import Trace

__all__ = ["NASWOT"]


def _shares_of_log_determinant(trace: Trace) -> dict[str, float]:
    nodes = trace[AGREEMENTS]
    if not nodes:
        return {}
    kernels = torch.stack(list(nodes.values()))
    kernel = kernels.sum(dim=0).cpu().numpy()
    if np.isnan(kernel).any():
        missing = kernels.isnan().any(dim=(1, 2)).tolist()
        raise NasproxyError(
            f"the activation {list(nodes)[missing.index(True)]!r} receives NaN",
            accepted="a network whose activations are numbers on this batch",
            hint="check its initialisation and that the inputs are normalised",
        )
    samples = len(kernel)
    eigenvalues, vectors = np.linalg.eigh(kernel)
    if eigenvalues[0] <= samples * np.finfo(np.float64).eps * eigenvalues[-1]:
        raise NasproxyError(
            "two samples of the batch switch every activation alike, so the kernel is singular",
            accepted="a batch of distinct samples, and a network that tells them apart",
        )
    score = float(np.log(eigenvalues).sum())
    inverse = (vectors / eigenvalues) @ vectors.T
    shares = _contracted(inverse, kernels) / samples
    return dict(zip(nodes, (score * shares).tolist(), strict=True))


def _contracted(
    inverse: Float64[np.ndarray, "n n"], kernels: Float64[Tensor, "l n n"]
) -> Float64[np.ndarray, "l"]:
    if kernels.device.type == "cpu":
        found: Float64[np.ndarray, "l"] = np.einsum("ij,lij->l", inverse, kernels.numpy())
        return found
    there = torch.from_numpy(inverse).to(kernels.device)
    return (kernels.flatten(1) @ there.flatten()).cpu().numpy()


NASWOT = Proxy(
    name="naswot",
    summary="log-determinant of how often two samples switch the same activations",
    needs=(AGREEMENTS,),
    statistic=_shares_of_log_determinant,
    reads="activation functions of the ReLU family, as modules or calls (relu, gelu, silu, ...)",
    reference="Mellor et al., Neural Architecture Search without Training, ICML 2021, eq. 2",
    min_batch=2,
)
