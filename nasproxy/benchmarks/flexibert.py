"""FlexiBERT: the GLUE scores of 500 trained encoders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from nasproxy import data
from nasproxy.benchmarks.columns import number_columns, read_columns
from nasproxy.benchmarks.table import BenchmarkTable
from nasproxy.errors import NasproxyError
from nasproxy.spaces.flexibert.architecture import Encoder, Layer

__all__ = ["load", "load_published", "read", "read_published"]

_TASKS = ("cola", "mnli", "mrpc", "qnli", "qqp", "rte", "sst", "sts")
_REFERENCE = "Serianni & Kalita, Training-free NAS for RNNs and Transformers, ACL 2023"


def load() -> BenchmarkTable:
    """The table from the data folder; NasproxyError says how to fetch it where it is absent."""
    return read(data.need(data.FLEXIBERT))


def load_published() -> BenchmarkTable:
    """The published metrics of the same encoders; otherwise as ``load``."""
    return read_published(data.need(data.FLEXIBERT_METRICS), load().architectures)


def read(path: Path) -> BenchmarkTable:
    """The mean of eight GLUE tasks (``glue``), and each of them, in points of 100.

    500 rows in the order of the file, of 491 different architectures: nine were trained twice, and
    their two results differ by .6 points (standard deviation). See docs/flexibert.md for what the
    labels can tell: the networks that were trained are not the ones that the rows describe.

    Reference: Serianni and Kalita, ACL 2023; the space of Tuli et al., JAIR 2023.

    Raises:
        NasproxyError: the file is no list of such records.
    """
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
        architectures = tuple(str(_encoder(record)) for record in records)
        targets = {
            task: np.array([float(record["scores"][task]) for record in records])
            for task in ("glue", *_TASKS)
        }
    except (ValueError, KeyError, TypeError) as cause:
        raise NasproxyError(
            f"{path} is not the benchmark's file: {type(cause).__name__}: {cause}",
            accepted="BERT_benchmark.json",
            hint="`nasproxy data fetch flexibert`",
        ) from cause
    return BenchmarkTable(
        name="flexibert",
        space="flexibert",
        architectures=architectures,
        targets=targets,
        reference=_REFERENCE,
        source=path,
        repeats=True,
    )


def read_published(path: Path, architectures: tuple[str, ...]) -> BenchmarkTable:
    """The 16 published metrics, in the order of the architectures.

    They were measured on other networks than the labels: the builder ``as_published``.
    """
    columns = read_columns(path)
    names = [name for name in columns if name not in ("ID", "GLUE Score")]
    return BenchmarkTable(
        name="flexibert-metrics",
        space="flexibert",
        architectures=architectures,
        targets=number_columns(path, columns, names),
        reference=_REFERENCE,
        source=path,
        repeats=True,
    )


def _encoder(record: dict[str, Any]) -> Encoder:
    overrides = record["hparams"]["model_hparam_overrides"]
    layers = [
        Layer(
            _operation(layer["operation_type"], str(layer["operation_parameter"])),
            layer["num_operation_heads"],
            layer["feed_forward_dimension"],
            layer["num_feed_forward"],
        )
        for layer in overrides["nas_config"]["encoder_layers"]
    ]
    return Encoder(overrides["hidden_size"], tuple(layers))


def _operation(kind: str, parameter: str) -> str:
    return f"dsc{parameter}" if kind == "DSC" else parameter.lower()
