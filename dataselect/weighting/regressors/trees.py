"""Gradient-boosted trees by LightGBM, as published and with nothing looked at twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from dataselect.weighting.regressors.forest import Forest, forest_of
from dataselect.weighting.regressors.regressor import check_rows

__all__ = ["LIGHTGBM", "PUBLISHED", "QUICK", "FittedTrees", "Trees", "fit_as_published"]

# The settings that RegMix and Meta-rater share; they differ in the patience, 3 and 5.
PUBLISHED = {
    "boosting_type": "gbdt",
    "objective": "regression",
    "metric": ["l1", "l2"],
    "num_iterations": 1000,
    "learning_rate": 0.01,
    "seed": 42,
    "verbosity": -1,
}
# Histograms that are the same whatever the number of threads.
_REPRODUCIBLE = {"num_threads": 1, "deterministic": True, "force_col_wise": True}
_FEW_RUNS = 256


@dataclass(frozen=True)
class FittedTrees:
    """Boosted trees.

    Attributes:
        forest: the trees that are used.
        trees: how many.
    """

    forest: Forest
    trees: int

    def predict(self, weights: Float64[np.ndarray, "n scores"]) -> Float64[np.ndarray, " n"]:
        """The loss expected at each weight vector."""
        return self.forest.predict(weights)


@dataclass(frozen=True)
class Trees:
    """LightGBM with the published settings, its number of trees chosen inside the runs.

    A fifth of the runs is set apart to find after how many trees their error stops to fall for
    ``patience`` trees; then all runs are fitted with that many. As published the runs that stop
    the boosting are also those that the fit is judged by; see `fit_as_published`.

    Attributes:
        patience: trees without progress.
        rate: of learning; a larger one takes as many times fewer trees.
        least_in_leaf: runs in a leaf; None takes LightGBM's 20, and 5 below 256 runs, where 20
            leaves trees of hardly any leaves.
    """

    patience: int = 25
    rate: float = 0.01
    least_in_leaf: int | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return "lightgbm"

    def fit(
        self,
        weights: Float64[np.ndarray, "runs scores"],
        losses: Float64[np.ndarray, " runs"],
        *,
        seed: int = 0,
    ) -> FittedTrees:
        """Fit to runs; the seed decides which of them are set apart.

        Raises:
            DataselectError: LightGBM is not installed, or runs are too few.

        References:
            Ke et al., LightGBM, NeurIPS 2017; Liu et al., RegMix, ICLR 2025.
        """
        check_rows(weights, losses, least=5)
        least = self.least_in_leaf or (5 if len(losses) < _FEW_RUNS else 20)
        settings = (
            PUBLISHED
            | _REPRODUCIBLE
            | {
                "min_data_in_leaf": least,
                "learning_rate": self.rate,
                "num_iterations": round(10 / self.rate),
            }
        )
        order = np.random.default_rng(seed).permutation(len(losses))
        apart = max(1, len(losses) // 5)
        held, kept = order[:apart], order[apart:]
        first = _boost(
            settings,
            (weights[kept], losses[kept]),
            stop_on=(weights[held], losses[held]),
            patience=self.patience,
        )
        return _boost(settings | {"num_iterations": first.trees}, (weights, losses))


def fit_as_published(
    weights: Float64[np.ndarray, "runs scores"],
    losses: Float64[np.ndarray, " runs"],
    held_weights: Float64[np.ndarray, "held scores"],
    held_losses: Float64[np.ndarray, " held"],
    *,
    patience: int = 3,
) -> FittedTrees:
    """LightGBM stopped by the runs that it is then judged by, to reproduce published figures.

    Args:
        weights: of the training runs.
        losses: of the training runs.
        held_weights: of the runs that stop the boosting.
        held_losses: of these.
        patience: trees without progress on them: RegMix 3, Meta-rater 5.

    References:
        Liu et al., RegMix, ICLR 2025, and its notebook; Zhuang et al., Meta-rater, ACL 2025.
    """
    return _boost(
        PUBLISHED | _REPRODUCIBLE,
        (weights, losses),
        stop_on=(held_weights, held_losses),
        patience=patience,
    )


def _boost(
    settings: dict[str, Any],
    runs: tuple[Float64[np.ndarray, "runs scores"], Float64[np.ndarray, " runs"]],
    *,
    stop_on: tuple[Float64[np.ndarray, "held scores"], Float64[np.ndarray, " held"]] | None = None,
    patience: int = 0,
) -> FittedTrees:
    try:
        import lightgbm
    except ImportError as error:
        raise DataselectError(
            "boosted trees need LightGBM, which is not installed",
            accepted="regressors gp, ridge, mixing_law and power_law without it",
            hint="pip install 'zerocost[weighting]', or --regressor gp",
        ) from error
    data = lightgbm.Dataset(*runs, free_raw_data=False)
    held = [] if stop_on is None else [data.create_valid(*stop_on)]
    stopping: list[Any] = [lightgbm.early_stopping(patience, verbose=False)] if held else []
    settings = dict(settings)
    booster = lightgbm.train(
        settings,
        data,
        num_boost_round=settings.pop("num_iterations"),
        valid_sets=held,
        callbacks=stopping,
    )
    trees = booster.best_iteration if booster.best_iteration > 0 else booster.num_trees()
    return FittedTrees(forest_of(booster.model_to_string(), trees), trees)


LIGHTGBM = Trees()
# For stacks, which fit it six times: a fifth of the trees, and nearly the same predictions.
QUICK = Trees(patience=10, rate=0.05)
