"""Which share of the corpus to remove, chosen on validation queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64

from dataselect.errors import DataselectError
from dataselect.importance.retrievals import Retrievals
from dataselect.importance.votes import accuracy

__all__ = ["SHARES", "Pruning", "Unseen", "check_unseen", "prune", "removed_at"]

Unseen = Literal["keep", "drop"]

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Pruning:
    """What to remove, and what the validation queries gained.

    Attributes:
        share: of the retrieved positions that was to be removed.
        keep: bool ``[items]``.
        before: validation accuracy with all items.
        after: validation accuracy with what is kept.
        by_share: validation accuracy at every share tried.
    """

    share: float
    keep: Bool[np.ndarray, " items"]
    before: float
    after: float
    by_share: dict[float, float]


def prune(
    validation: Retrievals,
    scores: Float64[np.ndarray, " players"],
    *,
    k: int,
    player: Int64[np.ndarray, " items"] | None = None,
    shares: Sequence[float] = SHARES,
    unseen: Unseen = "keep",
) -> Pruning:
    """Remove the players of the lowest scores, as many as serve the validation queries best.

    Args:
        validation: the lists on which the share is chosen.
        scores: float64 ``[players]``, NaN for players never seen.
        k: how many vote; see `outcomes`.
        player: int64 ``[items]``, the player (group) of each item; by default each item is one.
        shares: those tried, each in 0 .. 1, the first of equally good ones is taken.
        unseen: whether players of which nothing was learned stay. No validation query can tell.
            The code of the published experiments drops them, the published package keeps them.

    Returns:
        The choice. Its accuracy on validation queries is that of the best of several, so that it
        flatters; measure on others what was gained.
    """
    if not shares or not all(0 <= share <= 1 for share in shares):
        raise DataselectError(f"the shares are {list(shares)}", accepted="one or more in 0 .. 1")
    own = np.arange(validation.n_items, dtype=np.int64) if player is None else player
    if len(own) != validation.n_items or own.max(initial=-1) >= len(scores):
        raise DataselectError(
            f"{len(scores):,} scores for players up to {own.max(initial=-1):,} "
            f"of {len(own):,} items; the corpus has {validation.n_items:,}",
            accepted="one score a player, one player an item",
        )
    check_unseen(unseen)
    stays = ~np.isnan(scores) | (unseen == "keep")
    by_share = {}
    kept = {}
    for share in shares:
        kept[share] = (stays & ~removed_at(validation, scores, own, share))[own]
        by_share[share] = accuracy(validation, kept[share], k=k)
    best = max(by_share, key=lambda share: by_share[share])
    before = accuracy(validation, k=k)
    return Pruning(best, kept[best], before, by_share[best], by_share)


def check_unseen(unseen: str) -> None:
    """Refuse a treatment of unseen players that there is not."""
    if unseen not in ("keep", "drop"):
        raise DataselectError(f"unseen is {unseen!r}", accepted="keep or drop")


def removed_at(
    validation: Retrievals,
    scores: Float64[np.ndarray, " players"],
    player: Int64[np.ndarray, " items"],
    share: float,
) -> Bool[np.ndarray, " players"]:
    """The lowest players, one after the other until ``share`` of the retrieved positions is gone.

    Of equal scores the player of the smaller number goes first.
    """
    positions = np.bincount(player[validation.items], minlength=len(scores))
    seen = np.flatnonzero(~np.isnan(scores))
    order = seen[np.argsort(scores[seen], kind="stable")]
    gone_before = np.concatenate([[0], np.cumsum(positions[order])[:-1]]).astype(np.float64)
    removed = np.zeros(len(scores), dtype=np.bool_)
    # A small allowance, so that 0.3 of 10 positions are 3, not 4.
    removed[order[gone_before[: len(order)] < share * positions.sum() - 1e-9]] = True
    return removed
