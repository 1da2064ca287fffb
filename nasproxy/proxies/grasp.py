r"""Grasp: how much removing a weight would change the flow of gradients.

$$s_l = - \sum_{w \in W_l} w \, (H g)_w, \qquad
  g = \nabla_W \mathcal L, \quad H = \nabla^2_W \mathcal L$$

with $W$ the weights of all nodes, summed over nodes. $Hg$ is exact, by a backward through the
backward. The terms have both signs and mostly cancel, so rounding weighs more here than in other
proxies.

The pruning paper ranks connections by $-w (Hg)_w$ and removes the largest; as a score of networks
Abdelfattah et al. sum the same terms, and more is better.

References: Wang, Zhang and Grosse, Picking Winning Tickets Before Training by Preserving Gradient
Flow, ICLR 2020; Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021.
"""

from __future__ import annotations

from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.batch_pass import HESSIAN_PRODUCTS
from nasproxy.tracing.records import Trace

__all__ = ["GRASP"]


def _flow_lost(trace: Trace) -> dict[str, float]:
    return {name: -product for name, product in trace[HESSIAN_PRODUCTS].items()}


GRASP = Proxy(
    name="grasp",
    summary="how much removing a weight changes the flow of gradients, summed over weights",
    needs=(HESSIAN_PRODUCTS,),
    statistic=_flow_lost,
    reads="weights of two or more dimensions: convolutions, linear layers, attention",
    reference="Wang, Zhang and Grosse, GraSP, ICLR 2020; "
    "summed as in Abdelfattah et al., ICLR 2021",
)
