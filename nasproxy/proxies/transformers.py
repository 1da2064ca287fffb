r"""Proxies of transformers, to compare W-PCA with.

One forward in training mode and one backward of a sum of the outputs $R = \sum_i r_i f_i(x)$, with
random signs $r_i$ of the seed; no labels. The published code has $r_i = 1$ (``cotangent="ones"``).
A network that ends in a layer normalisation makes that sum constant and its gradients zero but for
rounding: with ``"ones"`` it has no score. Layers are found by structure: *feeding* weights $F$ are
those of feed-forward layers, *mixing* weights $M$ the others of the same blocks (a router, which
chooses experts, is neither); *heads* are mixing weights whose output is mixed over tokens next
(queries, keys, values).

- `synaptic_diversity` $\sum_{W \in M} \lVert W \rVert_* \, \lVert \partial R / \partial W \rVert_*$
- `synaptic_saliency` $\sum_{W \in F} \sum_{w \in W} | w \, \partial R / \partial w |$
- `head_importance` the same over $M$, without matrices of less than a quarter of the outputs of the
  widest (the published code wants 128 of 256, which leaves out the kernels of convolutions)
- `head_confidence` $\sum_{h} \operatorname{mean}_{n, d} \max_t h_{n t d}$ over the heads' outputs
- `softmax_confidence` the same of attention probabilities, the maximum over heads
- `activation_distance` $\sum_a \sum_{t, u} \sum_k [a_{tk} > 0] = [a_{uk} > 0]$ over the activations
  $a$ of feed-forward layers, tokens $t, u$ of the first sample
- `jacobian_cosine` $1 - \frac{1}{t^2 - t} \sum_{i \ne j} \tfrac12 |\cos(J_i, J_j)|^{1/20}$ with
  $J_i$ the gradient of $R$ by the embedding of position $i$
- `dss` $\sum_{W \in M} \lVert W \rVert_* \lVert \partial R / \partial W \rVert_*$ plus
  $\sum_{W \notin M} \sum_w | w \, \partial R / \partial w |$ with absolute weights, embeddings of
  ones and no normalisation, $R$ the plain sum, in float64

A confidence of attention probabilities is the largest over heads, since the published code takes
the maximum over the second dimension of every tensor; they are those before dropout. Queries, keys
and values in one matrix (GPT-2) are one head's output.

Padding is counted, unlike in `wpca`: an ``attention_mask`` reaches the network and nothing else.

References: Serianni and Kalita, Training-free NAS for RNNs and Transformers, ACL 2023, section 4.
Zhou et al., Training-free Transformer Architecture Search, CVPR 2022, eq. 4 to 6 (`dss` and
synaptic diversity and saliency). Michel, Levy and Neubig, Are Sixteen Heads Really Better than
One?, NeurIPS 2019 (head importance).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.absolute_pass import ABSOLUTE_GRADIENTS
from nasproxy.tracing.records import Record, Trace
from nasproxy.tracing.token_pass import (
    ACTIVATION_DISTANCES,
    HEAD_CONFIDENCES,
    SOFTMAX_CONFIDENCES,
    Cotangent,
    OutputGradients,
    output_gradients,
    position_jacobian,
)

__all__ = [
    "ACTIVATION_DISTANCE",
    "DSS",
    "HEAD_CONFIDENCE",
    "HEAD_IMPORTANCE",
    "HEAD_IMPORTANCE_OF_SUM",
    "JACOBIAN_COSINE",
    "SOFTMAX_CONFIDENCE",
    "SYNAPTIC_DIVERSITY",
    "SYNAPTIC_DIVERSITY_OF_SUM",
    "SYNAPTIC_SALIENCY",
    "SYNAPTIC_SALIENCY_OF_SUM",
    "head_importance",
    "jacobian_cosine",
    "synaptic_diversity",
    "synaptic_saliency",
]

_Pairs = Mapping[str, tuple[Tensor, Tensor]]
_READS = "transformers: blocks that mix tokens and have a feed-forward layer each"
_PAPER = "Serianni and Kalita, ACL 2023"


def _saliency(weight: Tensor, gradient: Tensor) -> float:
    return float((weight * gradient).abs().sum(dtype=torch.float64))


def _diversity(weight: Tensor, gradient: Tensor) -> float:
    norms = (torch.linalg.matrix_norm(m.double().flatten(1), "nuc") for m in (weight, gradient))
    found = 1.0
    for norm in norms:
        found *= float(norm)
    return found


def _over(pairs: _Pairs, measure: Callable[[Tensor, Tensor], float]) -> dict[str, float]:
    return {name: measure(weight, gradient) for name, (weight, gradient) in pairs.items()}


def _importance(found: OutputGradients) -> dict[str, float]:
    widest = max(weight.shape[0] for weight, _ in found.mixing.values())
    wide = {name: pair for name, pair in found.mixing.items() if 4 * pair[0].shape[0] >= widest}
    return _over(wide, _saliency)


def _dss(trace: Trace) -> dict[str, float]:
    found = trace[ABSOLUTE_GRADIENTS]
    nodes = _over(found.mixing, _diversity) | _over(found.feeding, _saliency)
    if not any(nodes.values()):
        raise NasproxyError(
            "no weight has any part in the output of the network of absolute weights",
            accepted="a network through which a signal passes from the input to the output",
        )
    return nodes


def _cosine(jacobian: Tensor) -> dict[str, float]:
    rows = jacobian.double().cpu().numpy()
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if len(rows) < 2 or not (norms > 0).all():
        raise NasproxyError(
            "the gradient by a position is zero, or there is one position",
            accepted="sequences of two tokens or more that all reach the output",
        )
    cosines = (rows / norms) @ (rows / norms).T
    apart = np.abs(cosines - np.eye(len(rows))) ** (1 / 20)
    np.fill_diagonal(apart, 0)
    return {"": float(1 - apart.sum() / 2 / (len(rows) ** 2 - len(rows)))}


def _proxy(
    name: str,
    summary: str,
    record: Record[Any],
    statistic: Callable[[Trace], Mapping[str, float]],
    reference: str = _PAPER,
) -> Proxy:
    return Proxy(
        name=name,
        summary=summary,
        needs=(record,),
        statistic=statistic,
        reads=_READS,
        reference=reference,
    )


def synaptic_diversity(
    *, cotangent: Cotangent = "signs", name: str = "synaptic_diversity"
) -> Proxy:
    """Nuclear norms of attention weights times those of their gradients.

    Args:
        cotangent: what the outputs are multiplied by before they are added up: random "signs" of
            the seed, or "ones" as in the published code.
        name: of the proxy.

    Raises:
        NasproxyError: a cotangent that does not exist.

    Reference: Zhou et al., CVPR 2022, eq. 4; Serianni and Kalita, ACL 2023.
    """
    return _of_gradients(
        name,
        "nuclear norms of attention weights times those of their gradients",
        cotangent,
        lambda found: _over(found.mixing, _diversity),
        f"Zhou et al., CVPR 2022, eq. 4; {_PAPER}",
    )


def synaptic_saliency(*, cotangent: Cotangent = "signs", name: str = "synaptic_saliency") -> Proxy:
    """Feed-forward weights times their gradients, absolute; as :func:`synaptic_diversity`.

    Args:
        cotangent: of the outputs, "signs" or "ones".
        name: of the proxy.

    Raises:
        NasproxyError: a cotangent that does not exist.

    Reference: Zhou et al., CVPR 2022, eq. 5; Serianni and Kalita, ACL 2023.
    """
    return _of_gradients(
        name,
        "feed-forward weights times their gradients, absolute",
        cotangent,
        lambda found: _over(found.feeding, _saliency),
        f"Zhou et al., CVPR 2022, eq. 5; {_PAPER}",
    )


def head_importance(*, cotangent: Cotangent = "signs", name: str = "head_importance") -> Proxy:
    """Attention weights times their gradients, absolute; as :func:`synaptic_diversity`.

    Args:
        cotangent: of the outputs, "signs" or "ones".
        name: of the proxy.

    Raises:
        NasproxyError: a cotangent that does not exist.

    Reference: Michel, Levy and Neubig, NeurIPS 2019; Serianni and Kalita, ACL 2023.
    """
    return _of_gradients(
        name,
        "attention weights times their gradients, absolute",
        cotangent,
        _importance,
        f"Michel, Levy and Neubig, NeurIPS 2019; {_PAPER}",
    )


def jacobian_cosine(*, cotangent: Cotangent = "signs", name: str = "jacobian_cosine") -> Proxy:
    """How differently a sum of the outputs depends on different positions.

    Args:
        cotangent: of the outputs, "signs" or "ones".
        name: of the proxy.

    Raises:
        NasproxyError: a cotangent that does not exist.

    Reference: Serianni and Kalita, ACL 2023.
    """
    record = position_jacobian(_checked(cotangent))
    return _proxy(
        name,
        "how differently the output depends on different positions",
        record,
        lambda trace: _cosine(trace[record]),
    )


def _of_gradients(
    name: str,
    summary: str,
    cotangent: Cotangent,
    statistic: Callable[[OutputGradients], Mapping[str, float]],
    reference: str,
) -> Proxy:
    record = output_gradients(_checked(cotangent))
    return _proxy(name, summary, record, lambda trace: statistic(trace[record]), reference)


def _checked(cotangent: Cotangent) -> Cotangent:
    if cotangent not in ("signs", "ones"):
        raise NasproxyError(f"cotangent is {cotangent!r}", accepted="signs, ones")
    return cotangent


SYNAPTIC_DIVERSITY = synaptic_diversity()
SYNAPTIC_SALIENCY = synaptic_saliency()
HEAD_IMPORTANCE = head_importance()
JACOBIAN_COSINE = jacobian_cosine()
# As published, of the plain sum: for networks that end in a classifier.
SYNAPTIC_DIVERSITY_OF_SUM = synaptic_diversity(cotangent="ones", name="synaptic_diversity_of_sum")
SYNAPTIC_SALIENCY_OF_SUM = synaptic_saliency(cotangent="ones", name="synaptic_saliency_of_sum")
HEAD_IMPORTANCE_OF_SUM = head_importance(cotangent="ones", name="head_importance_of_sum")
HEAD_CONFIDENCE = _proxy(
    "head_confidence",
    "largest value over tokens of queries, keys and values",
    HEAD_CONFIDENCES,
    lambda trace: trace[HEAD_CONFIDENCES],
)
SOFTMAX_CONFIDENCE = _proxy(
    "softmax_confidence",
    "largest attention probability over heads",
    SOFTMAX_CONFIDENCES,
    lambda trace: trace[SOFTMAX_CONFIDENCES],
)
ACTIVATION_DISTANCE = _proxy(
    "activation_distance",
    "agreements of the feed-forward activations of every two tokens",
    ACTIVATION_DISTANCES,
    lambda trace: trace[ACTIVATION_DISTANCES],
)
DSS = _proxy(
    "dss",
    "diversity of attention plus saliency of the rest, of absolute weights on ones",
    ABSOLUTE_GRADIENTS,
    _dss,
    "Zhou et al., Training-free Transformer Architecture Search, CVPR 2022, eq. 6",
)
