"""NAS-Bench-101: validation accuracy of 1,000 of its cells."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nasproxy import data
from nasproxy.benchmarks.table import BenchmarkTable, Quantity
from nasproxy.errors import NasproxyError
from nasproxy.spaces.nasbench101.graph import INNER, OPERATIONS, OUTPUT, Graph

__all__ = ["load", "read"]

_EPOCHS = (108, 36, 12, 4)


def load() -> BenchmarkTable:
    """The table from the data folder; NasproxyError says how to fetch it where it is absent."""
    return read(data.need(data.NASBENCH101))


def read(path: Path) -> BenchmarkTable:
    """CIFAR-10 validation accuracy in percent by epochs trained, and seconds of training.

    Targets: ``cifar10-valid`` (108 epochs), ``cifar10-valid-36`` and so on, ``seconds`` (108
    epochs), ``parameters``. Operations are coded 0 conv3x3, 1 conv1x1, 2 maxpool3x3 in the file,
    which its parameter counts and graph hashes confirm.

    Reference: Ying et al., NAS-Bench-101, ICML 2019; the sample of nasbench-vis.

    Raises:
        NasproxyError: the file is no such collection of lists.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        pairs = zip(found["operations"], found["adjacency"], strict=True)
        architectures = tuple(str(_graph(ops, matrix)) for ops, matrix in pairs)
        targets = {
            "cifar10-valid" if n == _EPOCHS[0] else f"cifar10-valid-{n}": 100
            * np.array(found[f"{n}_final_validation_accuracy"], dtype=np.float64)
            for n in _EPOCHS
        }
        targets["seconds"] = np.array(found["final_training_time"], dtype=np.float64)
        targets["parameters"] = np.array(found["trainable_parameters"], dtype=np.float64)
    except (ValueError, KeyError, TypeError, IndexError) as cause:
        raise NasproxyError(
            f"{path} is not the benchmark's file: {type(cause).__name__}: {cause}",
            accepted="data-1k.json",
            hint="`nasproxy data fetch nasbench101`",
        ) from cause
    return BenchmarkTable(
        name="nasbench101",
        space="nasbench101",
        architectures=architectures,
        targets=targets,
        reference="Ying et al., NAS-Bench-101, ICML 2019 (1,000 cells, validation accuracy)",
        source=path,
        quantities={
            "seconds": Quantity("s", False, ""),
            "parameters": Quantity("", False, ""),
        },
    )


def _graph(codes: Sequence[int], matrix: Sequence[Sequence[float]]) -> Graph:
    """The cell of a smaller graph, its output moved to the last node; padding is coded -3."""
    last = list(codes).index(-2)
    place = {node: node for node in range(last)} | {last: OUTPUT}
    ops = [OPERATIONS[code] for code in codes[1:last]]
    ops += [OPERATIONS[0]] * (len(INNER) - len(ops))
    edges = sorted(
        (place[a], place[b]) for a, row in enumerate(matrix) for b, there in enumerate(row) if there
    )
    return Graph(tuple(ops), tuple(edges))
