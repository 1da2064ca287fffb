"""The command nasproxy: its sub-commands, found when they are called."""

import click

from zerocost_cli.lazy import LazyGroup
from zerocost_cli.running import run_command

__all__ = ["main", "run"]

_HERE = "zerocost_cli.nasproxy"


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    lazy={
        "score": (f"{_HERE}.score", "Score one architecture, or a network of your own."),
        "rank": (f"{_HERE}.rank", "Score many architectures into a table, best first."),
        "correlate": (f"{_HERE}.correlate", "Compare a table of scores with true results."),
        "search": (f"{_HERE}.search", "Search a space for the best network by its scores."),
        "parzc": (f"{_HERE}.parzc", "Fit, use and test predictors of accuracy."),
        "proxies": (f"{_HERE}.listing:proxies_command", "List the proxies."),
        "spaces": (f"{_HERE}.listing:spaces_command", "List the search spaces."),
        "benchmarks": (f"{_HERE}.listing:benchmarks_command", "List the benchmark tables."),
        "data": (f"{_HERE}.data", "List, fetch, verify and find downloaded data."),
    },
)
@click.version_option(package_name="zerocost", prog_name="nasproxy")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Rank candidate networks and search for good ones before any of them is trained."""


def run() -> None:
    """Entry point of the command."""
    run_command(main, "nasproxy")
