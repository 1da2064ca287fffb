"""Extremely randomised trees on columns of whole architectures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from nasproxy.prediction.normal_scores import normal_scores
from nasproxy.prediction.predictor import Features, Prediction, check_training
from nasproxy.prediction.storage import read_fitted, write_fitted

__all__ = ["TREES", "FittedTrees", "Trees"]

_KIND = "trees"
_LEAF = -1
_LARGE = 1e30  # where numbers of 32 bits, which splits are made on, are about to end


@dataclass(frozen=True)
class Trees:
    """The mean of extremely randomised trees, of the accuracies' normal scores.

    Trees split one column at a time, so nothing is scaled; numbers beyond 1e30 (`dss` has them)
    keep their order by their logarithm. O(n log n) a tree.

    Attributes:
        count: of trees.
        share: of the columns, how many are tried at a split; in 0 .. 1.

    Reference: Geurts, Ernst and Wehenkel, Extremely randomized trees, Machine Learning 2006.
    """

    count: int = 200
    share: float = 0.5

    def fit(
        self, features: Features, accuracies: Float64[np.ndarray, " n"], *, seed: int
    ) -> FittedTrees:
        """See ``nasproxy.prediction.predictor.Predictor.fit``."""
        from sklearn.ensemble import ExtraTreesRegressor

        check_training(features, accuracies)
        model = ExtraTreesRegressor(
            self.count, max_features=self.share, random_state=np.random.RandomState(seed)
        )
        model.fit(_tamed(features.levels), normal_scores(accuracies))
        grown = [estimator.tree_ for estimator in model.estimators_]
        starts = np.cumsum([0, *(tree.node_count for tree in grown)], dtype=np.int64)

        def shifted(children: np.ndarray, start: int) -> np.ndarray:
            return np.where(children == _LEAF, _LEAF, children + start)

        return FittedTrees(
            names=features.names,
            roots=starts[:-1],
            left=_joined(
                [shifted(t.children_left, int(s)) for t, s in zip(grown, starts[:-1], strict=True)]
            ),
            right=_joined(
                [shifted(t.children_right, int(s)) for t, s in zip(grown, starts[:-1], strict=True)]
            ),
            column=_joined([tree.feature for tree in grown]),
            threshold=np.concatenate([tree.threshold for tree in grown]),
            value=np.concatenate([tree.value[:, 0, 0] for tree in grown]),
        )

    def load(self, folder: Path) -> FittedTrees:
        """See ``nasproxy.prediction.predictor.Predictor.load``."""
        settings, tensors = read_fitted(folder, _KIND)
        return FittedTrees(names=tuple(settings["columns"]), **tensors)


@dataclass(frozen=True, eq=False)
class FittedTrees:
    """Trees as arrays over all their nodes; a child is a place in these arrays, -1 for none.

    Attributes:
        names: of the columns.
        roots: of every tree, int64 ``[t]``.
        left: where a node sends what is at most its threshold, int32 ``[m]``.
        right: where it sends the rest, int32 ``[m]``.
        column: that a node asks for, int32 ``[m]``.
        threshold: float64 ``[m]``.
        value: what a leaf says, float64 ``[m]``.
    """

    names: tuple[str, ...]
    roots: Int64[np.ndarray, " t"]
    left: Int32[np.ndarray, " m"]
    right: Int32[np.ndarray, " m"]
    column: Int32[np.ndarray, " m"]
    threshold: Float64[np.ndarray, " m"]
    value: Float64[np.ndarray, " m"]

    @property
    def kind(self) -> str:
        """``trees``."""
        return _KIND

    def predict(self, features: Features) -> Prediction:
        """Mean and standard deviation over the trees, in normal scores. O(t log n) each.

        See ``nasproxy.prediction.predictor.Fitted.predict``.
        """
        # The splits were made on numbers of this precision; others would fall on the other side.
        x = _tamed(features.columns(self.names)).astype(np.float32)
        total, squares = np.zeros(len(x)), np.zeros(len(x))
        for root in self.roots:
            leaves = self.value[self._leaves(x, int(root))]
            total += leaves
            squares += leaves * leaves
        mean = total / len(self.roots)
        variance = squares / len(self.roots) - mean**2
        return Prediction(mean, np.sqrt(np.maximum(variance, 0.0)))

    def _leaves(self, x: Float32[np.ndarray, "n d"], root: int) -> Int64[np.ndarray, " n"]:
        """The leaf that each row ends in: all rows go down one step at a time."""
        at = np.full(len(x), root, dtype=np.int64)
        moving = np.arange(len(x))
        while True:
            moving = moving[self.left[at[moving]] != _LEAF]
            if not len(moving):
                return at
            here = at[moving]
            lower = x[moving, self.column[here]] <= self.threshold[here]
            at[moving] = np.where(lower, self.left[here], self.right[here])

    def save(self, folder: Path, *, overwrite: bool = False) -> None:
        """See ``nasproxy.prediction.predictor.Fitted.save``."""
        tensors = {
            name: getattr(self, name)
            for name in ("roots", "left", "right", "column", "threshold", "value")
        }
        write_fitted(folder, _KIND, {"columns": list(self.names)}, tensors, overwrite=overwrite)


def _tamed(columns: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "n d"]:
    """The numbers themselves, and beyond a large one their logarithm, continuous and monotone."""
    size = np.abs(columns)
    beyond = np.copysign(_LARGE * (1 + np.log(np.maximum(size, _LARGE) / _LARGE)), columns)
    tamed: Float64[np.ndarray, "n d"] = np.where(size > _LARGE, beyond, columns)
    return tamed


def _joined(parts: list[np.ndarray]) -> Int32[np.ndarray, " m"]:
    return np.concatenate(parts).astype(np.int32)


TREES = Trees()
