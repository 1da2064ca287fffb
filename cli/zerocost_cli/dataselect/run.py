"""dataselect run."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import click

from zerocost_cli.printing import Steps, print_json

__all__ = ["command"]


@click.command("run")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace the outputs of another recipe.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(recipe: Path, overwrite: bool, as_json: bool) -> None:
    """Score a corpus, learn weights, select by them and report, as a recipe in TOML says.

    An interrupted run goes on where it stopped when the same command is given again.

    \b
    corpus = ["corpus/"]
    out = "chosen"
    [score]
    scorers = "signals,heuristics"
    [learn]
    validation = { good = "good.jsonl" }
    proxy = "ngram"
    tokens = "1.5M"
    [select]
    tokens = "100M"
    """
    from dataselect.pipeline import read_recipe, run_recipe
    from zerocost_cli.dataselect.learn_weights import print_run

    asked = read_recipe(recipe)
    with ExitStack() as stack:
        found = run_recipe(asked, overwrite=overwrite, command=sys.argv, on_step=Steps(stack))
    if as_json:
        print_json(found)
        return
    score, select = found["score"], found["select"]
    out = found["out"]
    click.echo(f"Scored {score['documents']:,} documents, {score['columns']} columns")
    print_run(found["learn"] | {"out": f"{out}/weights.json", "folder": f"{out}/weights.runs"})
    click.echo(f"Selected {select['documents']:,} of {select['of']:,} documents")
    click.echo(f"Written: {out}/selection, {out}/report.html")
