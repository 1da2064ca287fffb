"""HW-NAS-Bench: latency and energy of the 15,625 NAS-Bench-201 cells on six devices."""

from __future__ import annotations

from pathlib import Path

from nasproxy import data
from nasproxy.benchmarks.columns import number_columns, op_tuple, read_columns
from nasproxy.benchmarks.table import BenchmarkTable, Quantity
from nasproxy.errors import NasproxyError
from nasproxy.spaces.nasbench201.cell import Cell

__all__ = ["LATENCY", "devices", "load", "read"]

LATENCY = "_latency"
"""What the target of a device's latency ends with: ``pixel3_latency``."""

_KINDS = {
    LATENCY: Quantity("ms", False, ""),
    "_energy": Quantity("mJ", False, ""),
    "_arithmetic_intensity": Quantity("operations a byte", True, ""),
}


def load() -> BenchmarkTable:
    """The table from the data folder; NasproxyError says how to fetch it where it is absent."""
    return read(data.need(data.HW_NASBENCH201))


def read(path: Path) -> BenchmarkTable:
    """The table of a file: for CIFAR-10 inputs, latency in ms, energy in mJ, by device.

    Reference: Li et al., HW-NAS-Bench: Hardware-Aware Neural Architecture Search Benchmark,
    ICLR 2021.

    Raises:
        NasproxyError: the file has no column of op tuples, or a cell is malformed.
    """
    columns = read_columns(path)
    if "net" not in columns:
        raise NasproxyError(f"{path} has no column 'net'", accepted=", ".join(columns))
    quantities = {
        name: quantity
        for name in columns
        for ending, quantity in _KINDS.items()
        if name.endswith(ending)
    }
    return BenchmarkTable(
        name="hw-nasbench201",
        space="nasbench201",
        architectures=tuple(str(Cell.from_naslib(op_tuple(path, c))) for c in columns["net"]),
        targets=number_columns(path, columns, quantities),
        reference="Li et al., HW-NAS-Bench, ICLR 2021 (CIFAR-10 inputs)",
        source=path,
        quantities=quantities,
    )


def devices(table: BenchmarkTable) -> list[str]:
    """The devices whose latency the table has."""
    return [t.removesuffix(LATENCY) for t in table.targets if t.endswith(LATENCY)]
