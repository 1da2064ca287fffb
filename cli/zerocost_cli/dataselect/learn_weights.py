"""dataselect learn-weights."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zerocost_cli.dataselect.fit_mixture import print_learned
from zerocost_cli.printing import Steps, print_json, print_table

if TYPE_CHECKING:
    from dataselect.weighting.cost import Cost

__all__ = ["command", "print_run"]


@click.command("learn-weights")
@click.argument("corpus", nargs=-1)
@click.option("--scores", help="A folder that `dataselect score` wrote.")
@click.option(
    "--validation",
    multiple=True,
    metavar="NAME=FILE",
    help="Documents that the selection is to be good for; repeat. None of them, and no near copy, "
    "is ever selected.",
)
@click.option("--tokens", metavar="N", help="Budget of each selection: 1.5M.")
@click.option(
    "--proxy",
    type=click.Choice(["ngram", "gpt"]),
    default="ngram",
    show_default=True,
    help="What is trained on each selection: counts of n-grams, or a small decoder.",
)
@click.option("--runs", default=256, show_default=True, help="Weight vectors that are tried.")
@click.option(
    "--rounds",
    default=3,
    show_default=True,
    help="Of eight further runs each, which try what the runs before speak for; the best weights "
    "that were tried are written. 0 writes what the regression proposes, untried.",
)
@click.option(
    "--design",
    type=click.Choice(["mixed", "dirichlet", "low-discrepancy", "sparse", "published"]),
    default="mixed",
    show_default=True,
    help="Which vectors: see docs/weighting.md.",
)
@click.option(
    "--columns", metavar="NAMES", help="Scores to weigh, with commas. [default: see the docs]"
)
@click.option(
    "--transform",
    type=click.Choice(["rank", "minmax", "zscore"]),
    default="rank",
    show_default=True,
    help="To a common scale.",
)
@click.option(
    "--missing",
    type=click.Choice(["mean", "worst", "drop"]),
    default="mean",
    show_default=True,
    help="What a document without a score gets.",
)
@click.option(
    "--both-ways",
    type=click.Choice(["none", "undirected", "all"]),
    default="none",
    show_default=True,
    help="Scores of which less may be better, too: the runs decide.",
)
@click.option("--order", type=int, help="ngram: tokens in the longest n-grams. [default: 4]")
@click.option("--size", help="gpt: 0.3M, 0.5M, 1M, 4M, 8M or 18M parameters. [default: 0.5M]")
@click.option("--context", type=int, help="gpt: tokens a window. [default: 128]")
@click.option("--batch", type=int, help="gpt: windows a step. [default: 8]")
@click.option("--rate", type=float, help="gpt: highest learning rate. [default: by size]")
@click.option("--stacked", type=int, help="gpt: runs trained as one, for CUDA. [default: 1]")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="gpt. [default: cpu]")
@click.option("--vocabulary", default=2048, show_default=True, help="Of the tokenizer.")
@click.option(
    "--tokenizer", type=click.Path(path_type=Path), help="A tokenizer.json in place of one trained."
)
@click.option(
    "--candidates", default=200_000, show_default=True, help="Documents drawn from the corpus."
)
@click.option(
    "--validation-tokens", default=50_000, show_default=True, help="Of each set, at most."
)
@click.option("--target", default="mean", show_default=True, help="mean, or a validation set.")
@click.option("--regressor", default="stack", show_default=True, help="See docs/weighting.md.")
@click.option(
    "--optimiser",
    type=click.Choice(["direct", "published"]),
    help="On the simplex, or the mean of the best 128 of a million draws. [default: direct; "
    "published with --rounds 0]",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Of everything that is drawn.",
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--out", type=click.Path(path_type=Path), help="weights.json.")
@click.option("--estimate", is_flag=True, help="Say how long the runs would take; write nothing.")
@click.option(
    "--join",
    type=click.Path(path_type=Path),
    help="Only help with the runs of another command, in its folder weights.runs.",
)
@click.option("--overwrite", is_flag=True, help="Replace weights and runs that are there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(corpus: tuple[str, ...], **arguments: Any) -> None:
    """Learn how to weigh scores from small models trained on what the weights select.

    CORPUS is what was scored; left out, the files are read from where they were. The folder
    weights.runs beside --out keeps every run: an interrupted command goes on where it stopped, and
    other processes and machines that see the folder may --join it.

    \b
    dataselect learn-weights corpus/ --scores scores --validation good=good.jsonl
        --tokens 1.5M --out weights.json
    dataselect learn-weights corpus/ --scores scores --validation a=a.jsonl --validation b=b.jsonl
        --proxy gpt --runs 64 --tokens 1.5M --jobs 2 --out weights.json
    dataselect learn-weights --join weights.runs --jobs 8
    """
    if arguments["join"] is not None:
        _refuse_others()
        _join(arguments["join"], arguments["jobs"], arguments["as_json"])
        return
    needed = ("validation", "tokens", *(() if arguments["estimate"] else ("scores", "out")))
    missing = [name for name in needed if not arguments[name]]
    if missing:
        raise click.UsageError(f"the option --{missing[0]} is missing")
    from dataselect.selection.budget import amount_of
    from dataselect.weighting.learn_run import LearnSettings, learn_weights
    from dataselect.weighting.plan import proxy_of
    from dataselect.weighting.reading import PoolSettings
    from dataselect.weighting.validation_sets import validation_named

    tokens = int(amount_of(arguments["tokens"], what="--tokens"))
    given = {
        name: arguments[name]
        for name in ("order", "size", "context", "batch", "rate", "stacked", "device")
    }
    settings = LearnSettings(
        validation=validation_named(arguments["validation"]),
        tokens=tokens,
        proxy=proxy_of(arguments["proxy"], tokens=tokens, **given),
        columns=tuple(filter(None, (arguments["columns"] or "").split(","))),
        pool=PoolSettings(
            documents=arguments["candidates"],
            vocabulary=arguments["vocabulary"],
            tokenizer=arguments["tokenizer"],
            validation_tokens=arguments["validation_tokens"],
            seed=arguments["seed"],
        ),
        **{
            name: arguments[name]
            for name in (
                "runs", "rounds", "design", "transform", "missing", "both_ways",
                "target", "regressor", "optimiser", "seed",
            )
        },
    )  # fmt: skip
    if arguments["estimate"]:
        from dataselect.weighting.cost import cost_of

        _print_cost(cost_of(settings, jobs=arguments["jobs"]), arguments["as_json"])
        return
    with ExitStack() as stack:
        found = learn_weights(
            corpus,
            arguments["scores"],
            arguments["out"],
            settings,
            jobs=arguments["jobs"],
            overwrite=arguments["overwrite"],
            command=sys.argv,
            on_step=Steps(stack),
        )
    if arguments["as_json"]:
        print_json(found.summary)
        return
    print_run(found.summary)


def _refuse_others() -> None:
    """Refuse what would have no effect: the folder says what is run."""
    from click.core import ParameterSource

    context = click.get_current_context()
    for own in context.command.params:
        source = context.get_parameter_source(own.name or "")
        if own.name not in ("join", "jobs", "as_json") and source is ParameterSource.COMMANDLINE:
            what = f"the option {own.opts[0]}" if isinstance(own, click.Option) else "CORPUS"
            raise click.UsageError(f"{what} has no effect with --join; it takes --jobs and --json")


def _join(folder: Path, jobs: int, as_json: bool) -> None:
    from dataselect.weighting.design_folder import open_design
    from dataselect.weighting.plan import proxy_of
    from dataselect.weighting.rounds import run_rounds

    settings = open_design(folder).proxy
    own = {key: value for key, value in settings.items() if key not in ("proxy", "tokens")}
    proxy = proxy_of(settings["proxy"], tokens=int(settings.get("tokens", 0)), **own)
    with ExitStack() as stack:
        done = run_rounds(folder, proxy, jobs=jobs, on_step=Steps(stack)).runs()
    if as_json:
        print_json({"folder": str(folder), "runs": len(done.run_ids)})
        return
    click.echo(f"All {len(done.run_ids):,} runs of {folder} are done")


def _print_cost(found: Cost, as_json: bool) -> None:
    if as_json:
        print_json(asdict(found))
        return
    minutes, seconds = divmod(round(found.seconds), 60)
    hours, minutes = divmod(minutes, 60)
    runs = f"{found.runs:,}"
    if found.rounds:
        runs += f", {found.rounds:,} in rounds, {found.again:,} at most again with other seeds"
    rows = [
        ("runs", runs),
        ("tokens a run", f"{found.tokens:,}"),
        ("time of one", f"{found.seconds_each:.3g} s on one core, timed on random tokens"),
        ("time of all", f"{hours}:{minutes:02}:{seconds:02} in {found.jobs} processes"),
        ("besides", "reading the corpus, once, and the regression"),
    ]
    print_table(("estimate", ""), rows)


def print_run(found: dict[str, Any]) -> None:
    """Print the candidates, the runs and what was learned, for a reader at a terminal."""
    from dataselect.weighting.rounds import EACH

    click.echo(
        f"{found['candidates']:,} candidates of {found['of']:,} documents, "
        f"{found['candidate_tokens']:,} tokens; {found['runs']:,} runs of {found['tokens']:,}"
        + (
            f", {found['rounds']:,} round{'s' * (found['rounds'] != 1)} of {EACH} more"
            if found["rounds"]
            else ""
        )
    )
    for reason, count in found["left_out"].items():
        click.echo(f"  left out: {count:,} {reason}")
    for name, count in found["missing"].items():
        click.echo(f"  {count:,} candidates have no {name}")
    if found["undirected"]:
        click.echo(
            f"  no direction is declared for {', '.join(found['undirected'])}: more was taken as "
            "better; --both-ways undirected lets the runs decide"
        )
    click.echo()
    left = Counter(found["runs_left_out"].values())
    page = f"{found['folder']}/report.html"
    about = {
        "runs": found["learned"]["settings"]["runs"],
        "left_out": dict(left),
        "out": found["out"],
        "report": page,
    }
    print_learned(found["learned"] | about)
