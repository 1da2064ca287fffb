r"""Fisher: how much the loss would change if a channel were removed.

$$\Delta_c = \frac{1}{2n} \sum_{i=1}^{n} \Big( \sum_p a_{icp} \,
  \frac{\partial \mathcal L}{\partial a_{icp}} \Big)^2, \qquad s = \sum_l \sum_{c \in l} \Delta_c$$

with $a_{icp}$ the output of a module with weights for sample $i$ at channel $c$ and position $p$
(pixels, tokens), and $\mathcal L$ the mean loss of the batch. A node is a call of such a module.

The code published with Abdelfattah et al. (ICLR 2021), of which the published values are, gives
every weight of a channel the channel's value, so that a channel counts once for each of its
weights: ``FISHER_OF_WEIGHTS``. The papers sum over channels: ``FISHER``.

References: Theis et al., Faster gaze prediction with dense networks and Fisher pruning, 2018;
Turner et al., BlockSwap, ICLR 2020.
"""

from __future__ import annotations

import torch

from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.batch_pass import CHANNEL_SALIENCIES
from nasproxy.tracing.channel_saliency import owner
from nasproxy.tracing.count_pass import WEIGHTS
from nasproxy.tracing.records import Trace

__all__ = ["FISHER", "FISHER_OF_WEIGHTS"]

_READS = "modules with weights of two or more dimensions: convolutions, linear layers, attention"
_REFERENCE = "Turner et al., BlockSwap, ICLR 2020"


def _of_channels(trace: Trace) -> dict[str, float]:
    saliencies = trace[CHANNEL_SALIENCIES]
    if not saliencies:
        return {}
    values = [s.double().square().sum() / (2 * len(s)) for s in saliencies.values()]
    return dict(zip(saliencies, torch.stack(values).tolist(), strict=True))


def _of_weights(trace: Trace) -> dict[str, float]:
    weights: dict[str, int] = {}
    for name, weight in trace[WEIGHTS].items():
        weights[owner(name)] = weights.get(owner(name), 0) + weight.numel()
    return {
        name: value * weights[name.partition("#")[0]] / trace[CHANNEL_SALIENCIES][name].shape[1]
        for name, value in _of_channels(trace).items()
    }


FISHER = Proxy(
    name="fisher",
    summary="how much the loss changes when a channel is removed, summed over channels",
    needs=(CHANNEL_SALIENCIES,),
    statistic=_of_channels,
    reads=_READS,
    reference=_REFERENCE,
)

FISHER_OF_WEIGHTS = Proxy(
    name="fisher_of_weights",
    summary="fisher with every channel counted once for each of its weights",
    needs=(CHANNEL_SALIENCIES, WEIGHTS),
    statistic=_of_weights,
    reads=_READS,
    reference=f"{_REFERENCE}; summed as in the code of Abdelfattah et al., ICLR 2021",
)
