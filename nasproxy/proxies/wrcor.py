r"""WRCor: how differently a network's layers respond to the samples, deep layers weighing most.

$$K = \sum_l 2^l \sum_{i \in l} |C^A_{li}| + |C^G_{li}|, \qquad s = \log\det K$$

with $C^A_{li}$ the Pearson correlations between the samples of what goes into activation $i$ of
layer $l$, flattened, and $C^G_{li}$ those of the gradient of the loss by it. A layer is a block of
the network: a cell, a residual block, a transformer layer. Where a sample is the same everywhere
there, correlations are not defined and that matrix is left out, as in the authors' code.

The value of a node is its share $s \operatorname{tr}(K^{-1} K_i) / n$, so that the values add up to
the score. The authors' code takes the gradient that comes back through an activation alone,
``wrcor(through=True)``; here it is the whole gradient by its input, as the paper has it. The two
differ where something else reads the input too.

Reference: Jing, Chen, Xu, Tai, Wang and Li, Zero-Shot Neural Architecture Search with Weighted
Response Correlation, Neurocomputing 2025 (arXiv 2507.08841), equations 8 to 11.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.batch_pass import RESPONSES, RESPONSES_THROUGH
from nasproxy.tracing.records import Trace

__all__ = ["WRCOR", "wrcor"]


def wrcor(*, through: bool = False, name: str = "wrcor") -> Proxy:
    """WRCor by the whole gradient or by that through the activation.

    Args:
        through: whether the gradient that comes back through an activation function alone counts,
            as in the authors' code. Activations written out in products have none then.
        name: of the proxy.
    """
    record = RESPONSES_THROUGH if through else RESPONSES

    def statistic(trace: Trace) -> dict[str, float]:
        return _shares_of_log_determinant(
            {
                node: (found.depth, found.through if through else found.correlations)
                for node, found in trace[record].items()
            }
        )

    return Proxy(
        name=name,
        summary="log-determinant of the correlations of responses, deep layers weighing most",
        needs=(record,),
        statistic=statistic,
        reads="activation functions of the ReLU family, as modules or calls (relu, gelu, ...)",
        reference="Jing et al., WRCor, Neurocomputing 2025, eq. 11",
        min_batch=2,
    )


def _shares_of_log_determinant(
    responses: Mapping[str, tuple[int, Float64[np.ndarray, "n n"]]],
) -> dict[str, float]:
    """Of depths and correlations."""
    nodes = {name: found for name, found in responses.items() if found[1].any()}
    if not nodes:
        return {}
    deepest = max(depth for depth, _ in nodes.values())
    # Powers of two of a deep network overflow: they are counted from the deepest layer down, and
    # what that leaves out of the logarithm is added to it.
    kernels = np.stack([each * 2.0 ** (depth - deepest) for depth, each in nodes.values()])
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


WRCOR = wrcor()
