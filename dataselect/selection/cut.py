"""Where a budget ends in a table that is never sorted: an exact search in streaming passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, UInt64

from zerocost.compiled import compiled

__all__ = ["BINS", "Cut", "Ranked", "Taker", "find_cut", "histogram"]

BITS = 16
BINS = 1 << BITS


@dataclass(frozen=True)
class Ranked:
    """A part of the candidates, in the corpus' order.

    Attributes:
        keys: of what they are ranked by, more being better; see `keys_of`.
        cost: what each takes from the budget: tokens, or 1; at least 0.
        group: whose budget, from 0; below 0 the document is no candidate.
    """

    keys: UInt64[np.ndarray, " n"]
    cost: Int64[np.ndarray, " n"]
    group: Int64[np.ndarray, " n"]


@dataclass(frozen=True)
class Cut:
    """For each group, the key at which its budget ends.

    Attributes:
        everything: whether the budget holds all candidates.
        keys: candidates above are taken; of those equal, the first as long as ``left`` lasts.
        left: what is left of the budget for candidates equal to the key.
    """

    everything: Bool[np.ndarray, " groups"]
    keys: UInt64[np.ndarray, " groups"]
    left: Int64[np.ndarray, " groups"]


def find_cut(passes: Callable[[], Iterable[Ranked]], budgets: Int64[np.ndarray, " groups"]) -> Cut:
    """The exact end of every group's budget.

    Candidates are ordered by key, the highest first, and those with equal keys by their place in
    the corpus. Taken is the longest beginning of that order whose cost is within the budget.

    Four passes at the most, each of which sums cost by 16 more bits of the keys (radix selection,
    the highest bits first); a pass ends the search where every budget holds all candidates.

    Args:
        passes: called once a pass, gives the same parts in the same order each time.
        budgets: a group, in the unit of cost; at least 0.

    Complexity: O(n) time a pass, O(groups 2¹⁶) memory whatever n.
    """
    groups = len(budgets)
    prefix = np.zeros(groups, dtype=np.uint64)
    left = budgets.astype(np.int64)
    everything = np.zeros(groups, dtype=bool)
    for level in range(64 // BITS):
        shift = 64 - BITS * (level + 1)
        totals = np.zeros((groups, BINS), dtype=np.int64)
        for part in passes():
            histogram(part.keys, part.cost, part.group, prefix, shift, totals)
        for g in np.flatnonzero(~everything):
            from_top = np.cumsum(totals[g, ::-1])
            over = int(np.searchsorted(from_top, left[g], side="right"))
            if over == BINS:  # only in the first pass: later ones hold the bin that was too much
                everything[g] = True
                continue
            left[g] -= from_top[over - 1] if over else 0
            prefix[g] = (prefix[g] << np.uint64(BITS)) | np.uint64(BINS - 1 - over)
        if everything.all():
            break
    return Cut(everything, prefix, left)


@compiled
def histogram(
    keys: UInt64[np.ndarray, " n"],
    cost: Int64[np.ndarray, " n"],
    group: Int64[np.ndarray, " n"],
    prefix: UInt64[np.ndarray, " groups"],
    shift: int,
    totals: Int64[np.ndarray, "groups bins"],
) -> None:
    """Add each candidate's cost to the bin of its 16 bits at ``shift``, where those above agree.

    Integers only: parts may be counted in any order, anywhere, and added up.
    """
    for i in range(keys.shape[0]):
        g = group[i]
        if g < 0:
            continue
        above = keys[i] >> np.uint64(shift)
        if shift == 48 or (above >> np.uint64(16)) == prefix[g]:
            totals[g, above & np.uint64(0xFFFF)] += cost[i]


class Taker:
    """Takes part after part, in the corpus' order, what a cut leaves in.

    Attributes:
        left: what is left of each group's budget for candidates at the cut.
        next_cost: of each group's first candidate that is not taken; -1 before one is met. It is
            the one that comes next in the order.
    """

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self.left = cut.left.copy()
        self.next_cost = np.full(len(cut.left), -1, dtype=np.int64)

    def take(self, part: Ranked) -> Bool[np.ndarray, " n"]:
        """Which documents of the next part are selected."""
        taken = np.zeros(len(part.keys), dtype=bool)
        cut = self._cut
        _take(
            part.keys,
            part.cost,
            part.group,
            cut.everything,
            cut.keys,
            self.left,
            self.next_cost,
            taken,
        )
        return taken


@compiled
def _take(
    keys: UInt64[np.ndarray, " n"],
    cost: Int64[np.ndarray, " n"],
    group: Int64[np.ndarray, " n"],
    everything: Bool[np.ndarray, " groups"],
    cut: UInt64[np.ndarray, " groups"],
    left: Int64[np.ndarray, " groups"],
    next_cost: Int64[np.ndarray, " groups"],
    taken: Bool[np.ndarray, " n"],
) -> None:
    for i in range(keys.shape[0]):
        g = group[i]
        if g < 0:
            continue
        if everything[g] or keys[i] > cut[g]:
            taken[i] = True
        elif keys[i] == cut[g] and next_cost[g] < 0:
            if cost[i] <= left[g]:
                taken[i] = True
                left[g] -= cost[i]
            else:
                next_cost[g] = cost[i]
