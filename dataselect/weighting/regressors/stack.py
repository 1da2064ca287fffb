"""Several regressors weighed by how well they predict runs that they have not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.errors import DataselectError
from dataselect.weighting.regressors.gaussian_process import GAUSSIAN_PROCESS
from dataselect.weighting.regressors.mixing_law import MIXING_LAW, POWER_LAW
from dataselect.weighting.regressors.regressor import Fitted, Regressor, check_rows
from dataselect.weighting.regressors.ridge import RIDGE
from dataselect.weighting.regressors.trees import QUICK

__all__ = ["STACK", "FittedStack", "Stack", "blend", "folds_of", "out_of_fold"]

FOLDS = 5
# Members that have no share cost time and say nothing.
_LEAST_SHARE = 1e-3


@dataclass(frozen=True)
class FittedStack:
    """Members fitted to all runs, and their shares, which add up to 1."""

    members: tuple[Fitted, ...]
    shares: Mapping[str, float]

    def predict(self, weights: Float64[np.ndarray, "n scores"]) -> Float64[np.ndarray, " n"]:
        """The weighted mean of what the members expect."""
        found = np.zeros(len(weights))
        for member, share in zip(self.members, self.shares.values(), strict=True):
            found += share * member.predict(weights)
        return found


@dataclass(frozen=True)
class Stack:
    """Σ_m s_m f_m, s on the simplex and least in squared error over predictions out of fold.

    Attributes:
        members: what is stacked.
        shares: of the members by name, where they are known already; None finds them.
    """

    members: tuple[Regressor, ...] = (GAUSSIAN_PROCESS, RIDGE, MIXING_LAW, POWER_LAW, QUICK)
    shares: Mapping[str, float] | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return "stack"

    def fit(
        self,
        weights: Float64[np.ndarray, "runs scores"],
        losses: Float64[np.ndarray, " runs"],
        *,
        seed: int = 0,
    ) -> FittedStack:
        """Fit to runs; the seed decides the folds. As many fits as members times (folds + 1).

        References:
            Wolpert 1992; Breiman 1996, stacked regressions; van der Laan et al. 2007.
        """
        shares = self.shares
        if shares is None:
            check_rows(weights, losses, least=2 * FOLDS)
            folds = folds_of(len(losses), FOLDS, seed)
            predicted = np.stack(
                [out_of_fold(member, weights, losses, folds, seed) for member in self.members],
                axis=1,
            )
            shares = dict(
                zip(
                    [member.name for member in self.members],
                    blend(predicted, losses).tolist(),
                    strict=True,
                )
            )
        used = [member for member in self.members if shares.get(member.name, 0.0) > 0]
        if not used:
            raise DataselectError(
                f"no member of the stack has a share: {dict(shares)}",
                accepted=", ".join(member.name for member in self.members),
            )
        return FittedStack(
            tuple(member.fit(weights, losses, seed=seed) for member in used),
            {member.name: shares[member.name] for member in used},
        )


def folds_of(runs: int, folds: int, seed: int) -> list[Int64[np.ndarray, "_"]]:
    """Runs dealt at random into folds whose sizes differ by at most 1; each in order."""
    order = np.random.default_rng(seed).permutation(runs)
    return [np.sort(order[fold::folds]) for fold in range(folds)]


def out_of_fold(
    regressor: Regressor,
    weights: Float64[np.ndarray, "runs scores"],
    losses: Float64[np.ndarray, " runs"],
    folds: Sequence[Int64[np.ndarray, "_"]],
    seed: int,
) -> Float64[np.ndarray, " runs"]:
    """Each run's loss as predicted by a fit to the other folds."""
    found = np.full(len(losses), np.nan)
    for held in folds:
        kept = np.setdiff1d(np.arange(len(losses)), held)
        found[held] = regressor.fit(weights[kept], losses[kept], seed=seed).predict(weights[held])
    return found


def blend(
    predicted: Float64[np.ndarray, "runs members"], losses: Float64[np.ndarray, " runs"]
) -> Float64[np.ndarray, " members"]:
    """The point of the simplex at which |losses − predicted · s|² is least.

    By non-negative least squares with a heavy row that asks for the sum 1.
    """
    from scipy.optimize import nnls

    centre = losses.mean()
    scale = float(losses.std()) or 1.0
    rows = (predicted - centre) / scale
    heavy = 1e3 * np.sqrt(len(losses))
    found, _ = nnls(
        np.vstack([rows, np.full((1, rows.shape[1]), heavy)]),
        np.concatenate([(losses - centre) / scale, [heavy]]),
    )
    found = np.where(found < _LEAST_SHARE, 0.0, found)
    return np.asarray(found / found.sum())


STACK = Stack()
