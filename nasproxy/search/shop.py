"""Where accuracies are bought: the user's own training command, or a benchmark's table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nasproxy.errors import NasproxyError
from nasproxy.search.buying import Train
from nasproxy.search.training_command import training_command

if TYPE_CHECKING:
    from nasproxy.benchmarks.table import BenchmarkTable

__all__ = ["Shop", "shop_of"]


@dataclass(frozen=True)
class Shop:
    """Where accuracies come from.

    Attributes:
        train: what is called for each.
        name: how the journal knows it: a command, or a benchmark and its target.
        quantity: what an axis calls a value.
        higher_is_better: of the values.
        within: the architectures that it knows; None for any.
    """

    train: Train
    name: str
    quantity: str
    higher_is_better: bool
    within: tuple[str, ...] | None = None


def shop_of(
    command: str | None,
    benchmark: BenchmarkTable | None,
    target: str | None,
    *,
    higher_is_better: bool = True,
) -> Shop:
    """The user's own training command, or where there is none a benchmark.

    Raises:
        NasproxyError: neither, an unknown target, or a command without a place for the
            architecture.
    """
    if command is not None:
        train = training_command(command)
        return Shop(lambda text, _: train(text), command, "bought value", higher_is_better)
    if benchmark is None or target is None:
        raise NasproxyError(
            "there is nowhere to buy accuracies",
            accepted="a training command, or a benchmark",
            hint="--evaluate 'python train.py {arch}', or --benchmark nasbench201",
        )
    quantity = benchmark.quantity(target)
    values = benchmark.lookup(benchmark.architectures, target)
    known = tuple(
        text
        for text, value in zip(benchmark.architectures, values, strict=True)
        if np.isfinite(value)
    )
    return Shop(
        lambda text, _: float(benchmark.lookup([text], target)[0]),
        f"{benchmark.name}, {target}",
        quantity.label(target),
        quantity.higher_is_better,
        known,
    )
