r"""Norms of weights and of their gradients, and the saliency of connections.

With $W_l$ the weight of node $l$ and $\mathcal L$ the mean loss of the batch:

- `l2_norm` $\sum_l \lVert W_l \rVert_2$,
- `grad_norm` $\sum_l \lVert \partial \mathcal L / \partial W_l \rVert_2$,
- `snip` $\sum_l \sum_{w \in W_l} | w \, \partial \mathcal L / \partial w |$,
- `plain` $\sum_l \sum_{w \in W_l} w \, \partial \mathcal L / \partial w$.

`plain` keeps the signs. The loss does not change with the scale of a weight that a normalisation
follows, so the sum over such a weight is zero but for the normalisation's epsilon: what is left is
the classifier and the paths around normalisations. Its sign is that of no theory; on NAS-Bench-201
less is better.

The sums run over nodes of every kind; the code published with Abdelfattah et al. reads two
dimensional convolutions and linear layers only. Products are those of the network's dtype and are
added up in float64.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.batch_pass import WEIGHT_GRADIENTS
from nasproxy.tracing.count_pass import WEIGHTS
from nasproxy.tracing.records import Trace

__all__ = ["GRAD_NORM", "L2_NORM", "PLAIN", "SNIP"]

_READS = "weights of two or more dimensions: convolutions, linear layers, attention"


def _norms(tensors: dict[str, Tensor]) -> dict[str, float]:
    return _named(
        tensors, (torch.linalg.vector_norm(t, dtype=torch.float64) for t in tensors.values())
    )


def _connection_sensitivity(trace: Trace) -> dict[str, float]:
    weights, gradients = trace[WEIGHTS], trace[WEIGHT_GRADIENTS]
    return _named(
        weights,
        ((weights[name] * gradients[name]).abs_().sum(dtype=torch.float64) for name in weights),
    )


def _signed_sensitivity(trace: Trace) -> dict[str, float]:
    weights, gradients = trace[WEIGHTS], trace[WEIGHT_GRADIENTS]
    return _named(
        weights,
        ((weights[name] * gradients[name]).sum(dtype=torch.float64) for name in weights),
    )


def _named(names: Iterable[str], values: Iterable[Tensor]) -> dict[str, float]:
    """Scalars on a device to floats on the host, in one transfer."""
    scalars = list(values)
    return dict(zip(names, torch.stack(scalars).tolist() if scalars else [], strict=True))


L2_NORM = Proxy(
    name="l2_norm",
    summary="sum of the Euclidean norms of the weights",
    needs=(WEIGHTS,),
    statistic=lambda trace: _norms(trace[WEIGHTS]),
    reads=_READS,
    reference="Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021",
    depends_on_spelling=True,
)

GRAD_NORM = Proxy(
    name="grad_norm",
    summary="sum of the Euclidean norms of the weights' gradients",
    needs=(WEIGHT_GRADIENTS,),
    statistic=lambda trace: _norms(trace[WEIGHT_GRADIENTS]),
    reads=_READS,
    reference="Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021, section 3.2",
)

SNIP = Proxy(
    name="snip",
    summary="how much the loss changes when a connection is removed, summed over connections",
    needs=(WEIGHTS, WEIGHT_GRADIENTS),
    statistic=_connection_sensitivity,
    reads=_READS,
    reference="Lee, Ajanthan and Torr, SNIP, ICLR 2019, eq. 4; "
    "summed as in Abdelfattah et al., ICLR 2021",
)

PLAIN = Proxy(
    name="plain",
    summary="weights times their gradients, signs kept, summed",
    needs=(WEIGHTS, WEIGHT_GRADIENTS),
    statistic=_signed_sensitivity,
    higher_is_better=False,
    reads=_READS,
    reference="Mozer and Smolensky, Skeletonization, NeurIPS 1988; "
    "summed as in Abdelfattah et al., ICLR 2021",
)
