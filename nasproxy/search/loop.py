"""The search loop: ask for an architecture, score it unless its function was seen, tell."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from nasproxy.ranking.aggregate import rank_aggregate
from nasproxy.scoring.candidates import Candidate
from nasproxy.scoring.table import score_matrix
from nasproxy.search.proposal import distributions, trial_rng
from nasproxy.spaces.space import SearchSpace
from zerocost.errors import nearest

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial

__all__ = ["SAMPLERS", "Search", "SearchState"]

A = TypeVar("A", bound=Hashable)

SAMPLERS = ("evolution", "random")
Sampler = Literal["evolution", "random"]

_REPEATS_BEFORE_A_FRESH_DRAW = 100
_FRESH_DRAWS, _FRESH_DRAWS_OF_A_LIST = 10_000, 500


@dataclass(frozen=True)
class SearchState:
    """What a search has found so far.

    Attributes:
        candidates: the networks scored, in order; no function twice.
        fitness: the rank aggregate of each among all of them, float64 ``[n]``, more is better.
        pick: the index of the best.
        proposals: how often the sampler was asked, repeats of known functions included.
    """

    candidates: tuple[Candidate, ...]
    fitness: Float64[np.ndarray, " n"]
    pick: int
    proposals: int


class Search(Generic[A]):
    """A search over a space by the scores of proxies, several of them combined by rank.

    The fitness of a network is the rank aggregate of its scores among all networks seen, so it
    changes as more are seen; what the sampler is told is the value at that moment, and evolution
    judges its tournaments by the current one. A proposal whose function has been scored before
    costs nothing and is not scored again.

    Args:
        space: where to search.
        score: architecture -> its candidate; called with dead parts removed.
        proxies: what ``score`` gives, for their names and directions.
        sampler: "evolution" (regularised) or "random".
        seed: of all proposals.
        population: of evolution.
        tournament: of evolution.
        combine: how ranks are combined: "log" or "mean".

    Raises:
        NasproxyError: an unknown sampler, or a population out of range.
    """

    def __init__(
        self,
        space: SearchSpace[A],
        score: Callable[[A], Candidate],
        proxies: Sequence[Proxy],
        *,
        sampler: str = "evolution",
        seed: int = 0,
        population: int = 50,
        tournament: int = 10,
        combine: Literal["log", "mean"] = "log",
    ) -> None:
        self._space = space
        self._score = score
        self._names = [proxy.name for proxy in proxies]
        self._signs = [proxy.direction for proxy in proxies]
        self._seed = seed
        self._combine = combine
        self._candidates: list[Candidate] = []
        self._seen: dict[str, int] = {}
        self._of_trial: list[int] = []
        self._fitness: Float64[np.ndarray, " n"] = np.empty(0)
        self._study = self._new_study(sampler, population, tournament)

    def run(self, budget: int) -> Iterator[SearchState]:
        """Score up to ``budget`` networks; the state after each of them.

        It ends early where every function of a finite space has been scored.

        Raises:
            NasproxyError: a budget below 1.
        """
        if budget < 1:
            raise NasproxyError(
                f"a budget of {budget} evaluations", accepted="1 or more", hint="--budget 500"
            )
        repeats = 0
        while len(self._candidates) < budget:
            trial = self._study.ask(distributions(self._space))
            architecture = self._space.decode(trial.params)
            function = self._space.canonical(architecture)
            known = self._seen.get(function)
            if known is None:
                repeats = 0
                known = self._evaluate(architecture, function)
            else:
                repeats += 1
            self._of_trial.append(known)
            self._study.tell(trial, float(self._fitness[known]))
            if not repeats:
                yield self.state
            elif repeats % _REPEATS_BEFORE_A_FRESH_DRAW == 0 and not self._enqueue_unseen():
                return

    @property
    def state(self) -> SearchState:
        """What has been found so far."""
        pick = int(np.argmax(self._fitness))
        return SearchState(tuple(self._candidates), self._fitness, pick, len(self._of_trial))

    def _evaluate(self, architecture: A, function: str) -> int:
        candidate = self._score(self._space.simplified(architecture))
        self._seen[function] = len(self._candidates)
        self._candidates.append(candidate)
        scores = score_matrix(self._candidates, self._names)
        self._fitness = rank_aggregate(scores, self._signs, self._combine)
        return self._seen[function]

    def _enqueue_unseen(self) -> bool:
        """Let the sampler's next proposal be a function not seen; False where there is none."""
        rng = trial_rng(self._seed, len(self._of_trial))
        # A space that can be listed is gone through instead of drawn from for long.
        draws = _FRESH_DRAWS if self._space.size is None else _FRESH_DRAWS_OF_A_LIST
        fresh = next(
            (
                architecture
                for architecture in (self._space.sample(rng) for _ in range(draws))
                if self._space.canonical(architecture) not in self._seen
            ),
            None,
        )
        if fresh is None and self._space.size is not None:
            fresh = next(
                (
                    a
                    for a in self._space.architectures()
                    if self._space.canonical(a) not in self._seen
                ),
                None,
            )
        if fresh is None:
            return False
        self._study.enqueue_trial(self._space.encode(fresh))
        return True

    def _new_study(self, sampler: str, population: int, tournament: int) -> Study:
        import optuna

        from nasproxy.search.evolution import RegularizedEvolution
        from nasproxy.search.uniform import UniformSampler

        def fitness(trials: Sequence[FrozenTrial]) -> Float64[np.ndarray, " k"]:
            found: Float64[np.ndarray, " k"]
            found = self._fitness[[self._of_trial[trial.number] for trial in trials]]
            return found

        chosen: BaseSampler
        if sampler == "evolution":
            chosen = RegularizedEvolution(
                self._space,
                fitness,
                seed=self._seed,
                population=population,
                tournament=min(tournament, population),
            )
        elif sampler == "random":
            chosen = UniformSampler(self._space, seed=self._seed)
        else:
            close = nearest(sampler, SAMPLERS)
            raise NasproxyError(
                f"there is no sampler named {sampler!r}",
                accepted=", ".join(SAMPLERS),
                hint=f"did you mean {' or '.join(close)}?" if close else None,
            )
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # it would announce the study
        try:
            return optuna.create_study(sampler=chosen, direction="maximize")
        finally:
            optuna.logging.set_verbosity(verbosity)
