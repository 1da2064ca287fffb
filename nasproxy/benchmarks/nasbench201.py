"""NAS-Bench-201: the true test accuracy of all 15,625 cells on three data sets."""

from __future__ import annotations

from pathlib import Path

from nasproxy import data
from nasproxy.benchmarks.columns import number_columns, read_columns
from nasproxy.benchmarks.table import BenchmarkTable

__all__ = ["load", "read"]

_TARGETS = {
    "cifar10": "CIFAR10TestAccuracy200Epochs",
    "cifar100": "CIFAR100TestAccuracy200Epochs",
    "imagenet16-120": "ImageNetTestAccuracy200Epochs",
}
_ARCHITECTURE = "ArchitectureString"


def load() -> BenchmarkTable:
    """The table from the data folder; NasproxyError says how to fetch it where it is absent."""
    return read(data.need(data.NASBENCH201))


def read(path: Path) -> BenchmarkTable:
    """The table of a file: test accuracy in percent after 200 epochs, mean over the seeds.

    Row i is architecture i of the benchmark.

    Reference: Dong & Yang, NAS-Bench-201, ICLR 2020; the extract of the table by V. Tao.

    Raises:
        NasproxyError: the file has no such columns, or a cell is not a number.
    """
    columns = read_columns(path)
    numbers = number_columns(path, columns, _TARGETS.values())
    return BenchmarkTable(
        name="nasbench201",
        space="nasbench201",
        architectures=tuple(columns.get(_ARCHITECTURE, ())),
        targets={target: numbers[column] for target, column in _TARGETS.items()},
        reference="Dong & Yang, NAS-Bench-201, ICLR 2020 (test accuracy, 200 epochs, seed mean)",
        source=path,
    )
