"""Test a saved predictor on architectures of known accuracy that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nasproxy.benchmarks.table import BenchmarkTable
from nasproxy.errors import NasproxyError
from nasproxy.prediction.classes import check_no_leak, classes_of, function_of
from nasproxy.prediction.evaluation import order_agreement
from nasproxy.prediction.inputs import Sources, as_fitted, gather, known_architectures
from nasproxy.prediction.predictor import load
from nasproxy.prediction.training_set import read_training_set
from nasproxy.scoring.correlation import check_same_space
from nasproxy.spaces.space import SearchSpace

__all__ = ["Tested", "examine"]


@dataclass(frozen=True)
class Tested:
    """How a saved predictor orders architectures of known accuracy.

    Attributes:
        tested: how many classes.
        kendall: tau_b of prediction and truth, of both more being better.
        spearman: rho.
        left_out: classes that were trained on and therefore left out.
    """

    tested: int
    kendall: float
    spearman: float
    left_out: int


def examine(
    folder: Path,
    space: SearchSpace[Any],
    benchmark: BenchmarkTable,
    target: str,
    *,
    sources: Sources,
    architectures: Sequence[str] | None = None,
    drop_seen: bool = False,
) -> Tested:
    """Test a saved predictor on classes that it has not seen.

    Args:
        folder: of the predictor.
        space: of the test architectures; another than it was fitted on is a transfer.
        benchmark: their accuracies.
        target: of the benchmark.
        sources: the files of features.
        architectures: which are tested; all that the files know for None.
        drop_seen: whether architectures isomorphic to training ones are left out; otherwise they
            are an error.

    Raises:
        NasproxyError: a test architecture was trained on, the target has another direction than in
            the fit, or as by ``predict_into``.
    """
    fitted = load(folder)
    training = read_training_set(folder)
    check_same_space(space.name, benchmark)
    up = benchmark.quantity(target).higher_is_better
    if target == training.target and up != training.higher_is_better:
        less = "more" if training.higher_is_better else "less"
        raise NasproxyError(
            f"{folder} was fitted where {less} {target} is better, and it is tested the other way",
            accepted="one direction of a target",
            hint="leave out --lower; where it is another quantity, rename its column"
            if training.higher_is_better
            else "--lower says that less of --accuracies is better",
        )
    listed = architectures if architectures is not None else known_architectures(sources)
    classes = classes_of(space, listed or benchmark.architectures, benchmark, [target])
    kept = classes.architectures
    if space.name == training.space:
        if drop_seen:
            seen = {function_of(space, text) for text in training.architectures}
            kept = tuple(text for text in kept if function_of(space, text) not in seen)
        check_no_leak(space, training.architectures, kept)
    features, _ = gather(space, kept, as_fitted(sources, training, space))
    known = dict(zip(classes.architectures, classes.accuracies[target], strict=True))
    truth = classes.sign(target) * np.array([known[text] for text in features.architectures])
    tau, rho, _ = order_agreement(fitted.predict(features), truth)
    return Tested(len(truth), tau, rho, len(classes) - len(kept))
