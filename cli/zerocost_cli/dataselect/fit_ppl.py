"""dataselect fit ppl."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Literal

import click

from zerocost_cli.dataselect.reading import read_options, reference_options, say_rejected
from zerocost_cli.dataselect.sizes import shown_bytes
from zerocost_cli.printing import print_json, print_table, progress

__all__ = ["command"]


@click.command("ppl")
@click.argument("reference", nargs=-1, required=True)
@click.option(
    "--order", type=click.IntRange(1, 16), default=5, show_default=True, help="Longest n-grams."
)
@click.option(
    "--unit",
    type=click.Choice(["words", "bytes"]),
    default="words",
    show_default=True,
    help="What a token is.",
)
@click.option(
    "--least",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Drop n-grams of 3 tokens or more that occur less often: 2 for a large reference.",
)
@reference_options
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="A file NAME.safetensors."
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(
    reference: tuple[str, ...],
    order: int,
    unit: Literal["words", "bytes"],
    least: int,
    out: Path,
    overwrite: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Train an n-gram language model on REFERENCE, text that good documents should be like.

    \b
    dataselect fit ppl wiki.jsonl --out wiki.safetensors
    dataselect score corpus/ --out scores --scorers ppl:wiki=wiki.safetensors
    """
    from dataselect.scorers.ngram import NgramSettings, fit_ngram, save_ngram

    settings = NgramSettings(order, unit, least)
    rejected: Counter[str] = Counter()
    with progress("reading, documents", 1) as advance:

        def show(documents: int) -> None:
            advance(documents, "then it is trained", total=documents)

        model = fit_ngram(
            reference,
            settings,
            options=read_options(reading),
            on_part=show,
            on_rejected=rejected.update,
        )
    save_ngram(model, out, overwrite=overwrite)
    about = model.about
    if as_json:
        print_json(
            {
                "out": str(out),
                "order": order,
                "unit": unit,
                "least": least,
                **about,
                "rejected": dict(rejected),
            }
        )
        return
    click.echo(f"{about['tokens']:,} {unit} in {about['lines']:,} lines")
    rows = [
        (n, f"{ngrams:,}", *(f"{value:.3f}" for value in discounts))
        for n, (ngrams, discounts) in enumerate(
            zip(about["ngrams"], about["discounts"], strict=True), 1
        )
    ]
    print_table(("order", "n-grams", "D1", "D2", "D3+"), rows)
    if about["too_few_for_discounts"]:
        orders = ", ".join(map(str, about["too_few_for_discounts"]))
        click.echo(f"Too few n-grams to estimate the discounts of order {orders}: .5, 1, 1.5 stand")
    say_rejected(rejected)
    click.echo(f"Written: {out} ({about['entries']:,} n-grams, {shown_bytes(out.stat().st_size)})")
