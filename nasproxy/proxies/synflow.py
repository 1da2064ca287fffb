r"""Synflow: the flow of absolute weights from the input to the output, in log space.

$$R = \mathbf 1^\top \Big( \prod_l |W_l| \Big) \mathbf 1, \qquad
  s_l = \sum_{w \in W_l} \Big| w \, \frac{\partial R}{\partial w} \Big|, \qquad
  s = \log \sum_l s_l$$

with normalisations passed through, biases dropped, an input (or embedding) of ones, in float64.
Buffers that are fixed matrices are taken absolute too. Activations stay: R is the product above
where they are ReLU, and an approximation of it where they are not (GELU halves a small signal).
Totals up to about 1e600 are held; a node 600 orders of magnitude below the largest reads 0.
The value of a node is $\log(1 + s_l)$, which is 0 for a weight that no flow passes and does not
overflow; the plain sum reaches $10^{50}$ on NAS-Bench-201.

Reference: Tanaka et al., Pruning neural networks without any data by iteratively conserving
synaptic flow, NeurIPS 2020, eq. 5; summed over the network as in Abdelfattah et al., ICLR 2021.
Their code keeps the absolute biases, ``synflow(biases=True)``; the equation has none. With biases
R is not linear in the input, so that what overflows at an input of ones has no score.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.data_free_pass import log_synaptic_flow
from nasproxy.tracing.records import Trace

__all__ = ["SYNFLOW", "synflow"]


def synflow(*, biases: bool = False, name: str = "synflow") -> Proxy:
    """Synflow with or without biases.

    Args:
        biases: whether absolute biases are added, as in the authors' code.
        name: of the proxy.
    """
    record = log_synaptic_flow(biases=biases)

    def log_one_plus(trace: Trace) -> dict[str, float]:
        return {node: float(np.logaddexp(0.0, flow)) for node, flow in trace[record].items()}

    return Proxy(
        name=name,
        summary="log of the flow of absolute weights from input to output; needs no data",
        needs=(record,),
        statistic=log_one_plus,
        aggregate=_log_of_sum,
        reads="weights of two or more dimensions: convolutions, linear layers, attention",
        reference="Tanaka et al., Synaptic Flow, NeurIPS 2020, eq. 5",
    )


def _log_of_sum(nodes: Float64[np.ndarray, "nodes"]) -> float:
    positive = nodes[nodes > 0]
    if not len(positive):
        return -np.inf
    # log(exp(x) - 1) = x + log(1 - exp(-x)), exact for small and large x alike
    return float(np.logaddexp.reduce(positive + np.log(-np.expm1(-positive))))


SYNFLOW = synflow()
