"""What a saved predictor was fitted on, kept beside it so that nobody tests on it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from nasproxy.errors import NasproxyError
from zerocost.files import write_json

__all__ = ["TRAINING", "TrainingSet", "read_training_set", "write_training_set"]

TRAINING = "training.json"


@dataclass(frozen=True)
class TrainingSet:
    """The architectures that a predictor was fitted on.

    Attributes:
        space: that they belong to.
        benchmark: where their accuracies come from.
        target: which accuracy.
        architectures: their text forms.
        accuracies: of each, the mean over its class.
        proxies: of the score table that features came from; None where there was none.
        nodes: whether features came from a table of nodes.
        seed: of the fit.
        higher_is_better: the direction of the target.
    """

    space: str
    benchmark: str
    target: str
    architectures: tuple[str, ...]
    accuracies: tuple[float, ...]
    proxies: tuple[str, ...] | None
    nodes: bool
    seed: int
    higher_is_better: bool = True


def write_training_set(training: TrainingSet, folder: Path) -> None:
    """Write it into the folder of its predictor."""
    write_json(folder / TRAINING, asdict(training), overwrite=True)


def read_training_set(folder: Path) -> TrainingSet:
    """Read it back.

    Raises:
        NasproxyError: the folder has none, or it is damaged.
    """
    path = folder / TRAINING
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        found |= {name: tuple(found[name]) for name in ("architectures", "accuracies")}
        if found["proxies"] is not None:
            found["proxies"] = tuple(found["proxies"])
        return TrainingSet(**found)
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise NasproxyError(
            f"{path} cannot be read: {type(cause).__name__}: {cause}",
            accepted="a folder that `nasproxy parzc fit --out` wrote",
        ) from cause
