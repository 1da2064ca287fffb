"""dataselect rater: train and evaluate raters of one's own."""

import click

from zerocost_cli.lazy import LazyGroup

__all__ = ["command"]

_HERE = "zerocost_cli.dataselect"


@click.group(
    "rater",
    cls=LazyGroup,
    lazy={
        "train": (f"{_HERE}.rater_train", "Train a rater on labelled documents."),
        "evaluate": (f"{_HERE}.rater_evaluate", "Compare a rater's scores with labels."),
    },
)
def command() -> None:
    """Raters trained on labels of your own."""
