"""Tables of true accuracy, by name; a table is read only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from nasproxy.benchmarks.table import BenchmarkTable, Quantity
from nasproxy.errors import NasproxyError
from zerocost.registry import Registry

__all__ = ["REGISTRY", "BenchmarkTable", "Quantity", "get", "names"]

REGISTRY: Registry[BenchmarkTable | Callable[[], BenchmarkTable]] = Registry(
    "benchmark",
    group="nasproxy.benchmarks",
    builtin={
        "nasbench201": "nasproxy.benchmarks.nasbench201:load",
        "nasbench201-analog": "nasproxy.benchmarks.analog:load",
        "flexibert": "nasproxy.benchmarks.flexibert:load",
        "nasbench101": "nasproxy.benchmarks.nasbench101:load",
        "autoformer": "nasproxy.benchmarks.autoformer:load",
        "hw-nasbench201": "nasproxy.benchmarks.hardware:load",
        "nasbench201-official": "nasproxy.benchmarks.official:load",
    },
    error=NasproxyError,
    listing="nasproxy benchmarks",
)


def names() -> list[str]:
    """The names of the benchmarks: built-in ones, then plug-ins."""
    return REGISTRY.names()


def get(name: str) -> BenchmarkTable:
    """The table of that name, read now.

    Args:
        name: a registered name, or ``pkg.module:object`` of a table or of a function returning one.

    Raises:
        NasproxyError: the name does not exist (the nearest are offered), its data is absent (the
            command that fetches it is offered), or it is no table.
    """
    found = REGISTRY.get(name)
    table = found if isinstance(found, BenchmarkTable) or not callable(found) else found()
    if not isinstance(table, BenchmarkTable):
        raise NasproxyError(
            f"the benchmark {name!r} is a {type(table).__name__}",
            accepted="a BenchmarkTable, or a function without arguments that returns one",
        )
    return table
