r"""WRCor: how differently a network's layers respond to the samples, deep layers weighing most.

$$K = \sum_l 2^l \sum_{i \in l} |C^A_{li}| + |C^G_{li}|, \qquad s = \log\det K$$

with $C^A_{li}$ the Pearson correlations between the samples of what goes into activation $i$ of
layer $l$, flattened, and $C^G_{li}$ those of the gradient of the loss by it. A layer is a block of
the network: a cell, a residual block, a transformer layer. Where a sample is the same everywhere
there, correlations are not defined and that matrix is left out, as in the authors' code.

The value of a node is its share $s \operatorname{tr}(K^{-1} K_i) / n$, so that the values add up to
the score. The authors' code takes the gradient that comes back through an activation alone; here
it is the whole gradient by its input, as the paper has it.

Reference: Jing, Chen, Xu, Tai, Wang and Li, Zero-Shot Neural Architecture Search with Weighted
Response Correlation, Neurocomputing 2025 (arXiv 2507.08841), equations 8 to 11.
"""

from __future__ import annotations

import math

import numpy as np

from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.batch_pass import RESPONSES
from nasproxy.tracing.records import Trace

__all__ = ["WRCOR"]


def _shares_of_log_determinant(trace: Trace) -> dict[str, float]:
    nodes = {name: r for name, r in trace[RESPONSES].items() if r.correlations.any()}
    if not nodes:
        return {}
    deepest = max(response.depth for response in nodes.values())
    # Powers of two of a deep network overflow: they are counted from the deepest layer down, and
    # what that leaves out of the logarithm is added to it.
    kernels = np.stack([r.correlations * 2.0 ** (r.depth - deepest) for r in nodes.values()])
    kernel = kernels.sum(axis=0)
    samples = len(kernel)
    eigenvalues, vectors = np.linalg.eigh(kernel)
    if not eigenvalues[0] > samples * np.finfo(np.float32).eps * eigenvalues[-1]:
        raise NasproxyError(
            "the responses to two samples of the batch are the same, so the kernel is singular",
            accepted="a batch of distinct samples, and a network that tells them apart",
        )
    score = float(np.log(eigenvalues).sum()) + samples * deepest * math.log(2)
    inverse = (vectors / eigenvalues) @ vectors.T
    shares = np.einsum("ij,lij->l", inverse, kernels) / samples
    return dict(zip(nodes, (score * shares).tolist(), strict=True))


WRCOR = Proxy(
    name="wrcor",
    summary="log-determinant of the correlations of responses, deep layers weighing most",
    needs=(RESPONSES,),
    statistic=_shares_of_log_determinant,
    reads="activation functions of the ReLU family, as modules or calls (relu, gelu, silu, ...)",
    reference="Jing et al., WRCor, Neurocomputing 2025, eq. 11",
    min_batch=2,
)
