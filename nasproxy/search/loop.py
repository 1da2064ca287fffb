"""The search loop: ask for an architecture, evaluate it unless its function is known, tell."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from nasproxy.scoring.candidates import Candidate
from nasproxy.search.approach import Approach
from nasproxy.search.evaluation import Evaluate, Evaluation
from nasproxy.search.ledger import Ledger, LocalLedger
from nasproxy.search.objectives import FITNESS, Objective
from nasproxy.search.samplers import SamplerOptions, sampler_of
from nasproxy.search.standing import Standing
from nasproxy.search.strategy import distributions, trial_rng
from nasproxy.search.studies import new_study, retold
from nasproxy.spaces.space import SearchSpace

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

__all__ = ["Search", "SearchState"]

A = TypeVar("A", bound=Hashable)

_PATIENCE, _PATIENCE_WITH_TPE = 100, 10  # repeats before a fresh draw
_FRESH_DRAWS, _FRESH_DRAWS_OF_A_LIST = 10_000, 500
_REPEATS_BEFORE_WAITING = 20
_RETELL_AFTER = 50
_ONE = (Objective(FITNESS, higher_is_better=True),)


@dataclass(frozen=True)
class SearchState:
    """What a search has found so far.

    Attributes:
        evaluations: the networks scored, in order; no function twice.
        fitness: the rank aggregate of each among all of them, float64 ``[n]``, more is better.
        pick: the index of the best by fitness.
        proposals: how often the sampler was asked, repeats of known functions included.
        outside: how many functions were outside the limits, and not scored.
    """

    evaluations: tuple[Evaluation, ...]
    fitness: Float64[np.ndarray, " n"]
    pick: int
    proposals: int
    outside: int

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The scores of the networks, in order."""
        return tuple(e.candidate for e in self.evaluations if e.candidate is not None)


