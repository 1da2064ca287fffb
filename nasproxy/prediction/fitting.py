"""Fit a predictor on what files know of architectures, and save it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nasproxy.benchmarks.table import BenchmarkTable
from nasproxy.errors import NasproxyError
from nasproxy.prediction.classes import classes_of
from nasproxy.prediction.inputs import Sources, gather, known_architectures
from nasproxy.prediction.levels import PROXY
from nasproxy.prediction.predictor import Predictor
from nasproxy.prediction.storage import check_free, withdraw
from nasproxy.prediction.training_set import TrainingSet, write_training_set
from nasproxy.scoring.correlation import check_same_space
from nasproxy.spaces.space import SearchSpace
from zerocost.manifest import Counts, begin, finish, write_manifest

__all__ = ["fit_into"]


def fit_into(
    folder: Path,
    predictor: Predictor,
    space: SearchSpace[Any],
    benchmark: BenchmarkTable,
    target: str,
    *,
    sources: Sources,
    architectures: Sequence[str] | None = None,
    train: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
    command: Sequence[str] = (),
) -> TrainingSet:
    """Fit on architectures of known accuracy, one a class, and save.

    Args:
        folder: for the predictor, its training set and the manifest.
        predictor: what is fitted.
        space: of the architectures.
        benchmark: their accuracies.
        target: of the benchmark; where less of it is better, the negative of it is fitted.
        sources: the files of features.
        architectures: which may train; all that the files know for None, or all of the benchmark
            where there are no files.
        train: how many classes, drawn by the seed; all for None.
        seed: of draw and fit.
        overwrite: whether a predictor in the folder may be replaced.
        command: for the manifest.

    Returns:
        What it was fitted on.

    Raises:
        NasproxyError: as by ``gather``, ``classes_of`` and ``Predictor.fit``; the folder holds a
            predictor; more classes asked for than there are.
    """
    check_same_space(space.name, benchmark)
    check_free(folder, overwrite=overwrite)
    listed = architectures if architectures is not None else known_architectures(sources)
    classes = classes_of(space, listed or benchmark.architectures, benchmark, [target])
    features, lacking = gather(space, classes.architectures, sources)
    known = dict(zip(classes.architectures, classes.accuracies[target], strict=True))
    if train is not None:
        if not 1 <= train <= len(features):
            raise NasproxyError(
                f"{train} training classes of {len(features):,} with features and accuracies",
                accepted=f"1 .. {len(features):,}",
            )
        rows = np.sort(np.random.default_rng(seed).permutation(len(features))[:train])
        features = features.take(rows)
    accuracies = np.array([known[text] for text in features.architectures])
    about = TrainingSet(
        space=space.name,
        benchmark=benchmark.name,
        target=target,
        architectures=features.architectures,
        accuracies=tuple(accuracies.tolist()),
        proxies=_proxies(features.names) if sources.scores is not None else None,
        nodes=sources.nodes is not None,
        seed=seed,
        higher_is_better=classes.sign(target) > 0,
    )
    manifest = begin(
        "nasproxy",
        command=command,
        configuration={
            "predictor": repr(predictor),
            "space": space.name,
            "benchmark": benchmark.name,
            "target": target,
            "train": len(features),
        },
        seeds={"fit": seed},
        inputs=[*sources.files, *([] if benchmark.source is None else [benchmark.source])],
    )
    fitted = predictor.fit(features, classes.sign(target) * accuracies, seed=seed)
    check_free(folder, overwrite=overwrite)  # another process may have been quicker
    withdraw(folder)
    write_training_set(about, folder)  # first: a folder with a predictor says what it was fitted on
    fitted.save(folder, overwrite=overwrite)
    counts = Counts(len(classes), len(features), {"a score is missing": lacking} if lacking else {})
    write_manifest(finish(manifest, counts=counts), folder / "manifest.json", overwrite=True)
    return about


def _proxies(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name.removeprefix(PROXY) for name in names if name.startswith(PROXY))
