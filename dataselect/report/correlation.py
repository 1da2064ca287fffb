"""Spearman's correlation of all pairs of columns, in one pass over parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from dataselect.selection.transforms import Stats, normalise

__all__ = ["RankProducts", "add_products", "no_products", "order_by_similarity", "spearman"]


@dataclass(frozen=True)
class RankProducts:
    """Sums over the documents that have both scores of a pair; those of parts add up.

    Attributes:
        both: how many there are.
        products: of the two ranks, each less ½.
        own: of the rank of the row's column.
        squares: of its square.
    """

    both: Float64[np.ndarray, "columns columns"]
    products: Float64[np.ndarray, "columns columns"]
    own: Float64[np.ndarray, "columns columns"]
    squares: Float64[np.ndarray, "columns columns"]


def no_products(columns: int) -> RankProducts:
    """Of no document."""
    return RankProducts(*(np.zeros((columns, columns)) for _ in range(4)))


def add_products(
    sums: RankProducts, scores: Float64[np.ndarray, "n columns"], stats: list[Stats | None]
) -> RankProducts:
    """The sums with more documents.

    Ranks are those of the whole table, by the quantiles of the columns' summaries, so that no
    sort is needed; a rank is wrong by at most 1 / 1,000 and the sketch's error.

    Args:
        scores: NaN where a document has none.
        stats: of each column; None for one without scores.
    """
    ranks = np.full(scores.shape, np.nan)
    for at, own in enumerate(stats):
        if own is not None and own.high > own.low:
            ranks[:, at] = normalise(scores[:, at], own, transform="rank") - 0.5
    there = ~np.isnan(ranks)
    values, mask = np.where(there, ranks, 0.0), there.astype(np.float64)
    return RankProducts(
        sums.both + mask.T @ mask,
        sums.products + values.T @ values,
        sums.own + values.T @ mask,
        sums.squares + (values**2).T @ mask,
    )


def spearman(sums: RankProducts) -> Float64[np.ndarray, "columns columns"]:
    """Spearman's ρ with ties at mid-rank; NaN where fewer than two documents have both scores.

    Over the documents that have both, of ranks among all: where few scores are missing that is
    the textbook value.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        n = np.where(sums.both >= 2, sums.both, np.nan)
        covariance = sums.products / n - (sums.own / n) * (sums.own.T / n)
        variance = sums.squares / n - (sums.own / n) ** 2
        variance = np.where(variance > 1e-12, variance, np.nan)
        found = covariance / np.sqrt(variance * variance.T)
    return np.clip(found, -1.0, 1.0)


def order_by_similarity(correlation: Float64[np.ndarray, "columns columns"]) -> list[int]:
    """The columns so that similar ones, or opposite ones, stand together."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    n = len(correlation)
    if n < 3:
        return list(range(n))
    apart = 1.0 - np.abs(np.nan_to_num(correlation, nan=0.0))
    apart = (apart + apart.T) / 2
    np.fill_diagonal(apart, 0.0)
    tree = linkage(squareform(apart, checks=False), "average", optimal_ordering=True)
    order: list[int] = leaves_list(tree).tolist()
    return order
