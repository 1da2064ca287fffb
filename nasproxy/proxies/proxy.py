"""What a proxy is: node-wise statistics of one trace, and how they add up to a score."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from nasproxy.tracing.records import Record, Trace

__all__ = ["Proxy", "ProxyScore", "score_of"]

Aggregate = Callable[[Float64[np.ndarray, "nodes"]], float]


@dataclass(frozen=True)
class ProxyScore:
    """The score of one network by one proxy.

    Attributes:
        value: the score, finite.
        nodes: the statistic of every node, float64 ``[nodes]``, finite.
        node_names: the node's parameter or module in the network, as ``nodes``.
    """

    value: float
    nodes: Float64[np.ndarray, "nodes"]
    node_names: tuple[str, ...]


@dataclass(frozen=True)
class Proxy:
    """A zero-cost proxy: which records it reads, and what it makes of them.

    Attributes:
        name: the name that commands use.
        summary: one line on what it measures.
        needs: the records it reads; the passes that run follow from them.
        statistic: trace -> node name -> value.
        aggregate: node values ``[nodes]`` -> score; the sum where not given.
        factor: trace -> what the aggregate is multiplied by, where the score is no function of its
            nodes alone (W-PCA: the number of parameters); 1 where not given.
        higher_is_better: the direction in which networks are expected to improve.
        reads: the kinds of modules whose absence leaves it without nodes.
        reference: paper and equation.
        depends_on_spelling: whether the score belongs to the architecture as written, and not to
            the function it computes. Spaces are scored accordingly: the network as written, or
            the one without parts that cannot change the output. It has no bearing on `evaluate`,
            which scores the network that it is given.
        min_batch: the smallest batch it is defined for.
    """

    name: str
    summary: str
    needs: tuple[Record[Any], ...]
    statistic: Callable[[Trace], Mapping[str, float]]
    reads: str
    reference: str
    aggregate: Aggregate = np.sum
    factor: Callable[[Trace], float] | None = None
    higher_is_better: bool = True
    depends_on_spelling: bool = False
    min_batch: int = 1

    @property
    def needs_labels(self) -> bool:
        """Whether the batch must have labels."""
        return any(record.labels for record in self.needs)

    @property
    def needs_gradients(self) -> bool:
        """Whether a backward traversal is made for it."""
        return any(record.gradients for record in self.needs)

    @property
    def direction(self) -> Literal[1, -1]:
        """1 where more is better, -1 where less is."""
        return 1 if self.higher_is_better else -1


def score_of(proxy: Proxy, trace: Trace) -> ProxyScore:
    """The score of a traced network by a proxy.

    Raises:
        NasproxyError: a pass or the proxy failed, the batch is too small, no module is of a kind
            that the proxy reads, or the score is not finite.
    """
    if trace.samples < proxy.min_batch:
        raise NasproxyError(
            f"{proxy.name} needs a batch of at least {proxy.min_batch}, and this one has "
            f"{trace.samples}",
            accepted=f"{proxy.min_batch} samples or more; 64 is usual",
        )
    try:
        statistic = proxy.statistic(trace)
        nodes = np.fromiter(statistic.values(), dtype=np.float64, count=len(statistic))
        value = math.nan
        if statistic:
            factor = 1.0 if proxy.factor is None else proxy.factor(trace)
            value = float(proxy.aggregate(nodes)) * factor
    except NasproxyError as error:
        raise NasproxyError(
            f"{proxy.name}: {error.wrong}", accepted=error.accepted, hint=error.hint
        ) from error
    except Exception as cause:  # of somebody's proxy, or on a network that nobody foresaw
        raise NasproxyError(
            f"{proxy.name} fails on this network: {type(cause).__name__}: "
            f"{next(iter(str(cause).splitlines()), '')}",
            accepted="a network of real parameters with numbers in them, on one device",
            hint="nasproxy.evaluate on this network in Python shows the whole error",
        ) from cause
    if not statistic:
        raise NasproxyError(
            f"{proxy.name} finds nothing to read in this network", accepted=proxy.reads
        )
    if not np.isfinite(value) or not np.isfinite(nodes).all():
        raise NasproxyError(
            f"{proxy.name} has no finite score for this network (it is {value})",
            accepted="a network through which a signal passes from the input to the output",
        )
    return ProxyScore(value, nodes, tuple(statistic))
