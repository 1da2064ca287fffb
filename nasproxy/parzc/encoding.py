"""Node values as numbers of about unit size, equally many for every architecture.

An encoding is made from training architectures alone and then applied to any.

``published``
    Of each proxy, the layers' values between the least (0) and the greatest (1) of the network,
    in the network's order, zeros behind; one list a proxy after the other. What tells networks
    apart by magnitude is lost.
``places``
    Each layer has a place of its own, whatever other layers a network has. Of each proxy there is
    the logarithm of its magnitude, standardised over the training networks that have the layer,
    its rank among these, and the sign where proxies take both; of the layer, that it is there,
    its depth and its width. Zeros stand where a network lacks the layer.
``summed``
    The same of each proxy's sum over the network: what is left when nodes are not kept apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from nasproxy.parzc.magnitudes import Magnitudes, is_logarithm, measure_magnitudes
from nasproxy.prediction.features import NodeBlock
from zerocost.errors import did_you_mean

__all__ = [
    "Encoding",
    "Normalisation",
    "encoding_of",
    "proxy_column",
    "published_values",
    "read_encoding",
]

Normalisation = Literal["published", "places", "summed"]

PUBLISHED_PROXIES = ("grad_norm", "snip", "synflow")
"""The proxies that the authors' code concatenates for NAS-Bench-101 and -201."""

_OF_WEIGHTS = ("snip", "plain", "grasp", "synflow")
_OF_CHANNELS = ("fisher",)


