"""nasproxy parzc evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zerocost_cli.nasproxy.options import given, json_option, space_of, split
from zerocost_cli.nasproxy.parzc.options import (
    feature_options,
    listed_of,
    predictor_option,
    sources_of,
    truth_of,
    truth_options,
)
from zerocost_cli.printing import print_json, print_table, progress

if TYPE_CHECKING:
    from nasproxy.benchmarks.table import BenchmarkTable
    from nasproxy.prediction.evaluation import Draw, Evaluation
    from nasproxy.prediction.inputs import Sources
    from nasproxy.spaces.space import SearchSpace

__all__ = ["command"]

_OF_DRAWS = ("predictor_name", "fit_on", "train", "draws", "seeds", "seed", "apart")
_UP = "higher_is_better"


@click.command("evaluate")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--space", "space_name", help="By name or pkg.module:object.")
@predictor_option
@feature_options
@truth_options
@click.option("--target", help="To test on. [default: the first]")
@click.option("--fit-on", metavar="T", help="To fit on. [default: the target]")
@click.option(
    "--train", default="156", show_default=True, metavar="N,M", help="How many classes train."
)
@click.option("--draws", default=5, show_default=True, help="Of training classes.")
@click.option("--seeds", default=1, show_default=True, help="Fits of each draw.")
@click.option("--seed", default=0, show_default=True, help="Of the draws.")
@click.option(
    "--apart",
    type=click.Choice(["function", "class"]),
    default="function",
    show_default=True,
    help="What must not be on both sides.",
)
@click.option("--drop-seen", is_flag=True, help="Of a FOLDER: leave out what it was trained on.")
@json_option
def command(
    folder: Path | None,
    space_name: str | None,
    predictor_name: str,
    scores: Path | None,
    nodes: Path | None,
    proxies: str | None,
    archs: str | None,
    benchmark_name: str | None,
    accuracies: Path | None,
    lower: bool,
    target: str | None,
    fit_on: str | None,
    train: str,
    draws: int,
    seeds: int,
    seed: int,
    apart: str,
    drop_seen: bool,
    as_json: bool,
) -> None:
    """Test predictors on classes that they have not seen.

    Training classes are drawn several times; all others are tested, but for those that compute
    the function of a training class. A class has one accuracy, the mean over its spellings. With
    FOLDER, the predictor in it is tested on architectures that it was not trained on.

    \b
    nasproxy parzc evaluate --space nasbench201 --scores scores.parquet
                  --nodes nodes.parquet --benchmark nasbench201
                  --predictor mabn,gp,best --train 78,156
    """
    sources = sources_of(scores, nodes, proxies)
    if folder is not None:
        from nasproxy.prediction.training_set import read_training_set

        _refuse_of_draws()
        space = space_of(space_name or read_training_set(folder).space)
        truth = truth_of(space.name, benchmark_name, accuracies, lower=lower)
        asked = listed_of(space, archs)
        _test_fitted(folder, space, truth, target, sources, asked, drop_seen, as_json=as_json)
        return
    if space_name is None:
        raise click.UsageError("--space, or the FOLDER of a fitted predictor")
    if drop_seen:
        raise click.UsageError("--drop-seen belongs to the FOLDER of a fitted predictor")
    from nasproxy.prediction import get
    from nasproxy.prediction.classes import classes_of
    from nasproxy.prediction.evaluation import evaluate
    from nasproxy.prediction.inputs import gather, known_architectures
    from nasproxy.scoring.correlation import check_same_space

    names = split(predictor_name) or []
    predictors = {name: get(name) for name in names}
    sizes = _sizes(train)
    space = space_of(space_name)
    truth = truth_of(space.name, benchmark_name, accuracies, lower=lower)
    check_same_space(space.name, truth)
    target = target or next(iter(truth.targets))
    fit_on = fit_on or target
    listed = listed_of(space, archs) or known_architectures(sources) or truth.architectures
    classes = classes_of(space, listed, truth, list(dict.fromkeys([fit_on, target])))
    features, lacking = gather(space, classes.architectures, sources)
    classes = classes.keep(features.architectures)
    found: list[tuple[str, int, Evaluation]] = []
    with progress("fitting", len(names) * len(sizes) * draws * seeds) as advance:
        done = 0

        def drawn(_draw: Draw) -> None:
            nonlocal done
            done += 1
            advance(done)

        for name, predictor in predictors.items():
            for size in sizes:
                result = evaluate(
                    predictor,
                    features,
                    classes,
                    fit_on=fit_on,
                    test_on=target,
                    train=size,
                    draws=draws,
                    seeds=seeds,
                    seed=seed,
                    by_function=apart == "function",
                    on_draw=drawn,
                )
                found.append((name, size, result))
    if as_json:
        about: dict[str, object] = {"benchmark": truth.name, "fit_on": fit_on, "target": target}
        about |= {"classes": len(classes), "without_score": lacking, "apart": apart}
        about |= {_UP: truth.quantity(target).higher_is_better}
        print_json({**about, "results": [_as_json(*row) for row in found]})
        return
    print_table(
        ("predictor", "trained", "tested", "Kendall tau_b", "± sd", "Spearman rho", "pick", "best"),
        [_row(*row) for row in found],
        title=f"fitted on {fit_on}, tested on {target} of {truth.name}{_direction(truth, target)}: "
        f"{len(classes):,} classes, {draws} draws, {seeds} fits of each",
    )
    if lacking:
        click.echo(f"{lacking:,} classes left out: a score is missing", err=True)


def _test_fitted(
    folder: Path,
    space: SearchSpace[Any],
    truth: BenchmarkTable,
    target: str | None,
    sources: Sources,
    listed: list[str] | None,
    drop_seen: bool,
    *,
    as_json: bool,
) -> None:
    from nasproxy.prediction.examination import examine

    target = target or next(iter(truth.targets))
    tested = examine(
        folder,
        space,
        truth,
        target,
        sources=sources,
        architectures=listed,
        drop_seen=drop_seen,
    )
    if as_json:
        up = truth.quantity(target).higher_is_better
        print_json({"folder": str(folder), "target": target, _UP: up, **vars(tested)})
        return
    print_table(
        ("predictor", "tested", "Kendall tau_b", "Spearman rho", "left out"),
        [(str(folder), tested.tested, tested.kendall, tested.spearman, tested.left_out)],
        title=f"tested on {target} of {truth.name}{_direction(truth, target)}",
    )


def _direction(truth: BenchmarkTable, target: str) -> str:
    return "" if truth.quantity(target).higher_is_better else " (less is better)"


def _as_json(name: str, size: int, result: Evaluation) -> dict[str, object]:
    return {
        "predictor": name,
        "train": size,
        "kendall": {"mean": result.mean(), "sd": result.deviation()},
        "spearman": {"mean": result.mean("spearman"), "sd": result.deviation("spearman")},
        "sd_between_seeds": result.between_seeds(),
        "draws": [vars(draw) for draw in result.draws],
    }


def _row(name: str, size: int, result: Evaluation) -> tuple[object, ...]:
    return (
        name,
        size,
        round(result.mean("tested")),
        f"{result.mean():.3f}",
        f"{result.deviation():.3f}",
        f"{result.mean('spearman'):.3f}",
        f"{result.mean('pick'):.2f}",
        f"{result.mean('best'):.2f}",
    )


def _refuse_of_draws() -> None:
    """What belongs to drawn training classes is refused beside a fitted predictor, not ignored."""
    params = click.get_current_context().command.params
    stray = [p.opts[0] for p in params if p.name in _OF_DRAWS and given(p.name)]
    if stray:
        raise click.UsageError(f"{', '.join(stray)} does not go with a FOLDER, which is fitted")


def _sizes(text: str) -> list[int]:
    try:
        return [int(size) for size in split(text) or []]
    except ValueError as cause:
        raise click.BadParameter(
            f"{text!r} are no whole numbers, such as 78,156", param_hint="--train"
        ) from cause
