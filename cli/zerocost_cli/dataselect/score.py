"""dataselect score."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import asdict
from typing import Any

import click

from zerocost_cli.dataselect.reading import read_options, reading_options
from zerocost_cli.dataselect.sizes import shown_bytes, shown_seconds
from zerocost_cli.printing import print_json, print_table, progress

__all__ = ["command"]


@click.command("score")
@click.argument("corpus", nargs=-1, required=True)
@click.option("--out", help="The score folder: a path or an fsspec address.")
@click.option(
    "--scorers",
    metavar="NAMES",
    help="Names, KIND:ARGUMENT, or pkg.module:object, with commas. [default: signals]",
)
@click.option("--tokenizer", help="Count tokens with this tokenizer.json, too.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where it runs; the scores do not depend on it.",
)
@click.option("--workers", type=click.IntRange(1), help="The same. [default: one a core]")
@reading_options
@click.option("--estimate", is_flag=True, help="Say how long and how large, and do nothing else.")
@click.option("--overwrite", is_flag=True, help="Replace scores that are there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(corpus: tuple[str, ...], out: str | None, **arguments: Any) -> None:
    """Score every document of a corpus, once for all scorers.

    CORPUS is any number of .jsonl, .jsonl.gz, .jsonl.zst, .parquet, .txt or .md files (the last
    two hold one document each), folders or globs of these, or fsspec addresses. An interrupted
    run goes on where it stopped when the same command is given again; more scorers can be added
    to a finished folder later.

    \b
    dataselect score corpus/ --out scores
    dataselect score corpus/ --out scores --scorers my_scorers:LENGTH
    dataselect score corpus/ --out scores --scorers dsir:books=books.jsonl,ppl:wiki=wiki.jsonl
    """
    from dataselect.scorers.named import DEFAULT, scorers_of
    from dataselect.scores.run import Progress, score_corpus

    named = arguments["scorers"] or DEFAULT
    if arguments["tokenizer"]:
        named += f",tokens:{arguments['tokenizer']}"
    scorers = scorers_of(named)
    options = read_options(arguments)
    workers = arguments["workers"] or os.cpu_count() or 1
    if arguments["estimate"]:
        from dataselect.scores.estimate import estimate_score

        found = estimate_score(corpus, scorers, options=options, workers=workers)
        _print_estimate(asdict(found), arguments["as_json"])
        return
    if out is None:
        raise click.UsageError("the option --out is missing\n  accepted: a folder for the scores")
    began = time.monotonic()
    with progress("scoring, MB", 1) as advance:

        def show(at: Progress) -> None:
            what = "documents counted first" if at.counting else "documents"
            advance(at.done // 10**6, f"{at.documents:,} {what}", total=at.total // 10**6)

        summary = asdict(
            score_corpus(
                corpus,
                out,
                scorers,
                options=options,
                engine=arguments["engine"],
                workers=workers,
                strict=arguments["strict"],
                overwrite=arguments["overwrite"],
                command=sys.argv,
                on_progress=show,
            )
        )
    if arguments["as_json"]:
        print_json(summary)
        return
    _print_summary(summary, time.monotonic() - began)


def _print_summary(summary: dict[str, Any], seconds: float) -> None:
    text = summary["text_bytes"]
    rate = f", {text / 1e6 / seconds:,.1f} MB/s" if summary["fresh"] == summary["parts"] else ""
    click.echo(
        f"{summary['documents']:,} documents, {shown_bytes(text)} of text, "
        f"in {shown_seconds(seconds)}{rate}"
    )
    if summary["fresh"] < summary["parts"]:
        there = summary["parts"] - summary["fresh"]
        click.echo(f"{there:,} of {summary['parts']:,} parts were there and were not done again")
    click.echo(
        f"{summary['columns']} columns of {', '.join(summary['scorers'])} in {summary['out']}"
    )
    if summary["quarantined"]:
        rows = sorted(summary["quarantined"].items())
        print_table(("not read", "rows"), rows)
        click.echo(f"Each with its place and reason: {summary['out']}/quarantine.jsonl")
    if damaged := summary["quarantined"].get("unreadable"):
        click.echo(
            f"{damaged:,} file{'s are' if damaged > 1 else ' is'} damaged or cut off: what follows "
            "the damage is lost, and nobody knows how many rows that is"
        )


def _print_estimate(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    click.echo(
        f"{found['files']:,} files, {shown_bytes(found['stored_bytes'])}: about "
        f"{found['documents']:,} documents with {shown_bytes(found['text_bytes'])} of text"
    )
    click.echo(
        f"About {shown_seconds(found['seconds'])} on {found['workers']} "
        f"worker{'s' * (found['workers'] != 1)}, and {shown_bytes(found['output_bytes'])} of scores"
    )
    click.echo(f"(from {shown_bytes(found['sampled_bytes'])} of text that was scored for this)")
