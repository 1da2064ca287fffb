"""How the networks scored so far stand against each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float64

from nasproxy.proxies.proxy import Proxy
from nasproxy.ranking.aggregate import rank_aggregate
from nasproxy.search.evaluation import Evaluation
from nasproxy.search.objectives import Objective, objective_values, oriented

__all__ = ["Standing"]


class Standing:
    """Fitness and objectives of networks, brought up to date as more are scored.

    Args:
        proxies: what each is scored by.
        objectives: what is wanted.
        combine: how ranks are combined.
    """

    def __init__(
        self,
        proxies: Sequence[Proxy],
        objectives: Sequence[Objective],
        combine: Literal["log", "mean"],
    ) -> None:
        self._names = [proxy.name for proxy in proxies]
        self._signs = [proxy.direction for proxy in proxies]
        self._objectives = tuple(objectives)
        self._combine = combine
        self._scores = np.empty((64, len(self._names)))
        self._count = 0
        self._last: Evaluation | None = None
        self.scored: list[Evaluation] = []
        self.rows: dict[str, int] = {}
        self.fitness: Float64[np.ndarray, " n"] = np.empty(0)
        self.values: Float64[np.ndarray, "n o"] = np.empty((0, len(self._objectives)))

    def update(self, evaluations: Sequence[Evaluation]) -> None:
        """Take the evaluations as they now are.

        Evaluations of other processes may come between those that are known.
        """
        count = len(evaluations)
        if count == self._count:
            return
        # One that came between would have moved the last one that was seen.
        appended = self._count > 0 and evaluations[self._count - 1] is self._last
        fresh = [e for e in evaluations[self._count if appended else 0 :] if e.candidate]
        grown = len(self.scored) if appended else 0
        scored = self.scored[:grown] + fresh
        self._count, self._last = count, evaluations[-1]
        if appended and not fresh:
            return
        if not appended:
            self.rows = {}
        while len(scored) > len(self._scores):
            self._scores = np.concatenate([self._scores, np.empty_like(self._scores)])
        for row in range(grown, len(scored)):
            candidate = scored[row].candidate
            assert candidate is not None
            scores = [candidate.scores[name] for name in self._names]
            self._scores[row] = [np.nan if score is None else score for score in scores]
            self.rows[scored[row].function] = row
        self.scored = scored
        if not scored:
            return
        self.fitness = rank_aggregate(self._scores[: len(scored)], self._signs, self._combine)
        values = objective_values(self._objectives, scored, self.fitness)
        self.values = oriented(self._objectives, values)
