"""Options that the sub-commands of parzc share, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zerocost_cli.nasproxy.options import split

if TYPE_CHECKING:
    from nasproxy.benchmarks.table import BenchmarkTable
    from nasproxy.prediction.inputs import Sources
    from nasproxy.spaces.space import SearchSpace

__all__ = [
    "feature_options",
    "listed_of",
    "predictor_option",
    "sources_of",
    "truth_of",
    "truth_options",
]

F = TypeVar("F", bound=Callable[..., Any])

_PATH = click.Path(path_type=Path)

predictor_option = click.option(
    "--predictor",
    "predictor_name",
    default="best",
    show_default=True,
    metavar="P",
    help="mabn, mabn+topology, gp, trees, best (by cross-validation in training), dagger, or "
    "pkg.module:object.",
)


def feature_options(function: F) -> F:
    """``--scores --nodes --proxies --archs``."""
    options = [
        click.option("--scores", type=_PATH, help="A score table of `nasproxy rank --out`."),
        click.option("--nodes", type=_PATH, help="A table of nodes of `nasproxy rank --nodes`."),
        click.option("--proxies", metavar="P,Q", help="Of the score table. [default: all]"),
        click.option(
            "--archs",
            metavar="FILE|benchmark:NAME",
            help="One architecture a line. [default: all that the tables know]",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def truth_options(function: F) -> F:
    """``--benchmark --accuracies --lower``."""
    options = [
        click.option("--benchmark", "benchmark_name", help="The table of true accuracies."),
        click.option(
            "--accuracies",
            type=_PATH,
            help="In place of a benchmark: a .csv or .parquet of yours, with a column "
            "'architecture' and one a target.",
        ),
        click.option(
            "--lower",
            is_flag=True,
            help="Of all of --accuracies: less is better, as of a loss.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def sources_of(scores: Path | None, nodes: Path | None, proxies: str | None) -> Sources:
    """The files of features."""
    from nasproxy.prediction.inputs import Sources

    if proxies is not None and scores is None:
        raise click.UsageError("--proxies belongs to --scores")
    names = split(proxies)
    return Sources(scores, nodes, None if names is None else tuple(names))


def truth_of(
    space: str, name: str | None, accuracies: Path | None, *, lower: bool
) -> BenchmarkTable:
    """The table of true accuracies, of a name or of the user's own."""
    from nasproxy import benchmarks
    from nasproxy.prediction.accuracies import read_accuracies

    if (name is None) == (accuracies is None):
        raise click.UsageError("either --benchmark, or --accuracies with a table of your own")
    if accuracies is not None:
        return read_accuracies(accuracies, space, higher_is_better=not lower)
    if lower:
        raise click.UsageError("--lower belongs to --accuracies; a benchmark knows its direction")
    return benchmarks.get(str(name))


def listed_of(space: SearchSpace[Any], archs: str | None) -> list[str] | None:
    """The architectures of ``--archs``; None where it is not given."""
    from nasproxy.scoring.choice import choose

    return None if archs is None else [str(a) for a in choose(space, listed=archs)]
