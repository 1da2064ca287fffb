"""dataselect fit: the models that scorers are made of, once for many runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Literal

import click

from zerocost_cli.dataselect.reading import read_options, reference_options, say_rejected
from zerocost_cli.dataselect.sizes import shown_bytes
from zerocost_cli.lazy import LazyGroup
from zerocost_cli.printing import print_json, progress

__all__ = ["command", "dsir_command"]

_HERE = "zerocost_cli.dataselect"


@click.group(
    "fit",
    cls=LazyGroup,
    lazy={
        "dsir": (f"{_HERE}.fit:dsir_command", "Count a target and a source for dsir:NAME=FILE."),
        "ppl": (f"{_HERE}.fit_ppl", "Train an n-gram language model for ppl:NAME=FILE."),
    },
)
def command() -> None:
    """Fit a model to a corpus and keep it; `dataselect score` takes it in the corpus' place."""


@click.command("dsir")
@click.option(
    "--target", "targets", multiple=True, help="What good documents should be like; repeat."
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    help="What is selected from; repeat. [default: the corpus that is scored later]",
)
@click.option("--buckets", type=click.IntRange(1), help="Buckets for n-grams. [default: 10000]")
@click.option(
    "--hash",
    "hashed",
    type=click.Choice(["fast", "sha256"]),
    help="sha256 gives the numbers of the package data-selection. [default: fast]",
)
@reference_options
@click.option("--workers", type=click.IntRange(1), help="The result does not depend on it.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="A file NAME.safetensors."
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def dsir_command(
    targets: tuple[str, ...],
    sources: tuple[str, ...],
    buckets: int | None,
    hashed: Literal["fast", "sha256"] | None,
    workers: int | None,
    out: Path,
    overwrite: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Count the n-grams of a target and of a source.

    Each is a corpus (files, folders, globs) or a model written by this command, whose counts are
    taken over.

    \b
    dataselect fit dsir --target books.jsonl --source corpus/ --out books.safetensors
    dataselect score corpus/ --out scores --scorers dsir:books=books.safetensors
    """
    from dataselect.scorers.dsir import Features, fit_dsir, save_dsir
    from dataselect.scorers.dsir.features import BUCKETS

    features = None
    if buckets is not None or hashed is not None:
        features = Features(BUCKETS if buckets is None else buckets, hashed or "fast")
    rejected: Counter[str] = Counter()
    with progress("counting, MB", 1) as advance:

        def show(done: int, documents: int) -> None:
            advance(done // 10**6, f"{documents:,} documents", total=max(1, done // 10**6))

        model = fit_dsir(
            targets,
            sources,
            features=features,
            options=read_options(reading),
            workers=workers,
            on_part=show,
            on_rejected=rejected.update,
        )
    save_dsir(model, out, overwrite=overwrite)
    both = {"target": model.target, "source": model.source}
    ngrams = {name: int(counts.sum()) for name, counts in both.items() if counts is not None}
    if as_json:
        print_json(
            {
                "out": str(out),
                "ngrams": ngrams,
                "buckets": model.features.buckets,
                "hash": model.features.hash,
                "rejected": dict(rejected),
            }
        )
        return
    counted = " and ".join(f"{n:,} of the {name}" for name, n in ngrams.items())
    click.echo(
        f"n-grams: {counted}, in {model.features.buckets:,} buckets by the {model.features.hash} "
        f"hash"
    )
    say_rejected(rejected)
    click.echo(f"Written: {out} ({shown_bytes(out.stat().st_size)})")
