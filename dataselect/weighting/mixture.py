"""From two files, mixtures and losses, to ``weights.json``: one run with its manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataselect.errors import DataselectError
from dataselect.selection.weights import write_weights
from dataselect.weighting.learned import learned_to_json, learned_to_weights
from dataselect.weighting.learning import RESAMPLES, Optimiser, learn
from dataselect.weighting.optimum import DRAWS
from dataselect.weighting.page import render
from dataselect.weighting.tables import read_tables
from dataselect.weighting.validation import FOLDS, REPEATS
from zerocost.files import sha256_of, write_text
from zerocost.manifest import Counts, begin, finish, write_manifest

__all__ = ["Settings", "fit_mixture"]


@dataclass(frozen=True)
class Settings:
    """What a run is asked; see `read_tables` and `learn`.

    Attributes:
        targets: share of each target to read and to minimise; empty takes the mean of all.
    """

    targets: Mapping[str, float]
    key: str | None = None
    normalise: bool = False
    regressor: str = "stack"
    optimiser: Optimiser = "direct"
    bounds: Mapping[str, tuple[float, float]] | None = None
    prior: Mapping[str, float] | None = None
    draws: int = DRAWS
    resamples: int = RESAMPLES
    folds: int = FOLDS
    repeats: int = REPEATS
    seed: int = 0


def fit_mixture(
    mixtures: Path,
    losses: Path,
    out: Path,
    settings: Settings,
    *,
    report: Path | None = None,
    threads: int = 1,
    overwrite: bool = False,
    command: Sequence[str] = (),
    on_step: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Learn the best mixture from a table of runs, write it, and return what to print.

    Args:
        mixtures: weights by run; see `read_tables`.
        losses: losses by run.
        out: ``weights.json``; a manifest is written beside it.
        settings: what is asked.
        report: a page about it; None writes none.
        threads: of the search; nothing depends on it.
        overwrite: whether existing outputs may be replaced.
        command: the command line, for the manifest.
        on_step: see `learn`.

    Raises:
        DataselectError: bad input; ZerocostError: an output exists.
    """
    if report is not None and report.resolve() == out.resolve():
        raise DataselectError(
            f"the weights and the page are both to be {out}", accepted="a name for each"
        )
    for path in filter(None, (out, report)):
        if path.exists() and not overwrite:
            raise DataselectError(
                f"{path} exists",
                accepted="an output that does not exist yet",
                hint="choose another name, or say --overwrite",
            )
        if not path.parent.is_dir():
            raise DataselectError(
                f"the folder of {path} does not exist", hint=f"mkdir -p {path.parent}"
            )
    inputs = list(dict.fromkeys([mixtures, losses]))
    for path in inputs:
        if not path.is_file():
            raise DataselectError(f"{path} is no file", accepted="a CSV or Parquet file")
    runs = read_tables(
        mixtures,
        losses,
        key=settings.key,
        targets=list(settings.targets),
        normalise=settings.normalise,
    )
    manifest = begin(
        "dataselect",
        command=command,
        configuration=_configuration(settings),
        seeds={"learn": settings.seed},
        inputs=inputs,
        libraries=("numpy", "scipy", "lightgbm", "polars"),
    )
    learned = learn(
        runs,
        target=settings.targets or "mean",
        regressor=settings.regressor,
        optimiser=settings.optimiser,
        bounds=settings.bounds,
        prior=settings.prior,
        draws=settings.draws,
        resamples=settings.resamples,
        folds=settings.folds,
        repeats=settings.repeats,
        seed=settings.seed,
        threads=threads,
        on_step=on_step,
    )
    made_by = {
        "tool": "dataselect fit-mixture",
        "version": manifest.version,
        "libraries": dict(manifest.libraries),
        "inputs": [{"path": str(path), "sha256": sha256_of(path)} for path in inputs],
        "configuration": _configuration(settings),
    }
    write_weights(learned_to_weights(learned, made_by=made_by), out, overwrite=overwrite)
    if report is not None:
        title = f"{mixtures.name}: {len(runs.run_ids):,} runs"
        write_text(report, render(learned, title=title), overwrite=overwrite)
    reasons = list(runs.left_out.values())
    write_manifest(
        finish(
            manifest,
            outputs=[path for path in (out, report) if path is not None],
            counts=Counts(
                len(runs.run_ids) + len(reasons),
                len(runs.run_ids),
                {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)},
            ),
        ),
        out.with_name(out.name + ".manifest.json"),
        overwrite=True,
    )
    return {
        "out": str(out),
        "report": None if report is None else str(report),
        "runs": len(runs.run_ids),
        "left_out": {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)},
    } | learned_to_json(learned)


def _configuration(settings: Settings) -> dict[str, Any]:
    return {
        "targets": dict(settings.targets),
        "key": settings.key,
        "normalise": settings.normalise,
        "regressor": settings.regressor,
        "optimiser": settings.optimiser,
        "bounds": {name: list(pair) for name, pair in (settings.bounds or {}).items()},
        "prior": None if settings.prior is None else dict(settings.prior),
        "draws": settings.draws,
        "resamples": settings.resamples,
        "folds": settings.folds,
        "repeats": settings.repeats,
        "seed": settings.seed,
    }
