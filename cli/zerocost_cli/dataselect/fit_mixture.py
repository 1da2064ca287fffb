"""dataselect fit-mixture."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from zerocost_cli.printing import Steps, print_json, print_table

__all__ = ["command"]


@click.command("fit-mixture")
@click.option(
    "--mixtures",
    required=True,
    type=click.Path(path_type=Path),
    help="Weights by run: CSV or Parquet, a column of run ids, every other a weight.",
)
@click.option(
    "--losses",
    required=True,
    type=click.Path(path_type=Path),
    help="Losses by run: the same ids, every other column a loss. May be the same file.",
)
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="COLUMN[=SHARE]",
    help="A loss to minimise; several with their shares. [default: the mean of all]",
)
@click.option("--key", help="The column of run ids. [default: run_id, run, index, id or name]")
@click.option("--normalise", is_flag=True, help="Divide each run's weights by their sum.")
@click.option(
    "--regressor",
    default="stack",
    show_default=True,
    metavar="NAME",
    help="stack, gp, ridge, mixing_law, power_law, lightgbm or pkg.module:object.",
)
@click.option(
    "--optimiser",
    type=click.Choice(["direct", "published"]),
    default="direct",
    show_default=True,
    help="direct: on the simplex. published: the mean of the best 128 of a million draws.",
)
@click.option(
    "--bound",
    "bounds",
    multiple=True,
    metavar="NAME=LOW:HIGH",
    help="Least and greatest weight; '*=0:0.3' for all not named.",
)
@click.option(
    "--prior",
    type=click.Path(path_type=Path),
    help="Of published: strengths of the Dirichlet draws by name, as JSON. [default: 1 each]",
)
@click.option("--draws", default=1_000_000, show_default=True, help="Of published.")
@click.option(
    "--resamples", default=40, show_default=True, help="Halves of the runs, for the intervals."
)
@click.option("--folds", default=5, show_default=True, help="Of the validation.")
@click.option(
    "--repeats",
    type=click.IntRange(0),
    default=2,
    show_default=True,
    help="Of the learning curve; 0 draws none.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all draws.")
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="The result does not depend on it.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="weights.json.")
@click.option("--report", type=click.Path(path_type=Path), help="A page about it, as HTML.")
@click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(
    mixtures: Path,
    losses: Path,
    targets: tuple[str, ...],
    key: str | None,
    normalise: bool,
    regressor: str,
    optimiser: Any,
    bounds: tuple[str, ...],
    prior: Path | None,
    draws: int,
    resamples: int,
    folds: int,
    repeats: int,
    seed: int,
    threads: int,
    out: Path,
    report: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Find the mixture with the least predicted loss, from the losses of small runs.

    Weights may be of domains (RegMix) or of scores (Meta-rater). Runs are joined by their ids;
    those that miss a number are left out and counted. How well unseen runs are predicted, and
    whether the gain can be told apart from zero, is said in words.

    \b
    dataselect fit-mixture --mixtures train_mixture_1m.csv --losses train_pile_loss_1m.csv
        --target metric/the_pile_pile_cc_val_loss --out weights.json --report weights.html
    """
    from dataselect.weighting.mixture import Settings, fit_mixture
    from dataselect.weighting.options import bounds_of, prior_of, targets_of

    settings = Settings(
        targets=targets_of(targets),
        key=key,
        normalise=normalise,
        regressor=regressor,
        optimiser=optimiser,
        bounds=bounds_of(bounds),
        prior=None if prior is None else prior_of(prior),
        draws=draws,
        resamples=resamples,
        folds=folds,
        repeats=repeats,
        seed=seed,
    )
    with ExitStack() as stack:
        result = fit_mixture(
            mixtures,
            losses,
            out,
            settings,
            report=report,
            threads=threads,
            overwrite=overwrite,
            command=sys.argv,
            on_step=Steps(stack),
        )
    if as_json:
        print_json(result)
    else:
        print_learned(result)


def print_learned(result: dict[str, Any]) -> None:
    """What was learned, as tables and sentences."""
    left = sum(result["left_out"].values())
    title = f"{result['runs']:,} runs, regressor {result['regressor']}"
    if left:
        reasons = "; ".join(f"{count:,} with {why}" for why, count in result["left_out"].items())
        title += f"; {left:,} left out: {reasons}"
    rows = sorted(result["weights"].items(), key=lambda pair: -pair[1]["weight"])
    heads = {"weight": "weight", "predicted": "predicted", "low": "resampled from", "high": "to"}
    if result.get("choice", {}).get("rule") != "tried":
        del heads["predicted"]
    print_table(
        ("name", *heads.values()),
        [(name, *(f"{own[part]:.4f}" for part in heads)) for name, own in rows],
        title=title,
    )
    print_table(
        ("target", "Spearman of unseen runs", "from", "to"),
        [
            (name, *(_cell(own[part]) for part in ("value", "low", "high")))
            for name, own in result["spearman"].items()
        ],
    )
    for sentence in result["in_words"]:
        click.echo(sentence)
    click.echo(f"written to {result['out']}" + (f", {result['report']}" * bool(result["report"])))


def _cell(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"
