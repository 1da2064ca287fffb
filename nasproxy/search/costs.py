"""What an architecture costs: parameters, multiply-accumulates, latency on a device."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from torch import nn

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.evaluation import evaluate
from nasproxy.scoring.candidates import build_for
from nasproxy.search.latency import measured_latency
from nasproxy.search.limits import LATENCY
from nasproxy.spaces.space import SearchSpace
from zerocost.errors import did_you_mean

if TYPE_CHECKING:
    from nasproxy.benchmarks.table import BenchmarkTable

__all__ = ["COUNTS", "THIS", "costs_of", "unit"]

A = TypeVar("A", bound=Hashable)

COUNTS = ("params", "flops")
THIS = "this"
"""The device that stands for this machine: latency is measured."""

_COUNTED = {"params": "parameters", "flops": "multiply_accumulates"}


def unit(cost: str) -> str:
    """The unit of a cost; "" for a count."""
    return "ms" if cost.startswith(LATENCY) else ""


def costs_of(
    space: SearchSpace[A], batch: Batch, costs: Sequence[str], *, device: str = "cpu"
) -> Callable[[A], Mapping[str, float]] | None:
    """What gives the costs of an architecture; None where no cost is asked for.

    Counts are in closed form where the space has them, otherwise of the network built. Latencies
    of a device are looked up in ``hw-nasbench201``; of ``this`` they are measured for one input.

    Args:
        space: the space.
        batch: what the networks take; its first sample is what latency is measured on.
        costs: "params", "flops", "latency:DEVICE".
        device: where networks run and latency is measured.

    Raises:
        NasproxyError: an unknown cost or device, or a table of another space.
    """
    asked = list(dict.fromkeys(costs))
    for cost in asked:
        if cost not in COUNTS and not cost.startswith(LATENCY):
            raise NasproxyError(
                f"there is no cost {cost!r}",
                accepted="params, flops, latency:DEVICE",
                hint=did_you_mean(cost, COUNTS),
            )
    devices = [cost.removeprefix(LATENCY) for cost in asked if cost.startswith(LATENCY)]
    tabled = [name for name in devices if name != THIS]
    table = _table(space, tabled) if tabled else None
    counted = [cost for cost in asked if cost in COUNTS]
    counts: Callable[[A], Mapping[str, int]] | None = getattr(space, "counts", None)
    one = batch.first()

    def found(architecture: A) -> Mapping[str, float]:
        network: nn.Module | None = None
        if THIS in devices or (counted and counts is None):
            network = build_for(space, architecture, batch, seed=0, device=device)
        known: dict[str, float] = {}
        if counted and counts is not None:
            numbers = counts(architecture)
            known |= {cost: float(numbers[_COUNTED[cost]]) for cost in counted}
        elif counted and network is not None:
            known |= {name: s.value for name, s in evaluate(network, one, counted).items()}
        for name in devices:
            if name == THIS and network is not None:
                # A copy: a network may change its inputs in place, and the batch is scored on.
                placed = one.mapped(lambda tensor: tensor.to(device, copy=True))
                known[LATENCY + name] = measured_latency(network, placed)
            elif table is not None:
                known[LATENCY + name] = _looked_up(table, name, str(architecture))
        return {cost: known[cost] for cost in asked}

    return found if asked else None


def _table(space: SearchSpace[A], devices: Sequence[str]) -> BenchmarkTable:
    from nasproxy import benchmarks
    from nasproxy.benchmarks.hardware import devices as devices_of
    from nasproxy.scoring.correlation import check_same_space

    table = benchmarks.get("hw-nasbench201")
    check_same_space(space.name, table)
    there = devices_of(table)
    for name in devices:
        if name not in there:
            raise NasproxyError(
                f"hw-nasbench201 has no latency of a device {name!r}",
                accepted=f"{', '.join(there)}, or {THIS} for this machine",
                hint=did_you_mean(name, [*there, THIS]),
            )
    return table


def _looked_up(table: BenchmarkTable, device: str, architecture: str) -> float:
    from nasproxy.benchmarks.hardware import LATENCY as ENDING

    return float(table.lookup([architecture], device + ENDING)[0])
