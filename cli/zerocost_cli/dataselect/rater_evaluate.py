"""dataselect rater evaluate."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from zerocost_cli.printing import print_json, print_table

__all__ = ["command"]


@click.command("evaluate")
@click.argument("rater")
@click.argument("labels", type=click.Path(path_type=Path))
@click.option("--column", help="Which column of the scorer, where it has several.")
@click.option(
    "--text",
    default="text",
    show_default=True,
    help="The column of the text; two with a comma between them for pairs.",
)
@click.option("--label", "label_column", default="label", show_default=True, help="Of the label.")
@click.option(
    "--threshold",
    type=float,
    help="Labels, and for F1 scores, from here on are good. [default: the middle of the labels]",
)
@click.option(
    "--worst", type=click.IntRange(0), default=10, show_default=True, help="Documents to show."
)
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(rater: str, labels: Path, **arguments: Any) -> None:
    """Compare a rater's scores with labels that it was not trained on.

    RATER is a file (.safetensors, .bin), or any scorer by its name as in `score --scorers`.

    \b
    dataselect rater evaluate education.safetensors test.jsonl
    dataselect rater evaluate heuristics labels.jsonl --column heuristic_cleanliness
    """
    from dataselect.scorers.raters.evaluation import evaluate
    from dataselect.scorers.raters.labels import read_labels
    from dataselect.scorers.raters.named import scorer_to_evaluate

    labelled = read_labels(
        labels, text=tuple(arguments["text"].split(",")), label_column=arguments["label_column"]
    )
    found = evaluate(
        scorer_to_evaluate(rater),
        labelled,
        column=arguments["column"],
        threshold=arguments["threshold"],
        worst=arguments["worst"],
        seed=arguments["seed"],
    )
    if arguments["as_json"]:
        print_json(asdict(found))
        return
    missing = f", {found.missing:,} without a score left out" if found.missing else ""
    good = "" if found.threshold is None else f", good from {found.threshold:g} on"
    print_table(
        ("metric", "value", "low", "high"),
        [(name, each.value, each.low, each.high) for name, each in found.metrics.items()],
        title=f"{found.column} on {found.rows:,} labels{missing}{good}; 95 %:",
    )
    if found.worst:
        print_table(
            ("label", "score", "text"),
            [(each.label, each.score, each.text) for each in found.worst],
            title="Ranked most differently by label and score:",
        )
