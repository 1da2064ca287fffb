"""Selection among scores that are in memory: one call, no files."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64

from dataselect.selection.cut import Ranked, Taker, find_cut
from dataselect.selection.keys import keys_of
from dataselect.selection.noise import noisy
from dataselect.selection.summary import summarise

__all__ = ["choose"]


def choose(
    scores: Float64[np.ndarray, " n"],
    budget: int | Int64[np.ndarray, " groups"],
    *,
    cost: Int64[np.ndarray, " n"] | None = None,
    group: Int64[np.ndarray, " n"] | None = None,
    temperature: float = 0.0,
    log_weights: bool = False,
    seed: int = 0,
    source: int = 0,
    rows: Int64[np.ndarray, " n"] | None = None,
) -> Bool[np.ndarray, " n"]:
    """Which documents a budget holds.

    The longest beginning, within the budget, of the documents in the order of s (temperature 0) or
    of z(s) + T times Gumbel noise; of equal ones the first stand first.

    Args:
        scores: more being better; NaN for what cannot be selected.
        budget: in the unit of cost; one for each group where there are several.
        cost: of each document, as its tokens, at least 0; 1 where it is None.
        group: whose budget a document takes from, from 0; below 0 it cannot be selected.
        temperature: 0 for the best, above 0 for a sample without replacement.
        log_weights: whether a sample is drawn by s + T noise: scores that are log weights.
        seed: of the sample.
        source: number of the file, for the noise; see `gumbel`.
        rows: in the file; 0, 1, 2, ... where it is None.

    Complexity: O(n).

    Reference: Wettig et al., "QuRating", ICML 2024, section 4.
    """
    gone = np.isnan(scores)
    ranks = scores
    if temperature:
        about = summarise(scores)
        own = np.arange(len(scores)) if rows is None else rows
        z = scores if log_weights else (scores - about.mean) / (about.deviation or 1.0)
        ranks = noisy(z, temperature, seed, source, own)
    owners = np.zeros(len(scores), dtype=np.int64) if group is None else group.copy()
    owners[gone] = -1
    part = Ranked(
        keys_of(np.where(gone, 0.0, ranks)),
        np.ones(len(scores), dtype=np.int64) if cost is None else cost,
        owners,
    )
    budgets = np.atleast_1d(np.asarray(budget, dtype=np.int64))
    return Taker(find_cut(lambda: [part], budgets)).take(part)
