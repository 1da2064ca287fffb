"""Which network a search would have picked after each evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from nasproxy.proxies.proxy import Proxy
from nasproxy.ranking.aggregate import rank_aggregate
from nasproxy.scoring.candidates import Candidate
from nasproxy.scoring.table import score_matrix

__all__ = ["picks_of"]


def picks_of(
    candidates: Sequence[Candidate], proxies: Sequence[Proxy], combine: Literal["log", "mean"]
) -> list[int]:
    """For each evaluation the index of the best by rank aggregate among those up to it.

    O(n^2 p log n) for n candidates and p proxies.
    """
    scores = score_matrix(candidates, [proxy.name for proxy in proxies])
    signs = [proxy.direction for proxy in proxies]
    return [
        int(np.argmax(rank_aggregate(scores[:n], signs, combine)))
        for n in range(1, len(candidates) + 1)
    ]
