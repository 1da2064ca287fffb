"""Boosted trees as arrays, added up by a compiled kernel for millions of weight vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int32

from dataselect.errors import DataselectError
from zerocost.compiled import compiled

__all__ = ["Forest", "forest_of"]

_BLOCK = 64
_NUMERIC = 2  # of LightGBM's decision types: x <= threshold, to the left where x is missing


@dataclass(frozen=True)
class Forest:
    """Σ over trees of the value of the leaf that a row falls into.

    Attributes:
        feature: ``[nodes]``, of all trees one after the other.
        threshold: ``[nodes]``; a row goes left where its feature is at most this.
        left: ``[nodes]``, the next node; −1 − leaf where a leaf follows.
        right: ``[nodes]``, the same.
        value: ``[leaves]``.
        root: ``[trees]``, the first node, or −1 − leaf of a tree without a split.
    """

    feature: Int32[np.ndarray, " nodes"]
    threshold: Float64[np.ndarray, " nodes"]
    left: Int32[np.ndarray, " nodes"]
    right: Int32[np.ndarray, " nodes"]
    value: Float64[np.ndarray, " leaves"]
    root: Int32[np.ndarray, " trees"]

    def predict(self, rows: Float64[np.ndarray, "n columns"]) -> Float64[np.ndarray, " n"]:
        """The sum for each row, trees in their order, as LightGBM adds them."""
        found = np.zeros(len(rows))
        _add(
            np.ascontiguousarray(rows),
            self.feature,
            self.threshold,
            self.left,
            self.right,
            self.value,
            self.root,
            found,
        )
        return found


def forest_of(model: str, trees: int) -> Forest:
    """The first trees of LightGBM's text form of a model.

    Args:
        model: what ``Booster.model_to_string`` gives; of numeric features without missing values.
        trees: how many.

    Raises:
        DataselectError: a split that is not ``x <= threshold``.
    """
    feature: list[int] = []
    threshold: list[float] = []
    left: list[int] = []
    right: list[int] = []
    value: list[float] = []
    root: list[int] = []
    for text in model.split("\nTree=")[1 : trees + 1]:
        parts = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        nodes, leaves = len(feature), len(value)
        value += map(float, parts["leaf_value"].split())
        if int(parts["num_leaves"]) == 1:
            root.append(-1 - leaves)
            continue
        if any(int(kind) != _NUMERIC for kind in parts["decision_type"].split()):
            raise DataselectError(
                f"a tree has splits of the kinds {parts['decision_type']}",
                accepted="numeric features without missing values",
                bad_input=False,
            )
        root.append(nodes)
        feature += map(int, parts["split_feature"].split())
        threshold += map(float, parts["threshold"].split())
        left += _shifted(parts["left_child"], nodes, leaves)
        right += _shifted(parts["right_child"], nodes, leaves)
    return Forest(
        np.array(feature, dtype=np.int32),
        np.array(threshold, dtype=np.float64),
        np.array(left, dtype=np.int32),
        np.array(right, dtype=np.int32),
        np.array(value, dtype=np.float64),
        np.array(root, dtype=np.int32),
    )


def _shifted(children: str, nodes: int, leaves: int) -> Sequence[int]:
    """Children of one tree among those of all; LightGBM writes a leaf as −1 − leaf."""
    return [at + nodes if at >= 0 else at - leaves for at in map(int, children.split())]


@compiled
def _add(
    rows: np.ndarray,
    feature: np.ndarray,
    threshold: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    value: np.ndarray,
    root: np.ndarray,
    found: np.ndarray,
) -> None:
    # A block of rows goes through one tree after the other, so that the tree stays in the cache.
    for first in range(0, rows.shape[0], _BLOCK):
        last = min(first + _BLOCK, rows.shape[0])
        for tree in range(root.shape[0]):
            start = root[tree]
            for row in range(first, last):
                node = start
                while node >= 0:
                    below = rows[row, feature[node]] <= threshold[node]
                    node = left[node] if below else right[node]
                found[row] += value[-1 - node]
