"""Compare a score table with a benchmark: how well the scores order the true values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from nasproxy.benchmarks.table import BenchmarkTable
from nasproxy.errors import NasproxyError
from nasproxy.ranking.report import Correlations, correlate
from nasproxy.scoring.table import ScoreTable
from nasproxy.spaces.space import SearchSpace
from zerocost.errors import did_you_mean

__all__ = ["baselines", "check_same_space", "correlate_with", "true_values"]


def correlate_with(
    table: ScoreTable,
    benchmark: BenchmarkTable,
    target: str | None = None,
    *,
    space: SearchSpace[Any] | None = None,
    strata: str | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Correlations:
    """Rank correlations of every proxy of a table with a benchmark's target.

    Where less of the target is better (latency), its order is turned round, so that a positive
    value always says that what scores high is good. Beside the proxies stand the baselines that
    the space names (``baselines``), or parameters and multiply-accumulates where it can count
    them. Where the space says which stratum an architecture belongs to (``stratum``), correlations
    are also given within each.

    Args:
        table: the scores.
        benchmark: the true values, looked up by the architecture's spelling.
        target: one of the benchmark's; the first for None.
        space: for the baselines; None for no more than the table has. Where the table names no
            space of its own, it counts if it reads every architecture.
        strata: a column of the table, within whose values correlations are given too; the
            space's own strata for None.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        NasproxyError: an unknown target or column, another space, or no architecture in common.
    """
    if table.space:
        check_same_space(table.space, benchmark)
    elif space is not None and not _reads_all(space, table.architectures):
        space = None
    truth = true_values(table, benchmark, target)
    if not benchmark.quantity(target or next(iter(benchmark.targets))).higher_is_better:
        truth = -truth
    groups = None
    if strata is not None:
        if strata not in table.columns:
            raise NasproxyError(
                f"the table has no column {strata!r}",
                accepted=", ".join(table.columns),
                hint=did_you_mean(strata, table.columns),
            )
        groups = np.array([str(value) for value in table.columns[strata]])
    elif space is not None and hasattr(space, "stratum"):
        groups = np.array([space.stratum(space.parse(text)) for text in table.architectures])
    return correlate(
        table.scores,
        truth,
        higher_is_better=table.higher_is_better,
        baselines={} if space is None else baselines(space, table.architectures),
        strata=groups,
        resamples=resamples,
        seed=seed,
    )


def _reads_all(space: SearchSpace[Any], architectures: Sequence[str]) -> bool:
    try:
        for text in architectures:
            space.parse(text)
    except NasproxyError:
        return False
    return True


def check_same_space(space: str, benchmark: BenchmarkTable) -> None:
    """See that a benchmark is of a space.

    Raises:
        NasproxyError: it is of another.
    """
    if space != benchmark.space:
        raise NasproxyError(
            f"the benchmark {benchmark.name!r} is of the space {benchmark.space!r}, not {space!r}",
            accepted=f"a benchmark of the space {space}",
            hint="`nasproxy benchmarks` lists them with their spaces",
        )


def true_values(
    table: ScoreTable, benchmark: BenchmarkTable, target: str | None = None
) -> Float64[np.ndarray, " n"]:
    """The benchmark's value of each architecture of a table, NaN where it has none.

    Raises:
        NasproxyError: an unknown target, or no architecture in common.
    """
    truth = benchmark.lookup(table.architectures, target or next(iter(benchmark.targets)))
    if np.isnan(truth).all():
        raise NasproxyError(
            f"none of the {len(truth):,} architectures is in the benchmark {benchmark.name!r}",
            accepted="architectures spelt as the benchmark spells them",
        )
    return truth


def baselines(
    space: SearchSpace[Any], architectures: Sequence[str]
) -> dict[str, Float64[np.ndarray, " n"]]:
    """What a proxy has to beat: what the space names, else parameters and multiply-accumulates.

    Empty where the space neither names baselines nor has counts.
    """
    named = getattr(space, "baselines", None)
    if named is not None:
        rows = [named(space.parse(text)) for text in architectures]
        return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    counts = getattr(space, "counts", None)
    if counts is None:
        return {}
    counted = [counts(space.parse(text)) for text in architectures]
    return {
        name: np.array([float(count[key]) for count in counted])
        for name, key in (("params", "parameters"), ("flops", "multiply_accumulates"))
    }
