"""nasproxy parzc: its sub-commands, found when they are called."""

import click

from zerocost_cli.lazy import LazyGroup

__all__ = ["command"]

_HERE = "zerocost_cli.nasproxy.parzc"


@click.group(
    "parzc",
    cls=LazyGroup,
    lazy={
        "fit": (f"{_HERE}.fit", "Fit a predictor on architectures of known accuracy."),
        "predict": (f"{_HERE}.predict", "Rank architectures by a fitted predictor."),
        "evaluate": (f"{_HERE}.evaluate", "Test predictors on classes they have not seen."),
    },
)
def command() -> None:
    """Learn from a few true accuracies how to rank all other architectures."""