@runtime_checkable
class Encoding(Protocol):
    """Nodes to rows of numbers."""

    def __call__(self, nodes: NodeBlock) -> Float64[np.ndarray, "n inputs"]:
        """The rows of n architectures; layers that no training network had are left out."""
        ...

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON values and arrays from which ``read_encoding`` makes it again."""
        ...


def encoding_of(
    normalisation: Normalisation, nodes: NodeBlock, *, proxies: Sequence[str] | None = None
) -> Encoding:
    """The encoding that training architectures give.

    Args:
        normalisation: ``published``, ``places`` or ``summed``.
        nodes: of the training architectures.
        proxies: which of the block's are used. For None all; of ``published`` those of grad_norm,
            snip and synflow that are there, or all if none is.

    Raises:
        NasproxyError: another normalisation, or a proxy that the block lacks.
    """
    if normalisation == "published" and proxies is None:
        proxies = [name for name in PUBLISHED_PROXIES if name in nodes.proxies] or None
    chosen = tuple(proxies or nodes.proxies)
    if normalisation == "published":
        return Published(chosen, length=int(nodes.present.sum(axis=1).max()))
    if normalisation == "places":
        used = sorted({nodes.layers[code] for code in np.unique(nodes.layer) if code >= 0})
        grid = _at_places(nodes, used, chosen)
        return Places(chosen, tuple(used), measure_magnitudes(grid, chosen))
    if normalisation == "summed":
        return Summed(chosen, measure_magnitudes(_sums(nodes, chosen)[:, None], chosen))
    raise NasproxyError(
        f"no normalisation {normalisation!r}", accepted=", ".join(get_args(Normalisation))
    )


def read_encoding(settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Encoding:
    """The encoding of a ``state``."""
    proxies = tuple(settings["proxies"])
    kind = settings["normalisation"]
    if kind == "published":
        return Published(proxies, length=int(settings["length"]))
    magnitudes = Magnitudes.of_arrays(arrays)
    if kind == "places":
        return Places(proxies, tuple(settings["layers"]), magnitudes)
    return Summed(proxies, magnitudes)


@dataclass(frozen=True, eq=False)
class Published:
    """The ``published`` encoding, of ``length`` layers."""

    proxies: tuple[str, ...]
    length: int

    def __call__(self, nodes: NodeBlock) -> Float64[np.ndarray, "n inputs"]:
        values = published_values(nodes, self.proxies)
        rows = np.zeros((len(nodes), len(self.proxies), self.length))
        kept = min(self.length, values.shape[1])
        rows[:, :, :kept] = values.transpose(0, 2, 1)[:, :, :kept]
        return rows.reshape(len(nodes), -1)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        about = {"normalisation": "published", "proxies": list(self.proxies)}
        return about | {"length": self.length}, {}


@dataclass(frozen=True, eq=False)
class Places:
    """The ``places`` encoding."""

    proxies: tuple[str, ...]
    layers: tuple[str, ...]
    magnitudes: Magnitudes

    def __call__(self, nodes: NodeBlock) -> Float64[np.ndarray, "n inputs"]:
        grid = _at_places(nodes, self.layers, self.proxies)
        there, depth, width = _layers_at_places(nodes, self.layers)
        if len(there) and not there.any():
            raise NasproxyError(
                "none of the networks has a layer at a place that the training networks had",
                accepted="node values of the space, or of a list of models, that was fitted on",
            )
        columns = self.magnitudes.columns(grid)
        about = np.stack([there, depth, np.log2(1 + width) / 8], axis=2)
        return np.concatenate([columns, about], axis=2).reshape(len(nodes), -1)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        about = {"normalisation": "places", "proxies": list(self.proxies)}
        return about | {"layers": list(self.layers)}, self.magnitudes.arrays()


@dataclass(frozen=True, eq=False)
class Summed:
    """The ``summed`` encoding."""

    proxies: tuple[str, ...]
    magnitudes: Magnitudes

    def __call__(self, nodes: NodeBlock) -> Float64[np.ndarray, "n inputs"]:
        sums = _sums(nodes, self.proxies)[:, None]
        return self.magnitudes.columns(sums).reshape(len(nodes), -1)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        about = {"normalisation": "summed", "proxies": list(self.proxies)}
        return about, self.magnitudes.arrays()


def published_values(nodes: NodeBlock, proxies: Sequence[str]) -> Float64[np.ndarray, "n m p"]:
    r"""The published normalisation of some proxies, in the order of the network's layers.

    .. math:: s_k = (z_k - \min_l z_l) / (\max_l z_l - \min_l z_l)

    with z the mean over a layer's elements, and 0 for padding, for a layer without a value and
    where all z are equal. What a proxy sums over weights is divided by the layer's parameters
    (where the block knows them), what it sums over channels by its width; a norm is as it is. A
    logarithm is undone first.

    Reference: Dong et al., ParZC, AAAI 2025, section 3.1.
    """
    found = np.zeros((*nodes.present.shape, len(proxies)))
    for place, name in enumerate(proxies):
        values = proxy_column(nodes, name)
        counts = np.ones_like(values)
        if name in _OF_WEIGHTS and np.isfinite(nodes.size).any():
            counts = nodes.size
        elif name in _OF_CHANNELS:
            counts = np.maximum(nodes.width, 1)
        if is_logarithm(name):
            with np.errstate(divide="ignore", invalid="ignore"):
                logs = values + np.log(-np.expm1(-values)) - np.log(counts)
                values = np.exp(logs - _over_layers(np.fmax, logs))  # the greatest is 1
        else:
            values = values / counts
        least, most = _over_layers(np.fmin, values), _over_layers(np.fmax, values)
        span = most - least
        scaled = np.divide(values - least, span, out=np.zeros_like(values), where=span > 0)
        found[:, :, place] = np.where(np.isnan(values), 0, scaled)
    return found


def _over_layers(extreme: np.ufunc, values: np.ndarray) -> np.ndarray:
    found: np.ndarray = extreme.reduce(values, axis=1, keepdims=True)
    return found


def proxy_column(nodes: NodeBlock, name: str) -> Float64[np.ndarray, "n m"]:
    """The values of a proxy, NaN for padding and layers without one.

    Raises:
        NasproxyError: the nodes have no such proxy (the nearest are offered).
    """
    if name not in nodes.proxies:
        raise NasproxyError(
            f"the nodes have no values of {name!r}",
            accepted=", ".join(nodes.proxies),
            hint=did_you_mean(name, nodes.proxies) or "a table of nodes with that proxy",
        )
    return nodes.values[:, :, nodes.proxies.index(name)]


def _columns(nodes: NodeBlock, proxies: Sequence[str]) -> np.ndarray:
    return np.stack([proxy_column(nodes, name) for name in proxies], axis=2)


def _targets(nodes: NodeBlock, layers: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row and column of each node that has a place among the layers, and that place."""
    places = {name: place for place, name in enumerate(layers)}
    codes = np.array([places.get(name, -1) for name in nodes.layers] + [-1])
    place = codes[nodes.layer]  # padding, -1, takes the last
    rows, columns = np.nonzero(place >= 0)
    return rows, columns, place[rows, columns]


def _at_places(
    nodes: NodeBlock, layers: Sequence[str], proxies: Sequence[str]
) -> Float64[np.ndarray, "n s p"]:
    rows, columns, place = _targets(nodes, layers)
    grid = np.full((len(nodes), len(layers), len(proxies)), np.nan)
    grid[rows, place] = _columns(nodes, proxies)[rows, columns]
    return grid


def _layers_at_places(nodes: NodeBlock, layers: Sequence[str]) -> list[np.ndarray]:
    rows, columns, place = _targets(nodes, layers)
    found = []
    for values in (np.ones_like(nodes.depth), nodes.depth, nodes.width):
        grid = np.zeros((len(nodes), len(layers)))
        grid[rows, place] = values[rows, columns]
        found.append(grid)
    return found


def _sums(nodes: NodeBlock, proxies: Sequence[str]) -> Float64[np.ndarray, "n p"]:
    values = _columns(nodes, proxies)
    sums = np.empty((len(nodes), len(proxies)))
    for place, name in enumerate(proxies):
        column = values[:, :, place]
        if is_logarithm(name):
            filled = np.where(np.isnan(column), -np.inf, column)
            sums[:, place] = np.logaddexp.reduce(filled, axis=1)
        else:
            sums[:, place] = np.nansum(column, axis=1)
    return sums
