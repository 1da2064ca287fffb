"""Measure one network under one or several seeds: a value a seed, and its nodes where wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from torch import nn

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.evaluation import outcomes
from nasproxy.proxies.proxy import Proxy, ProxyScore
from nasproxy.scoring.nodes import joined, node_rows
from nasproxy.tracing.count_pass import COUNT_PASS, PARAMETER_COUNTS

if TYPE_CHECKING:
    import pyarrow as pa

    from nasproxy.tracing.earlier import EarlierResults

__all__ = ["Measure", "Measured", "Task", "depends_on_seed", "measured"]


@dataclass(frozen=True)
class Measured:
    """What the proxies say of one entry of a table.

    Attributes:
        values: proxy -> its score under each seed; None where there is none.
        reasons: proxy -> why it has none, at the first seed where that is so.
        nodes: the node-wise values as rows of ``NODE_SCHEMA``; None where they are not kept.
    """

    values: Mapping[str, Sequence[float | None]]
    reasons: Mapping[str, str]
    nodes: pa.RecordBatch | None = None


Measure = Callable[[str, bool], Measured]
"""Text of an entry, and whether only what depends on its spelling is wanted -> what was found."""


@runtime_checkable
class Task(Protocol):
    """What a table is made of: entries known by their text, measured by the same proxies.

    It is sent to worker processes, so it holds no tensors.
    """

    @property
    def space(self) -> str:
        """What the table's metadata calls the entries' space."""
        ...

    @property
    def proxies(self) -> tuple[str, ...]:
        """Names."""
        ...

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that each entry is measured under."""
        ...

    def canonical(self, text: str) -> str:
        """One text for all entries of one function."""
        ...

    def network(self, text: str) -> str:
        """One text for all entries whose data-driven scores are those of one network."""
        ...

    def identity(self) -> Mapping[str, object]:
        """What has to be equal for an interrupted run to be continued; JSON values."""
        ...

    def start(self) -> Measure:
        """What measures entries; called once in each process."""
        ...


def depends_on_seed(proxy: Proxy) -> bool:
    """Whether another draw of weights or of the batch can change a proxy's score."""
    return any(r.made_by is not COUNT_PASS and r is not PARAMETER_COUNTS for r in proxy.needs)


def measured(
    draw: Callable[[int], nn.Module],
    batches: Sequence[Batch],
    proxies: Iterable[Proxy],
    seeds: Sequence[int],
    *,
    entry: str | None = None,
    earlier: EarlierResults | None = None,
) -> Measured:
    """Measure a network under each seed; what no seed can change is measured once.

    Args:
        draw: seed -> the network with the weights of that seed; it may be one network whose
            weights are drawn anew.
        batches: one for each seed.
        proxies: what is measured.
        seeds: of weights and of draws in the passes.
        entry: the entry that node-wise values are kept under; None to keep none.
        earlier: what was computed for networks before this one; added to.
    """
    asked = tuple(proxies)
    values: dict[str, list[float | None]] = {proxy.name: [] for proxy in asked}
    reasons: dict[str, str] = {}
    rows: list[pa.RecordBatch] = []
    seen: dict[str, ProxyScore | NasproxyError] = {}
    for place, (seed, batch) in enumerate(zip(seeds, batches, strict=True)):
        fresh = [p for p in asked if place == 0 or depends_on_seed(p)]
        network: nn.Module | None = None
        try:
            network = draw(seed)
            found = outcomes(network, batch, fresh, seed=seed, earlier=earlier) if fresh else {}
        except NasproxyError as error:  # one network of many must not end the run of them all
            found = dict.fromkeys((proxy.name for proxy in fresh), error)
        for name, outcome in found.items():
            if isinstance(outcome, NasproxyError):
                values[name].append(None)
                reasons.setdefault(name, outcome.wrong)
            else:
                values[name].append(outcome.value)
        seen |= found
        if entry is not None:
            rows.append(node_rows(entry, seed, network, seen))
    for of_seeds in values.values():
        of_seeds.extend(of_seeds[-1:] * (len(seeds) - len(of_seeds)))
    return Measured(values, reasons, joined(rows))
