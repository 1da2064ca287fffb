"""dataselect report."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from zerocost_cli.printing import Steps, print_json

__all__ = ["command"]


@click.command("report")
@click.argument("scores")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="The page, as report.html."
)
@click.option(
    "--recipe",
    "recipes",
    multiple=True,
    metavar="NAME",
    help="A recipe to apply, by name or file; repeat. [default: all built in]",
)
@click.option("--title", help="Of the page. [default: the folder's name]")
@click.option("--no-texts", is_flag=True, help="Do not read documents back from the corpus.")
@click.option("--overwrite", is_flag=True, help="Replace an existing page.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(
    scores: str,
    out: Path,
    recipes: tuple[str, ...],
    title: str | None,
    no_texts: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """One HTML page about a folder that `dataselect score` wrote.

    Histograms and correlations of all scores, what each recipe rejects, the highest and lowest
    documents. The page holds everything in itself and runs no script.
    """
    from dataselect.report.recipes import recipes_of
    from dataselect.report.run import write_report

    with ExitStack() as stack:
        result = write_report(
            scores,
            out,
            recipes_of(recipes),
            all_recipes=bool(recipes),
            texts=not no_texts,
            title=title,
            overwrite=overwrite,
            on_part=Steps(stack),
        )
    if as_json:
        print_json(result)
        return
    click.echo(f"{result['documents']:,} documents, {result['columns']} scores each")
    for name, found in result["recipes"].items():
        share = found["rejected"] / max(1, result["documents"])
        click.echo(f"  recipe {name} rejects {found['rejected']:,} ({share:.1%})")
    for name, missing in result["recipes_without_columns"].items():
        click.echo(f"  recipe {name} is not applied: no column {', '.join(missing)}")
    if result["texts_missing"]:
        click.echo(f"  texts are not shown: {result['texts_missing']}")
    click.echo(f"Written: {result['out']} ({result['bytes']:,} bytes)")
