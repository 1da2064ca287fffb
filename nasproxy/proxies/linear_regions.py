r"""linear_regions: into how many linear pieces the samples of the batch fall.

$$s = \big| \{ ([x_{iu} > 0])_u : i = 1, \dots, n \} \big|$$

the number of distinct activation patterns among the samples, $x_{iu}$ the input of activation unit
$u$ for sample $i$, over the units of the whole network. The only node is the network: a pattern of
the network is not one of its layers.

It is at most n, and n for any network of more than a few units, so that it says something of
narrow networks and large batches only. TE-NAS counts it on cells of one channel, stacked once, over
thousands of inputs of 3 x 3 pixels: ``NASBench201(channels=1, cells=1)`` builds such networks, and
``evaluate`` takes the batch.

Reference: Chen, Gong and Wang, Neural Architecture Search on ImageNet in Four GPU Hours: A
Theoretically Inspired Perspective (TE-NAS), ICLR 2021, section 3.2.
"""

from __future__ import annotations

import numpy as np
import torch

from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.batch_pass import AGREEMENTS
from nasproxy.tracing.records import Trace

__all__ = ["LINEAR_REGIONS"]


def _distinct_patterns(trace: Trace) -> dict[str, float]:
    nodes = trace[AGREEMENTS]
    if not nodes:
        return {}
    agreed = torch.stack(list(nodes.values())).sum(dim=0).cpu().numpy()
    if np.isnan(agreed).any():
        raise NasproxyError(
            "an activation receives NaN",
            accepted="a network whose activations are numbers on this batch",
            hint="check its initialisation and that the inputs are normalised",
        )
    # Two samples have one pattern where they agree on as many units as there are.
    sharing = (agreed == np.diag(agreed)).sum(axis=1)
    return {"": float(round((1 / sharing).sum()))}


LINEAR_REGIONS = Proxy(
    name="linear_regions",
    summary="number of distinct activation patterns among the samples",
    needs=(AGREEMENTS,),
    statistic=_distinct_patterns,
    reads="activation functions of the ReLU family, as modules or calls (relu, gelu, silu, ...)",
    reference="Chen, Gong and Wang, TE-NAS, ICLR 2021, section 3.2",
)
