"""Labelled documents: a number each, or a preference for each of many pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.errors import DataselectError
from dataselect.scorers.raters.losses import LossName

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Labelled", "folds_of", "label", "label_pairs", "loss_for"]

_MANY_CLASSES = 10


@dataclass(frozen=True)
class Labelled:
    """Labels of documents or of pairs.

    Attributes:
        texts: the different documents, large_string.
        target: the label of each row; of a pair the probability that the second is preferred.
        first: the document of each row; of a pair the first.
        second: the second document of each pair; None where rows are documents.
    """

    texts: pa.Array[Any]
    target: Float64[np.ndarray, " rows"]
    first: Int64[np.ndarray, " rows"]
    second: Int64[np.ndarray, " rows"] | None = None

    def rows(self, which: np.ndarray) -> Labelled:
        """Some of the rows; the documents stay."""
        second = None if self.second is None else self.second[which]
        return Labelled(self.texts, self.target[which], self.first[which], second)


def label(texts: list[str], labels: Float64[np.ndarray, " rows"]) -> Labelled:
    """Documents with a number each; a text that comes twice is one document."""
    documents, (first,) = _different([texts])
    return Labelled(documents, np.asarray(labels, np.float64), first)


def label_pairs(
    first: list[str], second: list[str], preference: Float64[np.ndarray, " rows"]
) -> Labelled:
    """Pairs of documents with the probability that the second is preferred."""
    documents, (a, b) = _different([first, second])
    return Labelled(documents, np.asarray(preference, np.float64), a, b)


def _different(columns: list[list[str]]) -> tuple[pa.Array[Any], list[np.ndarray]]:
    import pyarrow as pa

    number: dict[str, int] = {}
    places = [
        np.array([number.setdefault(text, len(number)) for text in texts], np.int64)
        for texts in columns
    ]
    return pa.array(list(number), pa.large_string()), places


def loss_for(labelled: Labelled, name: str = "auto") -> LossName:
    """The loss of these labels, checked where it is named.

    ``auto`` is pairwise for pairs, logistic for 0 and 1, ordinal for up to ten whole numbers from 0
    on, and ridge for anything else.

    Raises:
        DataselectError: the labels do not fit the loss, or all of them are the same.
    """
    target = labelled.target
    values = np.unique(target)
    if labelled.second is None and len(values) < 2:
        raise DataselectError(
            f"all {len(target)} labels are {values[0]:g}: there is nothing to learn",
            accepted="labels of at least two values",
        )
    whole = bool((values == np.round(values)).all()) and values[0] >= 0
    fits = {
        "pairwise": labelled.second is not None and values[0] >= 0 and values[-1] <= 1,
        "logistic": labelled.second is None and values[0] >= 0 and values[-1] <= 1,
        "ordinal": labelled.second is None and whole and values[-1] < _MANY_CLASSES,
        "ridge": labelled.second is None,
    }
    wanted = {
        "pairwise": "two texts a row, and the probability from 0 to 1 that the second is preferred",
        "logistic": "labels from 0 to 1",
        "ordinal": "whole numbers from 0 to 9",
        "ridge": "one text a row",
    }
    if name == "auto":
        if labelled.second is not None:
            name = "pairwise"
        elif set(values) <= {0.0, 1.0}:
            name = "logistic"
        else:
            name = "ordinal" if fits["ordinal"] else "ridge"
    if name not in fits:
        raise DataselectError(
            f"there is no loss named {name!r}", accepted=f"auto, {', '.join(fits)}"
        )
    if not fits[name]:
        raise DataselectError(
            f"the loss {name} does not fit labels from {values[0]:g} to {values[-1]:g}"
            + (" of pairs" if labelled.second is not None else ""),
            accepted=wanted[name],
        )
    return name  # type: ignore[return-value]


def folds_of(labelled: Labelled, folds: int, rng: np.random.Generator) -> np.ndarray:
    """A fold from 0 on for each row, the same for all rows of a document; -1 where that cannot be.

    Labels are spread: rows are dealt out in the order of their labels, chance among equal ones.
    Pairs that hang together by their documents go into one fold where no such group is large; else
    documents are dealt out, and a pair whose documents fall apart is in none.

    Args:
        labelled: the rows.
        folds: how many.
        rng: shuffles.
    """
    documents = len(labelled.texts)
    if labelled.second is None:
        label_of = np.zeros(documents)
        label_of[labelled.first] = labelled.target
        present = np.zeros(documents, np.bool_)
        present[labelled.first] = True
        fold: np.ndarray = _dealt(label_of, present, folds, rng)[labelled.first]
        return fold
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(labelled.first), np.int8)
    graph = coo_matrix((ones, (labelled.first, labelled.second)), shape=(documents, documents))
    groups, group = connected_components(graph, directed=False)
    largest = np.bincount(group[labelled.first]).max()
    if largest > len(labelled.first) / (2 * folds):
        groups, group = documents, np.arange(documents, dtype=group.dtype)
    fold = _dealt(np.zeros(groups), np.ones(groups, np.bool_), folds, rng)[group]
    first, second = fold[labelled.first], fold[labelled.second]
    return np.where(first == second, first, -1)


def _dealt(
    values: np.ndarray, present: np.ndarray, folds: int, rng: np.random.Generator
) -> np.ndarray:
    order = rng.permutation(len(values))
    order = order[np.argsort(values[order], kind="stable")]
    order = order[present[order]]
    fold = np.zeros(len(values), np.int64)
    rounds = -(-len(order) // folds)
    hands = np.concatenate([rng.permutation(folds) for _ in range(rounds)])
    fold[order] = hands[: len(order)]
    return fold
