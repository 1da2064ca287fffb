"""From files of retrieved lists to the table of importances: one run, whole or continued."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from dataselect.importance.approximation import Approximation, Used
from dataselect.importance.ascent import CHECKPOINT_SECONDS
from dataselect.importance.gradient import gradient
from dataselect.importance.group_game import group_gradient
from dataselect.importance.groups import Groups
from dataselect.importance.learning import EPOCHS, GroupGame, Repeats, importance
from dataselect.importance.pruning import Pruning, Unseen, prune
from dataselect.importance.reading import RetrievalTable, read_groups, read_retrievals
from dataselect.importance.results import importance_table, write_importance
from dataselect.importance.retrievals import Retrievals, first_of_repeats
from dataselect.importance.reweighting import reweight
from dataselect.importance.step_size import choose_step_size
from dataselect.importance.values import banzhaf, knn_shapley, leave_one_out, shapley
from dataselect.importance.votes import accuracy, measure_name
from zerocost.journal import Journal
from zerocost.manifest import Counts, begin, finish, write_manifest

__all__ = ["Settings", "Value", "run_importance"]

Value = Literal["learned", "banzhaf", "shapley", "loo"]


@dataclass(frozen=True)
class Settings:
    """What a run is asked; see `importance`, `prune` and `choose_step_size`.

    Attributes:
        learning_rate: None chooses one by cross-validation.
        test_share: of the queries, drawn by the seed and set aside; 0 for none.
    """

    k: int = 10
    match: str = "exact"
    value: Value = "learned"
    learning_rate: float | None = None
    epochs: int = EPOCHS
    tolerance: float = 0.0
    repeats: Repeats = "independent"
    group_game: GroupGame = "average"
    approximation: Approximation | None = None
    prune: bool = False
    unseen: Unseen = "keep"
    test_share: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class _Found:
    """The players' values, and what the result says about them."""

    players: Float64[np.ndarray, " players"]
    about: dict[str, Any]


def run_importance(
    retrievals: Path,
    out: Path,
    settings: Settings,
    *,
    test: Path | None = None,
    groups: Path | None = None,
    threads: int | None = None,
    overwrite: bool = False,
    command: Sequence[str] = (),
    on_epoch: Callable[[int, float], None] | None = None,
) -> dict[str, Any]:
    """Learn from a file, write the table and its manifest, and return what to print.

    Step sizes tried and the state of the ascent are kept beside the output while the run lasts;
    the same call after an interruption goes on from there and ends with the same bytes.

    Args:
        retrievals: validation lists; see `read_retrievals`.
        out: the Parquet file; ``.manifest.json`` is written beside it.
        settings: what is asked.
        test: lists to measure on only.
        groups: see `read_groups`.
        threads: how many; the result does not depend on it.
        overwrite: whether an existing output may be replaced.
        command: the command line, for the manifest.
        on_epoch: see `ascend`.

    Raises:
        DataselectError: bad input, or the output exists.
    """
    if out.exists() and not overwrite:
        raise DataselectError(
            f"{out} exists",
            accepted="an output that does not exist yet",
            hint="choose another --out, or say --overwrite",
        )
    if not 0 <= settings.test_share < 1 or (settings.test_share and test is not None):
        raise DataselectError(
            f"the test share is {settings.test_share}, the test file {test}",
            accepted="a share in 0 .. 1, or a file",
        )
    if settings.value != "learned" and settings.approximation is not None:
        raise DataselectError(
            f"{settings.value} values are worked out exactly; epsilon is "
            f"{settings.approximation.epsilon}",
            accepted="epsilon with learned values",
            hint="leave --epsilon out",
        )
    files = [path for path in (retrievals, test, groups) if path is not None]
    missing = [str(path) for path in files if not path.is_file()]
    if missing:
        raise DataselectError(f"{missing[0]} is no file", accepted="a file that can be read")
    asked = asdict(settings)
    manifest = begin(
        "dataselect",
        command=command,
        configuration=asked,
        seeds={"importance": settings.seed},
        inputs=files,
        libraries=("numpy", "numba", "pyarrow"),
    )
    table = read_retrievals([p for p in (retrievals, test) if p is not None], match=settings.match)
    own_groups = None if groups is None else read_groups(groups, table.names)
    validation, held_out = _parts(table, settings, test is not None)
    checkpoint = out.with_name(out.name + ".checkpoint.safetensors")
    journal_path = out.with_name(out.name + ".journal.jsonl")
    inputs = {"inputs": [record.sha256 for record in manifest.inputs]}
    with Journal(journal_path, asked | inputs) as journal:
        found = _values(
            validation, settings, own_groups, threads, checkpoint, journal, on_epoch=on_epoch
        )
    result = _about(table, validation, settings) | found.about
    pruning = _measure(result, validation, held_out, found.players, settings, own_groups)
    write_importance(
        importance_table(
            validation,
            table.names,
            found.players,
            groups=own_groups,
            keep=None if pruning is None else pruning.keep,
            about=result,
        ),
        out,
        overwrite=overwrite,
    )
    counts = Counts(
        table.retrievals.n_queries,
        validation.n_items,
        {"empty list (counted as 0)": table.empty} if table.empty else {},
    )
    write_manifest(
        finish(manifest, outputs=[out], counts=counts),
        out.with_name(out.name + ".manifest.json"),
        overwrite=True,
    )
    checkpoint.unlink(missing_ok=True)
    journal_path.unlink()
    return {"out": str(out)} | result


