r"""V-PCA, W-PCA and a smooth companion: how many dimensions the feed-forward layers use.

For every feed-forward layer $f$ with the first linear layer $H = X W_1 + b_1$, tokens as rows,
before the activation, and $\lambda_1 \ge \lambda_2 \ge \dots$ the eigenvalues of the covariance of
$H$ over the tokens:

$$S_f = \min \Big\{ k : \sum_{i \le k} \lambda_i \Big/ \sum_i \lambda_i \ge \eta \Big\}, \qquad
  s_\text{vpca} = \sum_f S_f, \qquad s_\text{wpca} = w \, s_\text{vpca}$$

with $w$ the number of parameters and $\eta = 0.99$. `pca_entropy` puts the exponential of the
entropy of the spectrum in the place of $S_f$: it has no threshold, and moves where a count stays.

Of a mixture of experts every expert is a feed-forward layer, with the tokens that chose it as rows;
one that fewer than two tokens chose uses no dimension and is no node.

$H$ is affine in $X$, so $S_f$ is at most the width of $X$, however wide the layer; it does not
change with the scale of $W_1$. No labels and no gradients are needed.

Networks in evaluation mode. The authors' code counts padding tokens, takes the smallest $k$ whose
share is strictly above $\eta$, uses .9 for MobileBERT's blocks, and divides the sum by the number
of layers; here padding is left out where the batch has an ``attention_mask``, and the rest is as
in the paper. Each choice is an argument.

Reference: Wang, W-PCA Based Gradient-Free Proxy for Efficient Search of Lightweight Language
Models, ICLR 2025, eq. 1 to 8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.count_pass import EMBEDDINGS, PARAMETER_COUNTS
from nasproxy.tracing.feed_forward_pass import Selection, SpectraRecord, spectra
from nasproxy.tracing.records import Trace
from nasproxy.tracing.spectrum import component_count, effective_dimension
from zerocost.errors import did_you_mean

__all__ = ["PCA_ENTROPY", "VPCA", "WPCA", "pca_entropy", "vpca", "wpca"]

Eta = float | Mapping[str, float]
_ETA = 0.99
_READS = (
    "feed-forward layers (a linear layer that widens, an activation, one that narrows); "
    "convolutions where there are none"
)
_PAPER = "Wang, W-PCA, ICLR 2025"


def vpca(
    *,
    eta: Eta = _ETA,
    linears: Literal["first", "all"] = "first",
    at: Literal["before", "after"] = "before",
    masked: bool = True,
    over_layers: Literal["sum", "mean"] = "sum",
    layers: Sequence[str] | None = None,
    name: str = "vpca",
) -> Proxy:
    """V-PCA: the principal components of the feed-forward layers, counted.

    Args:
        eta: the share of the variance in (0, 1], or shares by shell pattern of the node's name,
            of which the first that matches holds: ``{"*mobile*": 0.9, "*": 0.99}``. A layer that
            none matches is an error.
        linears: "first" linear layer of each feed-forward layer, or "all" but the one that narrows.
        at: "before" the activation or "after" it.
        masked: whether tokens that the batch's ``attention_mask`` excludes are left out; an input
            by position has the name that the network's ``forward`` gives it.
        over_layers: "sum", or "mean", which does not grow with depth.
        layers: shell patterns of the weights or modules to read; found by structure where None.
        name: of the proxy.

    Raises:
        NasproxyError: a share out of range, or a choice that does not exist.

    Reference: Wang, W-PCA, ICLR 2025, eq. 7.
    """
    record = spectra(_selection(linears, at, masked, layers))
    return Proxy(
        name=name,
        summary="principal components of the feed-forward layers, counted",
        needs=(record,),
        statistic=_counts(record, eta),
        aggregate=_over(over_layers),
        reads=_READS,
        reference=f"{_PAPER}, eq. 7",
    )


def wpca(
    *,
    eta: Eta = _ETA,
    linears: Literal["first", "all"] = "first",
    at: Literal["before", "after"] = "before",
    masked: bool = True,
    over_layers: Literal["sum", "mean"] = "sum",
    layers: Sequence[str] | None = None,
    parameters: Literal["total", "without_embeddings"] = "total",
    name: str = "wpca",
) -> Proxy:
    """W-PCA: V-PCA times the number of parameters; the nodes are the component counts.

    Args:
        eta: as of :func:`vpca`, and so those up to ``layers``.
        linears: which linear layers.
        at: which side of the activation.
        masked: whether padding is left out.
        over_layers: how layers add up.
        layers: which layers, by hand.
        parameters: what multiplies: all parameters ("total"), or those "without_embeddings".
        name: of the proxy.

    Raises:
        NasproxyError: a share out of range, or a choice that does not exist.

    Reference: Wang, W-PCA, ICLR 2025, eq. 8.
    """
    record = spectra(_selection(linears, at, masked, layers))
    _among("parameters", parameters, ("total", "without_embeddings"))
    return Proxy(
        name=name,
        summary="principal components of the feed-forward layers, times the parameters",
        needs=(record, PARAMETER_COUNTS, EMBEDDINGS),
        statistic=_counts(record, eta),
        aggregate=_over(over_layers),
        factor=_parameters if parameters == "total" else _parameters_without_embeddings,
        reads=_READS,
        reference=f"{_PAPER}, eq. 8",
    )


def pca_entropy(
    *,
    linears: Literal["first", "all"] = "first",
    at: Literal["before", "after"] = "before",
    masked: bool = True,
    over_layers: Literal["sum", "mean"] = "sum",
    layers: Sequence[str] | None = None,
    name: str = "pca_entropy",
) -> Proxy:
    """The effective dimension of the feed-forward layers: V-PCA without a threshold.

    Args:
        linears: which linear layers, as of :func:`vpca`, and so the others.
        at: which side of the activation.
        masked: whether padding is left out.
        over_layers: how layers add up.
        layers: which layers, by hand.
        name: of the proxy.

    Raises:
        NasproxyError: a choice that does not exist.

    Reference: Roy and Vetterli, The effective rank, EUSIPCO 2007.
    """
    record = spectra(_selection(linears, at, masked, layers))
    return Proxy(
        name=name,
        summary="effective dimension of the feed-forward layers' spectra",
        needs=(record,),
        statistic=lambda trace: {n: effective_dimension(v) for n, v in trace[record].items()},
        aggregate=_over(over_layers),
        reads=_READS,
        reference="Roy and Vetterli, The effective rank, EUSIPCO 2007; beside " + _PAPER,
    )


def _selection(
    linears: Literal["first", "all"],
    at: Literal["before", "after"],
    masked: bool,
    layers: Sequence[str] | None,
) -> Selection:
    _among("linears", linears, ("first", "all"))
    _among("at", at, ("before", "after"))
    return Selection(linears, at, masked, None if layers is None else tuple(layers))


def shares_of(eta: Any) -> Mapping[str, float]:
    """Shares of the variance by shell pattern; one share is that of every node.

    Raises:
        NasproxyError: a share out of range, or no share.
    """
    shares: Mapping[str, float] = eta if isinstance(eta, Mapping) else {"*": eta}
    for share in shares.values():
        number = isinstance(share, int | float) and not isinstance(share, bool)
        if not number or not 0 < share <= 1:
            raise NasproxyError(
                f"eta is {share!r}",
                accepted="a share of the variance in (0, 1], or shares by pattern of nodes",
            )
    return shares


def _counts(record: SpectraRecord, eta: Eta) -> Callable[[Trace], dict[str, float]]:
    shares = shares_of(eta)

    def count(trace: Trace) -> dict[str, float]:
        return {
            node: float(component_count(eigenvalues, _share_of(node, shares)))
            for node, eigenvalues in trace[record].items()
        }

    return count


def _share_of(node: str, shares: Mapping[str, float]) -> float:
    for pattern, share in shares.items():
        if fnmatchcase(node, pattern):
            return share
    raise NasproxyError(
        f"eta says nothing of the layer {node!r}: its patterns are "
        + (", ".join(map(repr, shares)) or "none"),
        accepted="a pattern for every layer",
        hint=f'"*": {_ETA} as the last one, for all others',
    )


def _over(over_layers: str) -> Callable[[Float64[np.ndarray, " nodes"]], float]:
    _among("over_layers", over_layers, ("sum", "mean"))
    return np.sum if over_layers == "sum" else np.mean


def _parameters(trace: Trace) -> float:
    return float(sum(trace[PARAMETER_COUNTS].values()))


def _parameters_without_embeddings(trace: Trace) -> float:
    embeddings = trace[EMBEDDINGS]
    return float(sum(n for owner, n in trace[PARAMETER_COUNTS].items() if owner not in embeddings))


def _among(argument: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise NasproxyError(
            f"{argument} is {value!r}",
            accepted=", ".join(choices),
            hint=did_you_mean(str(value), choices),
        )


VPCA = vpca()
WPCA = wpca()
PCA_ENTROPY = pca_entropy()
