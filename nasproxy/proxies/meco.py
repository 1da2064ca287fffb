r"""MeCo: how far the channels of each layer are from being a combination of one another.

$$s = \sum_l \lambda_{\min}\big(P(f_l)\big)$$

with $f_l$ the feature maps ``[channels, positions]`` that layer $l$ makes of one sample of Gaussian
noise, and $P$ the Pearson correlations between channels. A node is a call of a module without parts
of its own whose output has positions (pixels, tokens). Where a channel is constant, or positions
are not more than channels, $P$ is singular and the node 0.

The noise has the shape of the batch's first sample. The authors' code draws images of 64 x 64,
which keeps more layers of narrow resolution regular, and it reads containers too, each of which
repeats the layer that it ends with: ``meco(64, containers=True)``.

Reference: Jiang, Wang and Bie, MeCo: Zero-Shot NAS with One Data and Single Forward Pass via
Minimum Eigenvalue of Correlation, NeurIPS 2023.
"""

from __future__ import annotations

from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.noise_pass import least_eigenvalues
from nasproxy.tracing.records import Trace

__all__ = ["MECO", "meco"]


def meco(size: int | None = None, *, containers: bool = False, name: str = "meco") -> Proxy:
    """MeCo of noise of a size.

    Args:
        size: height and width of the noise, 64 in the authors' code; None for those of the batch.
        containers: whether modules with parts are read too, as in the authors' code.
        name: of the proxy.

    Raises:
        NasproxyError: a size below 1.
    """
    if size is not None and size < 1:
        raise NasproxyError(
            f"noise of {size} pixels", accepted="1 or more; 64 in the authors' code"
        )
    record = least_eigenvalues(size, containers=containers)

    def of_layers(trace: Trace) -> dict[str, float]:
        return trace[record]

    return Proxy(
        name=name,
        summary="least eigenvalue of the correlations between channels, summed over layers",
        needs=(record,),
        statistic=of_layers,
        reads="layers whose outputs have positions: convolutions on images, layers on tokens",
        reference="Jiang, Wang and Bie, MeCo, NeurIPS 2023",
    )


MECO = meco()
