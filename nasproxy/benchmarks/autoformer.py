"""AutoFormer-Tiny: the accuracy of 100 vision transformers on four data sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nasproxy import data
from nasproxy.benchmarks.columns import number_columns, read_columns
from nasproxy.benchmarks.table import BenchmarkTable
from nasproxy.errors import NasproxyError
from nasproxy.spaces.autoformer.architecture import Block, Transformer

__all__ = ["load", "read"]

_TARGETS = {
    "cifar100": "c100_base_acc",
    "cifar100-distilled": "c100_kd_acc",
    "flowers": "flower_base_acc",
    "flowers-distilled": "flower_kd_acc",
    "chaoyang": "chaoyang_base_acc",
    "chaoyang-distilled": "chaoyang_kd_acc",
    "imagenet-supernet": "imagenet_super_acc",
}


def load() -> BenchmarkTable:
    """The table from the data folder; NasproxyError says how to fetch it where it is absent."""
    return read(data.need(data.AUTOFORMER))


def read(path: Path) -> BenchmarkTable:
    """The table of a file: test accuracy in percent, trained plainly or distilled.

    ``imagenet-supernet`` is the accuracy with the weights of a supernet, not of a training of its
    own.

    Reference: Wei et al., Auto-Prox, AAAI 2024 (ViT-Bench-101); the space of Chen et al., 2021.

    Raises:
        NasproxyError: the file has no such columns, or a row is no architecture of the space.
    """
    columns = read_columns(path)
    numbers = number_columns(path, columns, _TARGETS.values())
    try:
        found = [_architecture(json.loads(text)) for text in columns["arch"]]
    except (ValueError, KeyError, TypeError) as cause:
        raise NasproxyError(
            f"{path} is not the benchmark's file: {type(cause).__name__}: {cause}",
            accepted="gt_autoformer.csv",
            hint="`nasproxy data fetch autoformer`",
        ) from cause
    return BenchmarkTable(
        name="autoformer",
        space="autoformer",
        architectures=tuple(map(str, found)),
        targets={target: numbers[column] for target, column in _TARGETS.items()},
        reference="Wei et al., Auto-Prox, AAAI 2024: 100 transformers of AutoFormer-Tiny",
        source=path,
    )


def _architecture(row: dict[str, Any]) -> Transformer:
    layers = zip(row["num_heads"], row["mlp_ratio"], strict=True)
    return Transformer(row["hidden_dim"], tuple(Block(h, f"{r:g}") for h, r in layers))
