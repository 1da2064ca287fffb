"""NAS-Bench-201 trained anew: the CIFAR-10 accuracies of the installed ``analog-nasbench``."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import BinaryIO

import numpy as np

from nasproxy.benchmarks.table import BenchmarkTable
from nasproxy.errors import NasproxyError
from nasproxy.spaces.nasbench201.cell import Cell

__all__ = ["load", "read"]

_DISTRIBUTION = "analog-nasbench"
_MODULE = "analognasbench.data"
_FILE = "analognasbench/data.anb"


def load() -> BenchmarkTable:
    """The table of the installed package, which itself is never imported.

    Raises:
        NasproxyError: the package is not installed, or its table is not what it should be.
    """
    try:
        installed = distribution(_DISTRIBUTION)
    except PackageNotFoundError as cause:
        raise NasproxyError(
            f"the benchmark 'nasbench201-analog' needs the package {_DISTRIBUTION}",
            hint="pip install 'zerocost[bench]'",
        ) from cause
    path = Path(str(installed.locate_file(_FILE)))
    if not path.is_file():
        raise NasproxyError(
            f"{_DISTRIBUTION} {installed.version} has no {_FILE}",
            accepted=f"{_DISTRIBUTION} 0.1.3",
            hint=f"pip install {_DISTRIBUTION}==0.1.3",
        )
    return read(path)


def read(path: Path) -> BenchmarkTable:
    """The table of a file: the digital baseline's CIFAR-10 accuracy in percent.

    The file is a pickle. Of everything that a pickle can name, two record classes are admitted,
    and empty stand-ins take their place, so nothing of the package or of the file is executed.

    Reference: AnalogNAS-Bench (package analog-nasbench 0.1.3), an independent training of the
    15,625 cells of Dong & Yang, NAS-Bench-201, ICLR 2020.

    Raises:
        NasproxyError: the file names anything else, or is no table of cells and accuracies.
    """
    with path.open("rb") as stream:
        records = _unpickled(path, stream)
    if not isinstance(records, Mapping):
        raise _malformed(path, f"a {type(records).__name__} instead of a mapping")
    if not records:
        raise _malformed(path, "it is empty")
    cells, accuracies = [], []
    for cell, record in records.items():
        accuracy = getattr(record, "baseline_accuracy", None)
        six = isinstance(cell, tuple) and all(isinstance(code, int) for code in cell)
        if not six or not isinstance(accuracy, float) or not 0 <= accuracy <= 100:
            raise _malformed(path, f"the accuracy {accuracy!r} of {cell!r}")
        cells.append(str(Cell.from_naslib(cell)))
        accuracies.append(accuracy)
    return BenchmarkTable(
        name="nasbench201-analog",
        space="nasbench201",
        architectures=tuple(cells),
        targets={"cifar10": np.array(accuracies, dtype=np.float64)},
        reference="AnalogNAS-Bench (analog-nasbench 0.1.3): digital baseline accuracy",
        source=path,
    )


def _unpickled(path: Path, stream: BinaryIO) -> object:
    try:
        return _RecordUnpickler(stream).load()
    except NasproxyError:
        raise
    except Exception as cause:  # a damaged pickle can raise almost anything
        raise _malformed(path, f"{type(cause).__name__}: {cause}") from cause


class _RecordUnpickler(pickle.Unpickler):
    """Admits the table's two record classes by name, and nothing else."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        # Made anew for every file: what a file sets on a class ends with its reading.
        self._admitted = {
            (_MODULE, "Architecture"): type("Architecture", (), {}),
            (_MODULE, "DriftMeasurement"): type("DriftMeasurement", (), {}),
        }

    def find_class(self, module: str, name: str) -> type:
        """The stand-in of a record class; NasproxyError for every other name."""
        try:
            return self._admitted[module, name]
        except KeyError:
            raise NasproxyError(
                f"the table names {module}.{name}, which is not read",
                accepted=f"Architecture and DriftMeasurement of {_MODULE}",
                hint="the file is damaged or was tampered with; reinstall analog-nasbench",
            ) from None


def _malformed(path: Path, why: str) -> NasproxyError:
    return NasproxyError(
        f"{path} is not the table of analog-nasbench: {why}",
        accepted="a mapping of op tuples to records with a baseline accuracy in percent",
        hint="pip install --force-reinstall analog-nasbench==0.1.3",
    )
