"""Keep each source with the probability that was learned for it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.errors import DataselectError
from dataselect.importance.pruning import Unseen, check_unseen
from dataselect.importance.retrievals import Retrievals
from dataselect.importance.votes import outcomes

__all__ = ["DRAWS", "reweight"]

DRAWS = 32


def reweight(
    retrievals: Retrievals,
    scores: Float64[np.ndarray, " players"],
    *,
    k: int,
    player: Int64[np.ndarray, " items"] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    unseen: Unseen = "keep",
) -> Float64[np.ndarray, " queries"]:
    """Each query's outcome, the mean over draws in which a player survives with probability v.

    Args:
        retrievals: validation or test lists.
        scores: float64 ``[players]`` in 0 .. 1; NaN for players never seen.
        k: how many vote; see `outcomes`.
        player: int64 ``[items]``, the player (group) of each item; by default each item is one.
        draws: how many, 1 or more; 32 as published.
        seed: of the draws.
        unseen: whether players of which nothing was learned survive; see `prune`.

    Returns:
        float64 ``[queries]``; its mean is the accuracy.
    """
    check_unseen(unseen)
    probability = np.where(np.isnan(scores), float(unseen == "keep"), scores)
    if draws < 1 or (len(probability) and not 0 <= probability.min() <= probability.max() <= 1):
        raise DataselectError(
            f"{draws} draws with scores from {probability.min()} to {probability.max()}",
            accepted="one or more draws, scores in 0 .. 1",
        )
    own = np.arange(retrievals.n_items, dtype=np.int64) if player is None else player
    rng = np.random.default_rng(seed)
    total = np.zeros(retrievals.n_queries)
    for _ in range(draws):
        total += outcomes(retrievals, (rng.random(len(scores)) < probability)[own], k=k)
    return total / draws
