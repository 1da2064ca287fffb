"""The value of every sample of a training set, for a k-nearest-neighbour classifier."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from dataselect.importance.learning import importance
from dataselect.importance.retrievals import Retrievals
from dataselect.importance.values import banzhaf, knn_shapley, leave_one_out

__all__ = ["NeighbourImportance", "neighbour_retrievals"]

Value = Literal["shapley", "banzhaf", "loo", "learned"]


class NeighbourImportance:
    """Values training samples by the k nearest neighbours of validation samples.

    The list of a validation sample is the training set, nearest first; a neighbour's utility is 1
    where its label is the sample's. Used as a scikit-learn estimator: ``fit(X, y, X_val, y_val)``,
    then ``importances_``, ``get_params``, ``set_params``.

    Args:
        n_neighbors: K.
        value: ``shapley`` (closed form, over the whole training set), ``banzhaf``, ``loo``, or
            ``learned`` by ascent; the last three over the nearest ``depth`` samples.
        depth: how many neighbours are listed; all by default, which takes 24 bytes for each pair
            of a training and a validation sample. Samples in no list are not valued.
        metric: as in sklearn.neighbors.NearestNeighbors.
        learning_rate: of ``learned``.
        epochs: of ``learned``.

    Attributes:
        importances_: float64 ``[samples]``; NaN for those in no list.
        retrievals_: the lists.

    References:
        Jia et al., "Efficient task-specific data valuation for nearest neighbor algorithms",
        PVLDB 12 (2019).
    """

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        value: Value = "shapley",
        depth: int | None = None,
        metric: str = "minkowski",
        learning_rate: float = 500.0,
        epochs: int = 50,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.value: Value = value
        self.depth = depth
        self.metric = metric
        self.learning_rate = learning_rate
        self.epochs = epochs

    def fit(self, X: Any, y: Any, X_val: Any, y_val: Any) -> NeighbourImportance:
        """Value the training samples ``X, y`` by how they serve ``X_val, y_val``.

        Raises:
            DataselectError: an unknown value, or a depth other than whole for ``shapley``.
        """
        rules = {"shapley": knn_shapley, "banzhaf": banzhaf, "loo": leave_one_out}
        if self.value not in (*rules, "learned"):
            raise DataselectError(
                f"value is {self.value!r}", accepted=", ".join((*rules, "learned"))
            )
        if self.value == "shapley" and self.depth is not None:
            raise DataselectError(
                f"depth is {self.depth} for Shapley values, which depend on the whole training set",
                accepted="depth=None",
            )
        lists = neighbour_retrievals(X, y, X_val, y_val, depth=self.depth, metric=self.metric)
        if self.value == "learned":
            found = importance(
                lists,
                k=self.n_neighbors,
                learning_rate=self.learning_rate,
                epochs=self.epochs,
            ).values
        else:
            found = rules[self.value](lists, k=self.n_neighbors)
        self.retrievals_ = lists
        self.importances_: Float64[np.ndarray, " samples"] = np.where(
            lists.times_retrieved() > 0, found, np.nan
        )
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings, as scikit-learn asks for them."""
        names = ("n_neighbors", "value", "depth", "metric", "learning_rate", "epochs")
        return {name: getattr(self, name) for name in names}

    def set_params(self, **params: Any) -> NeighbourImportance:
        """Change settings, as scikit-learn does."""
        for name, value in params.items():
            if name not in self.get_params():
                raise DataselectError(
                    f"there is no setting {name!r}", accepted=", ".join(self.get_params())
                )
            setattr(self, name, value)
        return self


def neighbour_retrievals(
    X: Any, y: Any, X_val: Any, y_val: Any, *, depth: int | None = None, metric: str = "minkowski"
) -> Retrievals:
    """Each validation sample's training neighbours, nearest first, with the labels as answers."""
    from sklearn.neighbors import NearestNeighbors

    labels = np.unique(np.concatenate([np.asarray(y), np.asarray(y_val)]), return_inverse=True)[1]
    own, wanted = labels[: len(y)].astype(np.int64), labels[len(y) :]
    if len(own) == 0 or len(wanted) == 0:
        raise DataselectError(
            f"there are {len(own)} training and {len(wanted)} validation samples",
            accepted="one or more of each",
        )
    listed = len(own) if depth is None else min(depth, len(own))
    search = NearestNeighbors(n_neighbors=listed, metric=metric).fit(X)
    nearest: np.ndarray = search.kneighbors(X_val, return_distance=False)
    items = nearest.astype(np.int64).reshape(-1)
    right = own[nearest] == wanted[:, None]
    return Retrievals(
        np.arange(len(wanted) + 1, dtype=np.int64) * listed,
        items,
        right.astype(np.float64).reshape(-1),
        len(own),
        own[items],
    )
