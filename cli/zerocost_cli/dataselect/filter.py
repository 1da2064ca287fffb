"""dataselect filter."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import Any

import click

from zerocost_cli.dataselect.reading import read_options, reading_options
from zerocost_cli.printing import print_json, print_table, progress

__all__ = ["command"]


@click.command("filter")
@click.argument("corpus", nargs=-1, required=True)
@click.option("--recipe", required=True, help="gopher, c4, fineweb or a TOML file of thresholds.")
@click.option("--out", required=True, help="The folder for the documents that are kept.")
@click.option("--rejected", help="A folder for the others, each with every rule that it broke.")
@click.option("--scores", help="Decide by this score folder, instead of scoring anew.")
@click.option("--edit-lines", is_flag=True, help="Drop lines by C4's rules first; changes text.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where documents are scored.",
)
@click.option("--workers", type=click.IntRange(1), help="The result is the same. [default: cores]")
@reading_options
@click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(corpus: tuple[str, ...], recipe: str, out: str, **arguments: Any) -> None:
    """Keep the documents that break no rule of a recipe.

    Each file of the corpus becomes one of the same name and format in --out: lines of JSON come
    out byte for byte, tables with all their columns. An interrupted run goes on where it stopped
    when the same command is given again.

    \b
    dataselect filter corpus/ --recipe gopher --out kept --rejected rejected
    """
    from dataselect.filtering.recipe import filter_of
    from dataselect.filtering.run import filter_corpus

    asked = filter_of(recipe, edit_lines=arguments["edit_lines"])
    with progress("scoring, MB", 1) as advance:
        summary = asdict(
            filter_corpus(
                corpus,
                out,
                asked,
                rejected=arguments["rejected"],
                scores=arguments["scores"],
                options=read_options(arguments),
                engine=arguments["engine"],
                workers=arguments["workers"] or os.cpu_count() or 1,
                strict=arguments["strict"],
                overwrite=arguments["overwrite"],
                command=sys.argv,
                on_progress=lambda at: advance(
                    at.done // 10**6, f"{at.documents:,} documents", total=at.total // 10**6
                ),
            )
        )
    if arguments["as_json"]:
        print_json(summary)
        return
    documents = summary["documents"]
    share = f" ({summary['kept'] / documents:.1%})" if documents else ""
    rows = [
        (rule, number, f"{number / documents:.2%}", summary["alone"][rule])
        for rule, number in sorted(summary["rules"].items(), key=lambda item: -item[1])
    ]
    print_table(
        (f"rule of {summary['recipe']}", "break it", "share", "and no other"),
        rows,
        title=f"{summary['kept']:,} of {documents:,} documents kept{share}",
    )
    if summary["quarantined"]:
        print_table(("not read", "rows"), sorted(summary["quarantined"].items()))
    click.echo(f"Written: {summary['shards']:,} files and manifest.json in {out}")
    if arguments["rejected"]:
        click.echo(f"Rejected documents, with what they broke: {arguments['rejected']}")
