"""What a predictor of accuracy is: fitted on some architectures, it orders others.

Names of predictors stand for themselves only on the command line and in saved folders; library
code takes the objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from nasproxy.prediction.features import Features, NodeBlock
from nasproxy.prediction.storage import read_kind
from zerocost.registry import Registry

__all__ = [
    "REGISTRY",
    "Features",
    "Fitted",
    "NodeBlock",
    "Prediction",
    "Predictor",
    "check_training",
    "get",
    "load",
]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What is predicted of n architectures.

    Attributes:
        mean: float64 ``[n]``, more is better. Its unit is the predictor's own: only the order of
            architectures is promised.
        spread: float64 ``[n]``, 0 or more: how uncertain each mean is, a standard deviation in
            the unit of the means.
    """

    mean: Float64[np.ndarray, " n"]
    spread: Float64[np.ndarray, " n"]


@runtime_checkable
class Fitted(Protocol):
    """A predictor that has seen its training architectures."""

    @property
    def kind(self) -> str:
        """The registered name of the predictor that reads it back."""
        ...

    def predict(self, features: Features) -> Prediction:
        """Mean and spread of architectures; the same call gives the same numbers.

        Raises:
            NasproxyError: the features lack columns or nodes that it was fitted on.
        """
        ...

    def save(self, folder: Path, *, overwrite: bool = False) -> None:
        """Write it as JSON and safetensors into a folder, from which ``load`` reads it back.

        Raises:
            ZerocostError: the folder holds something and may not be overwritten.
        """
        ...


@runtime_checkable
class Predictor(Protocol):
    """A way to predict; a frozen dataclass of its settings."""

    def fit(
        self, features: Features, accuracies: Float64[np.ndarray, " n"], *, seed: int
    ) -> Fitted:
        """Fit on architectures of known accuracy, and on nothing else.

        Args:
            features: of the training architectures.
            accuracies: float64 ``[n]``, any unit, more is better, never NaN.
            seed: of all randomness; the same seed gives the same numbers.

        Raises:
            NasproxyError: too few architectures, another length, or a NaN.
        """
        ...

    def load(self, folder: Path) -> Fitted:
        """Read back what ``Fitted.save`` of this kind wrote; settings come from the folder."""
        ...


REGISTRY: Registry[Predictor] = Registry(
    "predictor",
    group="nasproxy.predictors",
    builtin={
        "mabn": "nasproxy.parzc.predictor:MABN",
        "mabn+topology": "nasproxy.parzc.predictor:MABN_TOPOLOGY",
        "gp": "nasproxy.prediction.gaussian_process:GAUSSIAN_PROCESS",
        "trees": "nasproxy.prediction.trees:TREES",
        "dagger": "nasproxy.parzc.dagger:DAGGER",
        "best": "nasproxy.prediction.best:BEST",
    },
    error=NasproxyError,
)


def get(name: str) -> Predictor:
    """The predictor of a name, with its default settings.

    Raises:
        NasproxyError: the name does not exist (the nearest are offered), or is no predictor.
    """
    found = REGISTRY.get(name)
    if not isinstance(found, Predictor):
        raise NasproxyError(
            f"{name!r} is a {type(found).__name__}", accepted="an object with fit and load"
        )
    return found


def load(folder: Path) -> Fitted:
    """A fitted predictor from the folder that it was saved into, whatever its kind.

    Raises:
        NasproxyError: the folder holds none, or its kind is not known here.
    """
    return get(read_kind(folder)).load(folder)


def check_training(
    features: Features, accuracies: Float64[np.ndarray, "..."], *, least: int = 3
) -> None:
    """NasproxyError where there is nothing to fit: lengths that differ, too few, NaN, a constant.

    Args:
        features: of the training architectures.
        accuracies: what should be ``[n]``.
        least: how many architectures a fit takes at the least.
    """
    n = len(features)
    if accuracies.shape != (n,):
        raise NasproxyError(
            f"accuracies of the shape {list(accuracies.shape)} for {n} architectures",
            accepted="one an architecture, in the same order",
        )
    if n < least:
        raise NasproxyError(
            f"{n} training architectures", accepted=f"{least} or more, of known accuracy"
        )
    if not np.isfinite(accuracies).all():
        row = int(np.flatnonzero(~np.isfinite(accuracies))[0])
        raise NasproxyError(
            f"the accuracy of {features.architectures[row]!r} is {accuracies[row]}",
            accepted="finite numbers; leave out architectures of unknown accuracy",
        )
    if accuracies.min() == accuracies.max():
        raise NasproxyError(
            f"all {n} training accuracies are {accuracies[0]:g}: a constant orders nothing",
            accepted="at least two different accuracies",
        )
