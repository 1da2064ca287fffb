"""Regressors: from weight vectors and losses to a function that predicts losses."""

from __future__ import annotations

from dataselect.errors import DataselectError
from dataselect.weighting.regressors.regressor import Fitted, Regressor
from zerocost.registry import Registry

__all__ = ["REGRESSORS", "Fitted", "Regressor", "regressor_named"]

_HERE = "dataselect.weighting.regressors"

REGRESSORS: Registry[Regressor] = Registry(
    "regressor",
    group="dataselect.regressors",
    builtin={
        "stack": f"{_HERE}.stack:STACK",
        "gp": f"{_HERE}.gaussian_process:GAUSSIAN_PROCESS",
        "ridge": f"{_HERE}.ridge:RIDGE",
        "mixing_law": f"{_HERE}.mixing_law:MIXING_LAW",
        "power_law": f"{_HERE}.mixing_law:POWER_LAW",
        "lightgbm": f"{_HERE}.trees:LIGHTGBM",
    },
    error=DataselectError,
)


def regressor_named(name: str) -> Regressor:
    """A regressor by its name, or ``pkg.module:object`` of the user's own.

    Raises:
        DataselectError: there is none, the nearest names are offered; or the object is none.
    """
    found = REGRESSORS.get(name)
    if isinstance(found, type) or not isinstance(found, Regressor):
        raise DataselectError(
            f"{name} is {found!r:.80}, no regressor",
            accepted="an object with `name` and `fit(weights, losses, seed=)`",
        )
    return found