class Search(Generic[A]):
    """A search over a space by the scores of proxies, several of them combined by rank.

    The fitness of a network is the rank aggregate of its scores among all networks seen, so it
    changes as more are seen; samplers compare by the current one. A proposal whose function is
    known costs nothing and is not evaluated again; one outside the limits is told as pruned. Where
    all of late are outside, the next ones are mutations of the nearest to the limits.

    Args:
        space: where to search.
        evaluate: what evaluates an architecture; called with dead parts removed.
        proxies: what its candidates are scored by, for their names and directions.
        options: how proposals are made.
        objectives: what the sampler is told; the proxies' rank where not given.
        combine: how ranks are combined: "log" or "mean".
        ledger: what is known and who has what; of this process alone where not given.
        study: the Optuna study that other processes share; one in memory where not given. Its
            sampler is set.
        hopeless: functions found outside the limits since the last one within, after which it ends;
            fewer where finding the cost of one takes long.

    Raises:
        NasproxyError: an unknown sampler, or an option out of range.
    """

    def __init__(
        self,
        space: SearchSpace[A],
        evaluate: Evaluate[A],
        proxies: Sequence[Proxy],
        *,
        options: SamplerOptions | None = None,
        objectives: Sequence[Objective] = _ONE,
        combine: Literal["log", "mean"] = "log",
        ledger: Ledger | None = None,
        study: Study | None = None,
        hopeless: int = 10_000,
    ) -> None:
        self._hopeless = hopeless
        self._space = space
        self._evaluate = evaluate
        self._options = options or SamplerOptions()
        self._objectives = tuple(objectives)
        self._ledger = ledger or LocalLedger()
        self._standing = Standing(proxies, self._objectives, combine)
        self._functions: dict[int, str] = {}  # of trials, by number
        self._proposals = 0
        self._outside = 0
        self._outside_before = 0  # the last one that was scored
        self._retold = 0
        self._approach: Approach[A] = Approach()
        sampler = sampler_of(space, self._options, self._current, shared=study is not None)
        self._shared = study is not None
        if study is None:
            study = new_study([o.higher_is_better for o in self._objectives])
        study.sampler = sampler
        self._study = study

    def run(self, budget: int) -> Iterator[SearchState]:
        """Score up to ``budget`` networks; the state after each that this process scores.

        It ends early where every function of a finite space is known, or where many in a row were
        outside the limits. With others at work it ends when all networks of the budget are scored,
        by whomever.

        Raises:
            NasproxyError: a budget below 1, or no network is within the limits.
        """
        if budget < 1:
            raise NasproxyError(
                f"a budget of {budget} evaluations", accepted="1 or more", hint="--budget 500"
            )
        in_vain = 0
        # A proposal of TPE takes Optuna longer than most networks take to be scored.
        patience = _PATIENCE_WITH_TPE if self._options.name == "tpe" else _PATIENCE
        self._update()
        while len(self._standing.scored) < budget and not self._in_vain():
            if self._ledger.enough(budget):  # others are at the last of them
                self._ledger.wait()
                self._update()
                continue
            self._retell()
            trial = self._study.ask(distributions(self._space))
            self._proposals += 1
            in_vain += 1
            try:
                architecture = self._space.decode(trial.params)
            except NasproxyError:  # not every combination of a sampler of Optuna's is one
                self._tell_nothing(trial.number, failed=True)
                continue
            function = self._functions[trial.number] = self._space.canonical(architecture)
            if self._ledger.get(function) is None:
                if self._ledger.claim(function, budget) == "mine":
                    in_vain = 0
                    found = self._evaluate(self._space.simplified(architecture), function)
                    self._ledger.complete(found)
                    self._approach_limits(architecture, found)
                elif in_vain % _REPEATS_BEFORE_WAITING == 0:
                    self._ledger.wait()
            self._update()
            self._tell(trial.number, function)
            if not in_vain and function in self._standing.rows:
                yield self.state
            elif in_vain and in_vain % patience == 0:
                self._ledger.wait()
                if not self._enqueue_unseen():
                    return

    @property
    def state(self) -> SearchState:
        """What has been found so far."""
        fitness = self._standing.fitness
        pick = int(np.argmax(fitness)) if len(fitness) else -1
        evaluations = tuple(self._standing.scored)
        return SearchState(evaluations, fitness, pick, self._proposals, self._outside)

    def _update(self) -> None:
        known = self._ledger.refresh()
        before = len(self._standing.scored)
        self._standing.update(known)
        self._outside = len(known) - len(self._standing.scored)
        if len(self._standing.scored) > before:
            self._outside_before = self._outside
        if not self._standing.scored and self._in_vain():
            seen = {c: [f.costs[c] for f in known] for c in known[-1].costs}
            lowest = {
                c: np.nanmin(values) for c, values in seen.items() if np.isfinite(values).any()
            }
            raise NasproxyError(
                f"of the first {self._outside:,} networks none is within the limits; the last has "
                f"{known[-1].outside}",
                accepted="limits that some networks of the space keep; the lowest seen: "
                + (", ".join(f"{cost} {value:.6g}" for cost, value in lowest.items()) or "none"),
                bad_input=False,
            )

    def _in_vain(self) -> bool:
        return self._outside - self._outside_before >= self._hopeless

    def _retell(self) -> None:
        """Optuna's TPE compares what trials were told, and ranks change as more are seen."""
        scored = len(self._standing.scored)
        if self._options.name != "tpe" or self._shared or scored < self._retold + _RETELL_AFTER:
            return
        self._study = retold(self._study, self._current)
        self._retold = scored

    def _tell(self, number: int, function: str) -> None:
        row = self._standing.rows.get(function)
        if row is None:
            known = self._ledger.get(function)
            self._tell_nothing(number, failed=known is None)  # another process is at it
            return
        signs = [1 if o.higher_is_better else -1 for o in self._objectives]
        values = (self._standing.values[row] * signs).tolist()
        if np.isnan(values).any():
            self._tell_nothing(number, failed=False)
        else:
            self._study.tell(number, values)

    def _tell_nothing(self, number: int, *, failed: bool) -> None:
        from optuna.trial import TrialState

        # Optuna prunes trials of several objectives nowhere.
        several = len(self._objectives) > 1
        self._study.tell(number, state=TrialState.FAIL if failed or several else TrialState.PRUNED)

    def _approach_limits(self, architecture: A, found: Evaluation) -> None:
        """Let the next proposal be nearer to the limits, where all of late were outside."""
        start = self._approach.start_after(architecture, found)
        # Random draws stay uniform over what is within, and a list is gone through in its order.
        if start is not None and self._options.name not in ("random", "exhaustive"):
            nearer = self._space.mutate(start, trial_rng(self._options.seed, self._proposals))
            self._study.enqueue_trial(self._space.encode(nearer))

    def _current(self, trials: Sequence[FrozenTrial]) -> Float64[np.ndarray, "k o"]:
        found = np.full((len(trials), len(self._objectives)), np.nan)
        for at, trial in enumerate(trials):
            function = self._functions.get(trial.number)
            if function is None:  # of another process
                function = self._space.canonical(self._space.decode(trial.params))
                self._functions[trial.number] = function
            row = self._standing.rows.get(function)
            if row is not None:
                found[at] = self._standing.values[row]
        return found

    def _enqueue_unseen(self) -> bool:
        """Let the sampler's next proposal be a function not known; False where there is none."""
        rng = trial_rng(self._options.seed, self._proposals)
        # A space that can be listed is gone through instead of drawn from for long.
        draws = _FRESH_DRAWS if self._space.size is None else _FRESH_DRAWS_OF_A_LIST

        def unseen(architecture: A) -> bool:
            return self._ledger.get(self._space.canonical(architecture)) is None

        fresh = next(filter(unseen, (self._space.sample(rng) for _ in range(draws))), None)
        if fresh is None and self._space.size is not None:
            fresh = next(filter(unseen, self._space.architectures()), None)
        if fresh is None:
            return False
        self._study.enqueue_trial(self._space.encode(fresh))
        return True
