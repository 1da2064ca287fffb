r"""SWAP: how many ways the activation units of a network respond to the samples of a batch.

$$s = \Big| \bigcup_l \big\{ ([x_{1u} > 0], \dots, [x_{nu} > 0]) : u \in l \big\} \Big|$$

with $x_{iu}$ the input of unit $u$ for sample $i$. A node is a call of an activation function; its
value is how many patterns it adds to those of the nodes before it, so that the values add up to the
score.

The regularised form multiplies by $\exp(-(P - \mu)^2 / \sigma)$, with $P$ the number of parameters
in millions. Far from $\mu$ that is zero in floating point, so its logarithm is the score here:

$$\log s - \frac{(P - \mu)^2}{\sigma}.$$

$\mu$ and $\sigma$ are the user's: the size that is aimed at, and how strictly. ``swap_reg`` takes
1.5 for both, the largest network of NAS-Bench-201; ``regularised_swap`` makes others. The authors'
code counts parameters in thousands.

Reference: Peng, Song, Fayek, Ciesielski and Chang, SWAP-NAS: Sample-Wise Activation Patterns for
Ultra-fast NAS, ICLR 2024.
"""

from __future__ import annotations

import math

import numpy as np

from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.batch_pass import UNIT_PATTERNS
from nasproxy.tracing.count_pass import PARAMETER_COUNTS
from nasproxy.tracing.pattern import distinct_rows
from nasproxy.tracing.records import Trace

__all__ = ["SWAP", "SWAP_REG", "regularised_swap"]

_READS = "activation functions of the ReLU family, as modules or calls (relu, gelu, silu, ...)"
_REFERENCE = "Peng et al., SWAP-NAS, ICLR 2024"


def _added_patterns(trace: Trace) -> dict[str, float]:
    nodes = trace[UNIT_PATTERNS]
    if not nodes:
        return {}
    # np.unique reports where each value comes first, and the nodes stand in the order of calls.
    _, first = distinct_rows(np.concatenate(list(nodes.values())))
    ends = np.cumsum([len(patterns) for patterns in nodes.values()])
    added = np.bincount(np.searchsorted(ends, first, side="right"), minlength=len(nodes))
    return dict(zip(nodes, added.astype(np.float64).tolist(), strict=True))


def regularised_swap(mu: float, sigma: float, name: str = "swap_reg") -> Proxy:
    """SWAP with a preference for networks of a size.

    Args:
        mu: the size aimed at, in millions of parameters.
        sigma: how wide the preference is, in the square of that unit, above 0.
        name: of the proxy.
    """
    if not sigma > 0 or not math.isfinite(mu):
        raise NasproxyError(f"mu = {mu}, sigma = {sigma}", accepted="a number, and one above 0")

    def statistic(trace: Trace) -> dict[str, float]:
        patterns = sum(_added_patterns(trace).values())
        millions = sum(trace[PARAMETER_COUNTS].values()) / 1e6
        return {"": math.log(patterns) - (millions - mu) ** 2 / sigma} if patterns else {}

    return Proxy(
        name=name,
        summary=f"log of swap, with a preference for {mu:g} million parameters",
        needs=(UNIT_PATTERNS, PARAMETER_COUNTS),
        statistic=statistic,
        reads=_READS,
        reference=f"{_REFERENCE}, regularised form",
        depends_on_spelling=True,
        min_batch=2,
    )


SWAP = Proxy(
    name="swap",
    summary="number of distinct patterns in which the samples switch the activation units",
    needs=(UNIT_PATTERNS,),
    statistic=_added_patterns,
    reads=_READS,
    reference=_REFERENCE,
    min_batch=2,
)

SWAP_REG = regularised_swap(1.5, 1.5)
