"""The command dataselect: its sub-commands, found when they are called."""

import click

from zerocost_cli.lazy import LazyGroup
from zerocost_cli.running import run_command

__all__ = ["main", "run"]

_HERE = "zerocost_cli.dataselect"


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    lazy={
        "importance": (f"{_HERE}.importance", "Value every item of a retrieval corpus."),
        "fit": (f"{_HERE}.fit", "Fit the models of the scorers dsir and ppl, to keep them."),
        "filter": (f"{_HERE}.filter", "Keep the documents that break no rule of a recipe."),
        "score": (f"{_HERE}.score", "Score every document of a corpus."),
        "select": (f"{_HERE}.select", "Select documents by their scores, up to a budget."),
        "learn-weights": (
            f"{_HERE}.learn_weights",
            "Learn how to weigh scores from small models.",
        ),
        "run": (f"{_HERE}.run", "Score, learn, select and report, as a recipe says."),
        "fit-mixture": (
            f"{_HERE}.fit_mixture",
            "Learn a mixture from the losses of small runs.",
        ),
        "report": (f"{_HERE}.report", "One HTML page about a score folder."),
        "rater": (f"{_HERE}.rater", "Train and evaluate raters on labels of your own."),
        "scorers": (f"{_HERE}.listing:scorers_command", "List the scorers."),
        "recipes": (f"{_HERE}.listing:recipes_command", "List the recipes of filter."),
    },
)
@click.version_option(package_name="zerocost", prog_name="dataselect")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Choose the data before paying for the training run."""


def run() -> None:
    """Entry point of the command."""
    run_command(main, "dataselect")
