"""The answer of the first K surviving documents: by majority vote, or by mean utility."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, Integer

from dataselect.importance.gradient import check_k
from dataselect.importance.retrievals import Retrievals
from zerocost.compiled import compiled

__all__ = ["accuracy", "gains_without", "measure_name", "outcomes"]


def measure_name(retrievals: Retrievals) -> str:
    """What `outcomes` measures: ``majority vote`` where answers are known."""
    return "mean utility of the first K" if retrievals.answer is None else "majority vote"


def outcomes(
    retrievals: Retrievals, keep: Bool[np.ndarray, " items"], *, k: int
) -> Float64[np.ndarray, " queries"]:
    """The utility of each query's answer when only some items survive.

    The first K surviving positions vote with their answers; of answers with equally many votes the
    best-ranked wins; its utility counts. Where no position survives the answer is wrong, 0. Where
    answers are not known it is the additive utility, the sum over those positions over K.

    Args:
        retrievals: the lists; all positions of an item survive or none.
        keep: bool ``[items]``.
        k: how many vote.

    Returns:
        float64 ``[queries]``. O(M + K²) a query.
    """
    every = np.arange(retrievals.n_queries, dtype=np.int64)
    return _of_pairs(retrievals, keep, every, np.full(len(every), -1, dtype=np.int64), k)


def accuracy(
    retrievals: Retrievals, keep: Bool[np.ndarray, " items"] | None = None, *, k: int
) -> float:
    """The mean of `outcomes` over the queries, with all items by default."""
    survives = np.ones(retrievals.n_items, dtype=np.bool_) if keep is None else keep
    return float(outcomes(retrievals, survives, k=k).mean()) if retrievals.n_queries else 0.0


def gains_without(
    retrievals: Retrievals, player: Int64[np.ndarray, " items"], n_players: int, *, k: int
) -> Float64[np.ndarray, " players"]:
    """Leave-one-out by the evaluation itself: sum over queries of outcome(all) - outcome(without).

    Args:
        retrievals: the lists.
        player: int64 ``[items]``, the player (group) that each item belongs to.
        n_players: how many there are.
        k: how many vote.

    Returns:
        float64 ``[players]``; above 0 where answers are better with the player. O(M K) a query.
    """
    lists = retrievals.with_players(player, n_players)
    everyone = np.ones(n_players, dtype=np.bool_)
    whole = outcomes(lists, everyone, k=k)
    query, out = _players_that_vote(lists, k)
    without = _of_pairs(lists, everyone, query, out, k)
    return np.bincount(out, weights=whole[query] - without, minlength=n_players)


def _of_pairs(
    retrievals: Retrievals,
    keep: Bool[np.ndarray, " items"],
    query: Int64[np.ndarray, " pairs"],
    out: Int64[np.ndarray, " pairs"],
    k: int,
) -> Float64[np.ndarray, " pairs"]:
    check_k(k)
    found = np.zeros(len(query))
    known = retrievals.answer is not None
    _outcomes(
        retrievals.indptr,
        retrievals.items,
        retrievals.utility,
        retrievals.answer if retrievals.answer is not None else np.zeros(0, dtype=np.int64),
        keep,
        query,
        out,
        min(k, max(1, int(retrievals.lengths.max(initial=0)))),
        found,
    )
    return found if known else found / k


def _players_that_vote(
    lists: Retrievals, k: int
) -> tuple[Int64[np.ndarray, " pairs"], Int64[np.ndarray, " pairs"]]:
    """Pairs of query and player among its first K positions: who is behind changes nothing."""
    query = np.repeat(np.arange(lists.n_queries, dtype=np.int64), lists.lengths)
    rank = np.arange(len(lists.items)) - lists.indptr[query]
    among = rank < k
    pairs = np.unique(np.stack([query[among], lists.items[among].astype(np.int64)]), axis=1)
    return np.ascontiguousarray(pairs[0]), np.ascontiguousarray(pairs[1])


@compiled
def _outcomes(
    indptr: Int64[np.ndarray, " offsets"],
    items: Integer[np.ndarray, " positions"],
    utility: Float[np.ndarray, " positions"],
    answer: Int64[np.ndarray, " answers"],
    keep: Bool[np.ndarray, " items"],
    query: Int64[np.ndarray, " pairs"],
    out: Int64[np.ndarray, " pairs"],
    k: int,
    found: Float64[np.ndarray, " pairs"],
) -> None:
    # For each pair the outcome of the query where the item ``out`` (-1: none) is gone as well.
    votes_are_known = answer.shape[0] == items.shape[0]
    candidate = np.empty(k, np.int64)
    worth = np.empty(k)
    votes = np.empty(k, np.int64)
    for pair in range(query.shape[0]):
        survivors = 0
        distinct = 0
        for i in range(indptr[query[pair]], indptr[query[pair] + 1]):
            if survivors == k:
                break
            if items[i] == out[pair] or not keep[items[i]]:
                continue
            survivors += 1
            if not votes_are_known:
                found[pair] += utility[i]
                continue
            own = 0
            while own < distinct and candidate[own] != answer[i]:
                own += 1
            if own == distinct:
                candidate[own] = answer[i]
                worth[own] = utility[i]
                votes[own] = 0
                distinct += 1
            votes[own] += 1
        if distinct > 0:
            found[pair] = worth[np.argmax(votes[:distinct])]
