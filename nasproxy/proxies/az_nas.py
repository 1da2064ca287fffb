r"""The parts of AZ-NAS: expressivity, progressivity, trainability; complexity is `flops`.

On Gaussian noise of the batch's shape, with weights drawn from $N(0, 2 / \text{fan-in})$, let
$\lambda^{(l)}$ be the eigenvalues of the covariance of the channels of block $l$'s features over
samples and positions, as shares of their sum:

$$e_l = - \sum_i \lambda^{(l)}_i \log \lambda^{(l)}_i, \qquad
  s_\text{expressivity} = \sum_l e_l, \qquad s_\text{progressivity} = \min_{l > 1} (e_l - e_{l-1})$$

With $g_\text{out}$ random signs at the output of block $l$, $g_\text{in}$ their gradient at that of
block $l - 1$, and rows positions (an image that a block makes smaller is folded into channels),

$$\sigma_l = \Big\lVert \tfrac{1}{m} g_\text{in}^\top g_\text{out} \Big\rVert_2, \qquad
  s_\text{trainability} = \frac{1}{L}
  \sum_l \Big( 2 - \sigma_l - \frac{1}{\sigma_l + 10^{-6}} \Big)$$

which is 0, its maximum, where gradients pass unscaled. AZ-NAS combines the four by the logarithms
of their ranks, over all candidates: ``nasproxy.ranking.rank_aggregate`` of the scores of
``AZ_NAS``, which are proxies of one pass and of the count.

Blocks are cells, residual blocks or transformer layers (``nasproxy.tracing.blocks``), without the
classifier; those without weights are no blocks. The authors' code reads the cells of each of their
spaces, and gives a cell that is the identity a trainability of minus infinity.

Reference: Lee and Ham, AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search,
CVPR 2024, section 3.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.block_pass import GRADIENT_GAINS, SPECTRUM_ENTROPIES
from nasproxy.tracing.records import Trace

__all__ = ["AZ_NAS", "EXPRESSIVITY", "PROGRESSIVITY", "TRAINABILITY"]

AZ_NAS = ("az_expressivity", "az_progressivity", "az_trainability", "flops")
"""The four whose ranks AZ-NAS combines."""

_READS = "two or more blocks with weights, one after the other"
_REFERENCE = "Lee and Ham, AZ-NAS, CVPR 2024"


def _entropies(trace: Trace) -> dict[str, float]:
    return trace[SPECTRUM_ENTROPIES]


def _steps(trace: Trace) -> dict[str, float]:
    entropies = trace[SPECTRUM_ENTROPIES]
    return {after: entropies[after] - entropies[before] for before, after in pairwise(entropies)}


def _isometries(trace: Trace) -> dict[str, float]:
    return {name: 2 - gain - 1 / (gain + 1e-6) for name, gain in trace[GRADIENT_GAINS].items()}


EXPRESSIVITY = Proxy(
    name="az_expressivity",
    summary="entropy of the spectrum of the features, summed over blocks",
    needs=(SPECTRUM_ENTROPIES,),
    statistic=_entropies,
    reads=_READS,
    reference=f"{_REFERENCE}, expressivity",
    min_batch=2,
)

PROGRESSIVITY = Proxy(
    name="az_progressivity",
    summary="least growth of expressivity from block to block",
    needs=(SPECTRUM_ENTROPIES,),
    statistic=_steps,
    aggregate=np.min,
    reads=_READS,
    reference=f"{_REFERENCE}, progressivity",
    min_batch=2,
)

TRAINABILITY = Proxy(
    name="az_trainability",
    summary="how nearly blocks pass gradients on unscaled, mean over blocks",
    needs=(GRADIENT_GAINS,),
    statistic=_isometries,
    aggregate=np.mean,
    reads=_READS,
    reference=f"{_REFERENCE}, trainability",
    min_batch=2,
)