def _parts(
    table: RetrievalTable, settings: Settings, own_file: bool
) -> tuple[Retrievals, Retrievals | None]:
    if own_file:
        return table.part(0), table.part(1)
    if not settings.test_share:
        return table.retrievals, None
    n = table.retrievals.n_queries
    order = np.random.default_rng(settings.seed).permutation(n)
    tested = round(settings.test_share * n)
    return (
        table.retrievals.take(np.sort(order[tested:])),
        table.retrievals.take(np.sort(order[:tested])),
    )


def _values(
    validation: Retrievals,
    settings: Settings,
    groups: Groups | None,
    threads: int | None,
    checkpoint: Path,
    journal: Journal,
    *,
    on_epoch: Callable[[int, float], None] | None,
) -> _Found:
    if settings.value != "learned":
        return _Found(_special_case(validation, settings, groups, threads), {})
    about: dict[str, Any] = {}
    rate = settings.learning_rate
    if rate is None:
        chosen = choose_step_size(
            validation,
            k=settings.k,
            epochs=settings.epochs,
            seed=settings.seed,
            groups=groups,
            group_game=settings.group_game,
            repeats=settings.repeats,
            tolerance=settings.tolerance,
            threads=threads,
            known={record["rate"]: record["accuracy"] for record in journal.records},
            on_rate=lambda tried, right: journal.append({"rate": tried, "accuracy": right}),
        )
        rate = chosen.learning_rate
        about["held_out_accuracy_by_learning_rate"] = {
            f"{tried:g}": right for tried, right in chosen.by_rate.items()
        }
    found = importance(
        validation,
        k=settings.k,
        learning_rate=rate,
        epochs=settings.epochs,
        tolerance=settings.tolerance,
        repeats=settings.repeats,
        groups=groups,
        group_game=settings.group_game,
        approximation=settings.approximation,
        seed=settings.seed,
        threads=threads,
        checkpoint=checkpoint,
        checkpoint_seconds=CHECKPOINT_SECONDS,
        on_epoch=on_epoch,
    )
    about |= {
        "learning_rate": rate,
        "objective": list(found.objective),
        "stopped": found.stopped,
    }
    if settings.approximation is not None:
        about["approximation"] = asdict(settings.approximation) | {"used": _extremes(found.used)}
    return _Found(found.players, about)


def _extremes(used: Sequence[Used]) -> dict[str, float]:
    """The most that any epoch took, and its loosest bounds."""
    return {
        name: max(getattr(epoch, name) for epoch in used)
        for name in ("mean_depth", "deepest", "queries", "truncation_bound", "sampling_bound")
    }


def _special_case(
    validation: Retrievals, settings: Settings, groups: Groups | None, threads: int | None
) -> Float64[np.ndarray, " players"]:
    """Banzhaf, Shapley or leave-one-out values; of groups, by the exact game only."""
    game = validation if settings.repeats == "independent" else first_of_repeats(validation)
    rule: Any = gradient
    if groups is not None:
        game = validation.with_players(groups.of_item, len(groups.names))
        rule = group_gradient
    if settings.value == "shapley" and groups is None:
        values = knn_shapley(game, k=settings.k)
    elif settings.value == "shapley":
        values = shapley(game, k=settings.k, rule=rule, threads=threads)
    else:
        point = banzhaf if settings.value == "banzhaf" else leave_one_out
        values = point(game, k=settings.k, rule=rule, threads=threads)
    return np.where(game.times_retrieved() > 0, values, np.nan)


def _about(table: RetrievalTable, validation: Retrievals, settings: Settings) -> dict[str, Any]:
    return {
        "value": settings.value,
        "k": settings.k,
        "matching": table.matching,
        "repeats": settings.repeats,
        "queries": validation.n_queries,
        "items": validation.n_items,
        "unseen_items": int((validation.times_retrieved() == 0).sum()),
        "queries_with_empty_list": table.empty,
        "queries_without_right_answer": table.without_right,
        "measure": measure_name(validation),
    }


def _measure(
    result: dict[str, Any],
    validation: Retrievals,
    test: Retrievals | None,
    players: Float64[np.ndarray, " players"],
    settings: Settings,
    groups: Groups | None,
) -> Pruning | None:
    """Accuracy before and after, on validation and test queries, into ``result``."""
    if not settings.prune:
        return None
    player = None if groups is None else groups.of_item
    pruning = prune(validation, players, k=settings.k, player=player, unseen=settings.unseen)
    result["prune"] = {
        "share": pruning.share,
        "unseen": settings.unseen,
        "removed_items": int((~pruning.keep).sum()),
        "validation_accuracy_by_share": {f"{s:g}": a for s, a in pruning.by_share.items()},
    }
    for name, part in (("validation", validation), ("test", test)):
        if part is None:
            continue
        result[name] = {
            "queries": part.n_queries,
            "before": accuracy(part, k=settings.k),
            "pruned": accuracy(part, pruning.keep, k=settings.k),
        }
        if settings.value == "learned":  # the other values are no probabilities
            weighed = reweight(
                part,
                players,
                k=settings.k,
                player=player,
                seed=settings.seed,
                unseen=settings.unseen,
            )
            result[name]["reweighted"] = float(weighed.mean())
    return pruning
