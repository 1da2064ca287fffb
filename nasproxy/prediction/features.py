"""What a predictor reads of architectures: columns of numbers, and values of their nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float64, Int64

from nasproxy.errors import NasproxyError
from zerocost.errors import did_you_mean

__all__ = ["Features", "NodeBlock"]


@dataclass(frozen=True, eq=False)
class NodeBlock:
    """Values of the nodes of n architectures, padded to the m nodes of the largest.

    A node is a layer that a proxy has a value of. Padding stands behind the nodes.

    Attributes:
        proxies: the p proxies by name.
        kinds: the classes of layers, such as ``Conv2d``.
        layers: the layers by their path in the network.
        values: float64 ``[n, m, p]``, NaN where the node is padding or the proxy has no value.
        kind: int64 ``[n, m]``, a place in ``kinds``; -1 for padding.
        layer: int64 ``[n, m]``, a place in ``layers``; -1 for padding.
        depth: float64 ``[n, m]``, where the layer stands among its network's, 0 the first and 1
            the last; 0 for padding.
        width: float64 ``[n, m]``, channels or features that the layer gives; 0 for padding or
            where the layer has none.
        size: float64 ``[n, m]``, parameters of the layer; NaN for padding or where the table of
            nodes does not hold the proxy ``params``.

    Raises:
        NasproxyError: arrays whose shapes do not agree.
    """

    proxies: tuple[str, ...]
    kinds: tuple[str, ...]
    layers: tuple[str, ...]
    values: Float64[np.ndarray, "n m p"]
    kind: Int64[np.ndarray, "n m"]
    layer: Int64[np.ndarray, "n m"]
    depth: Float64[np.ndarray, "n m"]
    width: Float64[np.ndarray, "n m"]
    size: Float64[np.ndarray, "n m"]

    def __post_init__(self) -> None:
        shape = self.values.shape
        others = (self.kind, self.layer, self.depth, self.width, self.size)
        if shape[2:] != (len(self.proxies),) or any(a.shape != shape[:2] for a in others):
            raise NasproxyError(
                f"node values of the shape {list(shape)} for {len(self.proxies)} proxies, beside "
                f"{', '.join(str(list(a.shape)) for a in others)}",
                accepted="[n, m, p] for p proxies, and [n, m] for all others",
            )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def present(self) -> Bool[np.ndarray, "n m"]:
        """Whether there is a node, and no padding."""
        return self.kind >= 0

    def take(self, rows: Sequence[int] | np.ndarray) -> NodeBlock:
        """Some architectures, in the order given."""
        chosen = np.asarray(rows)
        return replace(
            self,
            values=self.values[chosen],
            kind=self.kind[chosen],
            layer=self.layer[chosen],
            depth=self.depth[chosen],
            width=self.width[chosen],
            size=self.size[chosen],
        )


@dataclass(frozen=True, eq=False)
class Features:
    """What is known of n architectures before any of them is trained.

    Attributes:
        architectures: their text forms ``[n]``.
        names: what the columns are called ``[d]``, each once.
        levels: float64 ``[n, d]``, numbers of whole architectures; finite, d may be 0.
        nodes: values of their nodes, or None where nothing that reads them is asked.

    Raises:
        NasproxyError: shapes that do not agree, a number that is not finite, or a name given twice.
    """

    architectures: tuple[str, ...]
    names: tuple[str, ...] = ()
    levels: Float64[np.ndarray, "n d"] = field(default_factory=lambda: np.zeros((0, 0)))
    nodes: NodeBlock | None = None

    def __post_init__(self) -> None:
        n = len(self.architectures)
        if not self.names and self.levels.size == 0:
            object.__setattr__(self, "levels", np.zeros((n, 0)))
        if self.levels.shape != (n, len(self.names)):
            raise NasproxyError(
                f"levels of the shape {list(self.levels.shape)} for {n} architectures and "
                f"{len(self.names)} names",
                accepted="[n, d], a row an architecture and a column a name",
            )
        if len(set(self.names)) < len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise NasproxyError(f"two columns are called {twice!r}", accepted="each name once")
        if self.nodes is not None and len(self.nodes) != n:
            raise NasproxyError(
                f"nodes of {len(self.nodes)} architectures beside {n}", accepted="the same ones"
            )
        odd = np.argwhere(~np.isfinite(self.levels))
        if len(odd):
            row, column = odd[0]
            seen = self.levels[row, column]
            raise NasproxyError(
                f"{self.names[column]!r} of {self.architectures[row]!r} is {seen}",
                accepted="finite numbers; leave out architectures or columns that lack one",
            )

    def __len__(self) -> int:
        return len(self.architectures)

    def take(self, rows: Sequence[int] | np.ndarray) -> Features:
        """Some architectures, in the order given."""
        chosen = np.asarray(rows)
        return Features(
            architectures=tuple(self.architectures[int(row)] for row in chosen),
            names=self.names,
            levels=self.levels[chosen],
            nodes=None if self.nodes is None else self.nodes.take(chosen),
        )

    def columns(self, names: Sequence[str]) -> Float64[np.ndarray, "n k"]:
        """The columns of some names, in their order, such as those that a predictor was fitted on.

        Raises:
            NasproxyError: a column that is not there (the nearest are offered).
        """
        places = {name: place for place, name in enumerate(self.names)}
        for name in names:
            if name not in places:
                raise NasproxyError(
                    f"the features have no column {name!r}",
                    accepted=", ".join(self.names) or "features with columns",
                    hint=did_you_mean(name, self.names),
                )
        return self.levels[:, [places[name] for name in names]]

    def need_nodes(self) -> NodeBlock:
        """The values of the nodes.

        Raises:
            NasproxyError: there are none.
        """
        if self.nodes is None:
            raise NasproxyError(
                "the features hold no node-wise values",
                accepted="features made with a table of nodes",
                hint="`nasproxy rank ... --nodes nodes.parquet` writes one",
            )
        return self.nodes
