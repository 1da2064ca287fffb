"""dataselect rater train."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zerocost_cli.printing import print_json, print_table, progress

if TYPE_CHECKING:
    from dataselect.scorers.raters.labelled import Labelled
    from dataselect.scorers.raters.training import HeldOut

__all__ = ["command"]


@click.command("train")
@click.argument("labels", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="X.safetensors.")
@click.option(
    "--text",
    default="text",
    show_default=True,
    help="The column of the text; two with a comma between them for pairs.",
)
@click.option(
    "--label",
    "label_column",
    default="label",
    show_default=True,
    help="The column of the label; of pairs the probability that the second is preferred.",
)
@click.option(
    "--loss",
    type=click.Choice(["auto", "ridge", "logistic", "ordinal", "pairwise"]),
    default="auto",
    show_default=True,
    help="auto: pairwise for pairs, logistic for 0/1, ordinal for 0..5, else ridge.",
)
@click.option(
    "--signals",
    type=click.Choice(["light", "all", "none"]),
    default="light",
    show_default=True,
    help="Rule-based signals: light leaves out repeated n-grams, at twice the speed.",
)
@click.option(
    "--bits", type=click.IntRange(10, 24), default=18, show_default=True, help="2^bits buckets."
)
@click.option("--name", help="Of the rater and its column. [default: the file's]")
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True, help="Of the check.")
@click.option("--no-check", is_flag=True, help="Leave the cross-validation out: 5 times faster.")
@click.option("--seed", default=0, show_default=True, help="Deals the folds out.")
@click.option("--overwrite", is_flag=True, help="Replace a rater that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(labels: Path, out: Path, **arguments: Any) -> None:
    """Train a rater on labelled documents, and say what it is worth.

    LABELS is .jsonl, .jsonl.gz or .parquet: a text and a number a row, or two texts and the
    probability that the second is preferred. The rater scores a corpus with --scorers rater:FILE.

    \b
    dataselect rater train labels.jsonl --out education.safetensors
    dataselect score corpus/ --out scores --scorers rater:education.safetensors
    """
    from dataselect.scorers.raters import Features, save_rater, train
    from dataselect.scorers.raters.file import check_output
    from dataselect.scorers.raters.labels import read_labels
    from zerocost.manifest import Counts, begin, finish

    name = arguments["name"] or re.sub(r"\W+", "_", out.stem)
    if not re.fullmatch(r"[\w.-]+", name):
        raise click.UsageError(f"the name {name!r}\n  accepted: letters, digits, _ . -")
    check_output(out, overwrite=arguments["overwrite"])
    labelled = read_labels(
        labels, text=tuple(arguments["text"].split(",")), label_column=arguments["label_column"]
    )
    features = Features(signals=arguments["signals"], bits=arguments["bits"])
    manifest = begin(
        "dataselect",
        command=sys.argv,
        configuration={key: arguments[key] for key in ("loss", "text", "label_column", "folds")}
        | {"features": features.as_json()},
        seeds={"folds": arguments["seed"]},
        inputs=[labels],
        libraries=("numpy", "scipy", "numba", "pyarrow"),
    )
    with progress("training, folds", 1) as advance:
        trained = train(
            labelled,
            features=features,
            loss=arguments["loss"],
            folds=arguments["folds"],
            estimate=not arguments["no_check"],
            name=name,
            seed=arguments["seed"],
            on_progress=lambda done, total: advance(done, total=total),
        )
    rater = trained.rater
    worth = {} if trained.held_out is None else _worth(labelled, trained.held_out)
    rows = len(labelled.target)
    found = {
        "rater": str(out),
        "column": rater.label,
        "loss": rater.calibration.loss,
        "rows": rows,
        "documents": len(labelled.texts),
        "strength": asdict(trained.strength),
        "folds": arguments["folds"] if worth else 0,
        "held_out": worth,
    }
    ended = finish(manifest, counts=Counts(taken=rows, given=rows))
    save_rater(
        rater,
        out,
        training={key: value for key, value in found.items() if key != "rater"},
        manifest=asdict(ended),
        overwrite=arguments["overwrite"],
    )
    if arguments["as_json"]:
        print_json(found)
        return
    kind = "pairs of" if labelled.second is not None else "labels of"
    click.echo(f"{rows:,} {kind} {len(labelled.texts):,} documents, loss {rater.calibration.loss}")
    if worth:
        print_table(
            ("held out", "value", "low", "high"),
            [(metric, each["value"], each["low"], each["high"]) for metric, each in worth.items()],
            title=f"On documents that it has not seen, mean of {arguments['folds']} folds; 95 %:",
        )
    click.echo(f"Written: {out}, {out.with_suffix('.json')}")
    click.echo(f"  next: dataselect score CORPUS --out scores --scorers rater:{out}")


def _worth(labelled: Labelled, held_out: HeldOut) -> dict[str, dict[str, float]]:
    import numpy as np

    from dataselect.scorers.raters.evaluation import metrics_for
    from dataselect.scorers.raters.metrics import measured

    known = np.flatnonzero(~np.isnan(held_out.scores))
    threshold = float(labelled.target.min() + labelled.target.max()) / 2
    scores = held_out.scores[known]
    found = measured(
        labelled.target[known], scores, metrics_for(labelled, threshold), fold=held_out.fold[known]
    )
    return {name: asdict(each) for name, each in found.items()}
