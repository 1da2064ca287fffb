r"""layer_decorrelation, act_decorrelation: how far channels are from repeating one another.

Four samples of Gaussian noise in the shape of the batch's go through the network (token ids stay
what they are). With $R_l$ the Pearson correlations between the channels of the output of layer $l$
over samples and positions, $C_l$ channels, $\lambda$ eigenvalues and $\varepsilon = 10^{-6}$,

$$s_\text{layer} = \min_{l \in \text{weights}} \sum_c \log(\lambda_c(R_l) + \varepsilon), \qquad
  s_\text{act} = \sum_{l \in \text{activations}} \lambda_{\min}(R_l).$$

$\log\det R_l$ is minus twice the total correlation of the channels, were they Gaussian: 0 where
they are uncorrelated. Its least value over the layers with weights is that of the narrowest place,
which nothing behind it widens again. (A layer that makes more channels than it is given directions
has null ones whatever its weights; on NAS-Bench-201 that is the shortcut of the second reduction,
so that what varies there is how decorrelated the features are that reach it.) The sum over
activations grows with their number, so with nonlinear depth, and with each the more the less its
channels repeat one another: MeCo, read where the network is not linear, and over more positions
than a layer of low resolution has in one sample. The two are of this project, meant to be combined;
they read no data and take one forward.

A layer whose samples and positions together are not more than its channels is not read, since its
correlations are singular whatever its weights.

Reference: total correlation, Watanabe, Information Theoretical Analysis of Multivariate
Correlation, IBM Journal 4, 1960; least eigenvalues as in Jiang, Wang and Bie, MeCo, NeurIPS 2023.
"""

from __future__ import annotations

import numpy as np

from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.records import Trace
from nasproxy.tracing.spectrum_pass import CHANNEL_SPECTRA

__all__ = ["ACT_DECORRELATION", "LAYER_DECORRELATION"]

_EPSILON = 1e-6
_REFERENCE = "of this project; after Watanabe 1960 and Jiang et al., MeCo, NeurIPS 2023"


def _log_determinants(trace: Trace) -> dict[str, float]:
    spectra = trace[CHANNEL_SPECTRA].of_weights
    return {name: float(np.log(values + _EPSILON).sum()) for name, values in spectra.items()}


def _least_eigenvalues(trace: Trace) -> dict[str, float]:
    spectra = trace[CHANNEL_SPECTRA].of_activations
    return {name: float(values[0]) for name, values in spectra.items()}


LAYER_DECORRELATION = Proxy(
    name="layer_decorrelation",
    summary="least log-determinant of the correlations between channels over weighted layers",
    needs=(CHANNEL_SPECTRA,),
    statistic=_log_determinants,
    aggregate=np.min,
    reads="layers with weights whose outputs have positions: convolutions, layers on tokens",
    reference=_REFERENCE,
)

ACT_DECORRELATION = Proxy(
    name="act_decorrelation",
    summary="least eigenvalue of the correlations between channels, summed over activations",
    needs=(CHANNEL_SPECTRA,),
    statistic=_least_eigenvalues,
    reads="activation functions of the ReLU family whose outputs have positions",
    reference=_REFERENCE,
)
