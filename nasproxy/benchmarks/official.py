"""The official NAS-Bench-201 file, converted once into a small table.

The file is a pickle of several gigabytes, and opening a pickle runs whatever its maker put into
it. So it is read only where the user says so, once; what is read every day is a Parquet file.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nasproxy import data
from nasproxy.benchmarks.table import BenchmarkTable
from nasproxy.errors import NasproxyError
from nasproxy.spaces.nasbench201.cell import Cell
from zerocost.files import sha256_of, whole_file, write_json

__all__ = ["NAME", "TARGETS", "convert", "load", "read"]

NAME = "nasbench201-official"

TARGETS = {
    "cifar10": ("cifar10", "ori-test"),
    "cifar10-valid": ("cifar10-valid", "x-valid"),
    "cifar100": ("cifar100", "x-test"),
    "cifar100-valid": ("cifar100", "x-valid"),
    "imagenet16-120": ("ImageNet16-120", "x-test"),
    "imagenet16-120-valid": ("ImageNet16-120", "x-valid"),
}
"""Target -> the file's data set and evaluation set."""

_TABLE = Path("nasbench201/official.parquet")
_HASH = Path("nasbench201/official.json")
_REFERENCE = "Dong & Yang, NAS-Bench-201, ICLR 2020, the official file (200 epochs, seed mean)"


def load() -> BenchmarkTable:
    """The converted table from the data folder.

    Raises:
        NasproxyError: it was never converted (the command is offered), or it has changed since.
    """
    path = data.where() / _TABLE
    if not path.is_file():
        raise NasproxyError(
            f"the official file of NAS-Bench-201 was not converted yet: {path} is not there",
            accepted="NAS-Bench-201-v1_0-e61699.pth or NAS-Bench-201-v1_1-096897.pth, of its "
            "authors",
            hint="`nasproxy data convert nasbench201-official FILE.pth --allow-pickle`",
        )
    return read(path)


def read(path: Path) -> BenchmarkTable:
    """A converted table: accuracy in percent after 200 epochs, mean over seeds, null where none.

    Raises:
        NasproxyError: the file is not the one that was written.
    """
    import pyarrow.parquet as pq

    made = path.with_name(_HASH.name)
    expected = json.loads(made.read_text("utf-8")).get("sha256") if made.is_file() else None
    if sha256_of(path) != expected:
        raise NasproxyError(
            f"{path} is not the table that was converted: its SHA-256 is not that of {made}",
            hint="convert the official file again with --overwrite",
        )
    table = pq.read_table(path)
    return BenchmarkTable(
        name=NAME,
        space="nasbench201",
        architectures=tuple(map(str, table.column("architecture").to_pylist())),
        targets={
            name: table.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
            for name in table.column_names
            if name != "architecture"
        },
        reference=_REFERENCE,
        source=path,
    )


def convert(path: Path, *, allow_pickle: bool, overwrite: bool = False) -> Path:
    """Read the official file through the package ``nas-bench-201`` and keep its accuracies.

    Args:
        path: ``NAS-Bench-201-v1_?-??????.pth``.
        allow_pickle: whether the caller trusts the file: reading it can run code that it holds.
        overwrite: whether an earlier conversion may be replaced.

    Returns:
        The Parquet file in the data folder: ``architecture`` and one column for each of
        ``TARGETS``; its SHA-256 and that of the official file stand in a JSON file beside it.

    Raises:
        NasproxyError: pickles are not allowed, the package is missing, or the file is no such
            file.
        ZerocostError: it was converted before.
    """
    if not path.is_file():
        raise NasproxyError(f"{path} does not exist", accepted="the official .pth file")
    if not allow_pickle:
        raise NasproxyError(
            f"{path} is a pickle: reading it can run code that its maker put there",
            accepted="a file from its authors, or from somebody whose code you would run",
            hint="--allow-pickle reads it, once; the table made of it holds numbers alone",
        )
    api = _api(path)
    cells: list[str] = []
    columns: dict[str, list[float]] = {name: [] for name in TARGETS}
    for index in api.evaluated_indexes:
        cells.append(str(Cell.parse(api.meta_archs[index])))
        trained = api.arch2infos_dict[index]["200"]
        for name, (data_set, split) in TARGETS.items():
            columns[name].append(_accuracy(trained, data_set, split))
    if not cells:
        raise NasproxyError(f"{path} holds no trained architecture", accepted="the official file")
    return _kept(path, cells, columns, overwrite=overwrite)


def _api(path: Path) -> Any:
    try:
        from nas_201_api import NASBench201API
    except ImportError as cause:
        raise NasproxyError(
            "the official file is read through the package nas-bench-201, which is not installed",
            hint="pip install 'zerocost[bench]'",
        ) from cause
    import torch

    try:
        # The package itself opens files in a way that current versions of torch refuse.
        content = torch.load(path, map_location="cpu", weights_only=False)
        make: Callable[..., Any] = NASBench201API
        with contextlib.redirect_stdout(io.StringIO()):
            return make(content, verbose=False)
    except Exception as cause:  # a damaged pickle can raise almost anything
        raise NasproxyError(
            f"{path} is not the official file of NAS-Bench-201: {type(cause).__name__}: "
            f"{next(iter(str(cause).splitlines()), '')}",
            accepted="NAS-Bench-201-v1_0-e61699.pth or NAS-Bench-201-v1_1-096897.pth",
        ) from cause


def _accuracy(trained: Any, data_set: str, split: str) -> float:
    """Percent, the mean over the seeds; NaN where the file has none (cifar10 has no validation)."""
    if data_set not in trained.get_dataset_names():
        return float("nan")
    try:
        return float(trained.get_metrics(data_set, split, is_random=False)["accuracy"])
    except (KeyError, ValueError):  # an evaluation that was never made
        return float("nan")


def _kept(
    source: Path, cells: list[str], columns: dict[str, list[float]], *, overwrite: bool
) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = data.where() / _TABLE
    target.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(
        {"architecture": pa.array(cells)}
        | {
            name: pa.array(np.array(values, dtype=np.float64), from_pandas=True)
            for name, values in columns.items()
        }
    )
    with whole_file(target, overwrite=overwrite) as partial:
        pq.write_table(table, partial, compression="zstd")
    about = {
        "sha256": sha256_of(target),
        "converted_from": {
            "name": source.name,
            "bytes": source.stat().st_size,
            "sha256": sha256_of(source),
        },
        "architectures": len(cells),
    }
    write_json(data.where() / _HASH, about, overwrite=True)
    return target
