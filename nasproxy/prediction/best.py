"""The best of several predictors, or a blend of them, by cross-validation on the training ones."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from nasproxy.prediction.predictor import (
    Features,
    Fitted,
    Prediction,
    check_training,
    get,
    load,
)
from nasproxy.prediction.storage import check_free, read_fitted, withdraw, write_fitted
from nasproxy.prediction.training_set import TRAINING

__all__ = ["BEST", "Best", "FittedBest", "blended"]

_KIND = "best"


@dataclass(frozen=True)
class Best:
    """A weighted mean of predictors, the weights chosen on the training architectures alone.

    The training architectures are parted into folds; each member predicts every fold from the
    others. Of all weights in steps of ``1 / steps`` those whose blend orders these predictions
    best by Kendall's tau are taken (the first of equals), so one member alone where no blend is
    better. Then the members that have weight are fitted on all. No other architecture is seen.

    Attributes:
        members: registered names; the means of all are normal scores, so that they can be blended.
        folds: 2 or more.
        steps: into which the weight of 1 is parted.

    Reference: Wolpert, Stacked generalization, Neural Networks 1992.
    """

    members: tuple[str, ...] = ("gp", "trees")
    folds: int = 5
    steps: int = 4

    def fit(
        self, features: Features, accuracies: Float64[np.ndarray, " n"], *, seed: int
    ) -> FittedBest:
        """See ``nasproxy.prediction.predictor.Predictor.fit``.

        Raises:
            NasproxyError: as there, or no members, or fewer folds than 2.
        """
        if not self.members or self.folds < 2:
            raise NasproxyError(
                f"{len(self.members)} members and {self.folds} folds",
                accepted="1 or more members, 2 or more folds",
            )
        check_training(features, accuracies, least=2 * self.folds)
        held_out = self._held_out(features, accuracies, seed)
        taus, weights = self._weigh(held_out, accuracies)
        members = {
            name: get(name).fit(features, accuracies, seed=seed)
            for name, weight in zip(self.members, weights, strict=True)
            if weight > 0
        }
        kept = tuple(weight for weight in weights if weight > 0)
        return FittedBest(members, kept, dict(zip(self.members, taus, strict=True)))

    def _held_out(
        self, features: Features, accuracies: Float64[np.ndarray, " n"], seed: int
    ) -> Float64[np.ndarray, "k n"]:
        """Each member's mean of every training architecture, fitted without its fold."""
        n = len(features)
        fold = np.random.default_rng(seed).permutation(n) % self.folds
        means = np.empty((len(self.members), n))
        for k in range(self.folds):
            (rest,), (out,) = np.nonzero(fold != k), np.nonzero(fold == k)
            known, asked = features.take(rest), features.take(out)
            truth = accuracies[rest]
            if np.ptp(truth) == 0:  # nothing to learn from; a constant orders nothing
                means[:, out] = 0.0
                continue
            for row, name in enumerate(self.members):
                means[row, out] = get(name).fit(known, truth, seed=seed).predict(asked).mean
        return means

    def _weigh(
        self, means: Float64[np.ndarray, "k n"], accuracies: Float64[np.ndarray, " n"]
    ) -> tuple[list[float], tuple[float, ...]]:
        """The tau of every member alone, and the best weights."""
        from scipy.stats import kendalltau

        def tau(weights: Sequence[float]) -> float:
            found = float(kendalltau(np.asarray(weights) @ means, accuracies).statistic)
            return found if np.isfinite(found) else -1.0

        alone = [tau(row) for row in np.eye(len(self.members)).tolist()]
        grid = [
            tuple(part / self.steps for part in parts)
            for parts in itertools.product(range(self.steps + 1), repeat=len(self.members))
            if sum(parts) == self.steps
        ]
        return alone, max(grid, key=tau)

    def load(self, folder: Path) -> FittedBest:
        """See ``nasproxy.prediction.predictor.Predictor.load``."""
        settings, _ = read_fitted(folder, _KIND)
        members = {name: load(folder / name) for name in settings["members"]}
        return FittedBest(members, tuple(settings["weights"]), settings["taus"])


@dataclass(frozen=True, eq=False)
class FittedBest:
    """Fitted members and their weights.

    Attributes:
        members: by name, those with a weight above 0.
        weights: of each; they sum to 1.
        taus: Kendall's tau of every candidate on the folds that it was not fitted on.
    """

    members: Mapping[str, Fitted]
    weights: tuple[float, ...]
    taus: Mapping[str, float]

    @property
    def kind(self) -> str:
        """``best``."""
        return _KIND

    def predict(self, features: Features) -> Prediction:
        """The blend; see ``nasproxy.prediction.predictor.Fitted.predict``."""
        parts = [member.predict(features) for member in self.members.values()]
        return blended(parts, self.weights)

    def save(self, folder: Path, *, overwrite: bool = False) -> None:
        """See ``nasproxy.prediction.predictor.Fitted.save``; every member has a folder within."""
        settings = {
            "members": list(self.members),
            "weights": list(self.weights),
            "taus": dict(self.taus),
        }
        check_free(folder, overwrite=overwrite)
        for name in self.members:
            own = folder / name
            # What `fit` wrote says what it was fitted on; a member of this kind does not.
            if (own / TRAINING).exists() and not overwrite:
                raise NasproxyError(
                    f"{own} holds a predictor of its own",
                    accepted="a folder without one",
                    hint="choose another --out, or say --overwrite",
                )
        withdraw(folder)
        for name, member in self.members.items():  # of one that was cut off, some may be there
            member.save(folder / name, overwrite=True)
        write_fitted(folder, _KIND, settings, {}, overwrite=overwrite)


def blended(parts: Sequence[Prediction], weights: Sequence[float]) -> Prediction:
    r"""The mean and the standard deviation of a mixture of predictions.

    .. math:: \mu = \sum_k w_k \mu_k, \qquad
              \sigma^2 = \sum_k w_k (\sigma_k^2 + (\mu_k - \mu)^2)

    Args:
        parts: of the same architectures.
        weights: of each, summing to 1.
    """
    shares = np.asarray(weights)[:, None]
    means = np.stack([part.mean for part in parts])
    spreads = np.stack([part.spread for part in parts])
    mean = (shares * means).sum(axis=0)
    variance = (shares * (spreads**2 + (means - mean) ** 2)).sum(axis=0)
    return Prediction(mean, np.sqrt(variance))


BEST = Best()
