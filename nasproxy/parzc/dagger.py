r"""ParZC†, the training-free form: a proxy's node values under fixed weights along the depth.

.. math:: s = \sum_{i=0}^{m-1} w_i z_i, \qquad w_i = \tfrac{1}{2} (\sin(\omega i) + 1)

with i the layer's place in the network's order and ω = .1, so that weights rise and fall over
about 63 layers. Reference: Dong et al., ParZC, AAAI 2025, equation 1; the frequency is that of the
authors' code, which the paper does not state.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from nasproxy.parzc.encoding import proxy_column
from nasproxy.parzc.magnitudes import is_logarithm
from nasproxy.prediction.features import Features, NodeBlock
from nasproxy.prediction.predictor import Prediction
from nasproxy.prediction.storage import read_fitted, write_fitted

__all__ = ["DAGGER", "Dagger", "dagger_scores", "sine_weights"]


def sine_weights(length: int, *, frequency: float = 0.1) -> Float64[np.ndarray, " m"]:
    """(sin(frequency i) + 1) / 2 for i = 0 .. length - 1, each in 0 .. 1."""
    weights: Float64[np.ndarray, " m"] = (np.sin(frequency * np.arange(length)) + 1) / 2
    return weights


def dagger_scores(
    nodes: NodeBlock, proxy: str, *, frequency: float = 0.1
) -> Float64[np.ndarray, " n"]:
    """The weighted sum of a proxy's values over each network's layers.

    A layer without a value of the proxy has no place in the order. Of a proxy whose values are
    logarithms the logarithm of the weighted sum is taken, which orders networks the same way.

    Args:
        nodes: of n architectures.
        proxy: one of its proxies.
        frequency: ω, radians a layer.

    Raises:
        NasproxyError: the nodes have no such proxy.
    """
    values = proxy_column(nodes, proxy)
    known = ~np.isnan(values)
    place = np.cumsum(known, axis=1) - 1
    weights = sine_weights(values.shape[1], frequency=frequency)[np.maximum(place, 0)]
    found: Float64[np.ndarray, " n"]
    if is_logarithm(proxy):
        with np.errstate(divide="ignore"):
            logs = np.where(known, values + np.log(weights), -np.inf)
        found = np.logaddexp.reduce(logs, axis=1)
    else:
        found = np.where(known, weights * np.nan_to_num(values), 0.0).sum(axis=1)
    return found


@dataclass(frozen=True)
class Dagger:
    """ParZC† under the interface of predictors: nothing is fitted, and nothing is uncertain.

    Attributes:
        proxy: whose node values are summed.
        frequency: of the weights, radians a layer.
    """

    proxy: str = "snip"
    frequency: float = 0.1

    @property
    def kind(self) -> str:
        """The registered name."""
        return "dagger"

    def fit(
        self, features: Features, accuracies: Float64[np.ndarray, " n"], *, seed: int
    ) -> Dagger:
        """Itself: accuracies and seed are not looked at."""
        features.need_nodes()
        return self

    def predict(self, features: Features) -> Prediction:
        """The scores, and spreads of 0."""
        scores = dagger_scores(features.need_nodes(), self.proxy, frequency=self.frequency)
        if not np.isfinite(scores).all():
            row = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise NasproxyError(
                f"{features.architectures[row]!r} has no layer with a value of {self.proxy!r}",
                accepted="architectures whose nodes were measured",
            )
        return Prediction(scores, np.zeros(len(scores)))

    def save(self, folder: Path, *, overwrite: bool = False) -> None:
        """Write its two settings."""
        write_fitted(folder, self.kind, asdict(self), {}, overwrite=overwrite)

    def load(self, folder: Path) -> Dagger:
        """Read back what ``save`` wrote."""
        settings, _ = read_fitted(folder, self.kind)
        return Dagger(**settings)


DAGGER = Dagger()
