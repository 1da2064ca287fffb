"""The search loop over scores that cost nothing."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import optuna
import pytest

from nasproxy.errors import NasproxyError
from nasproxy.proxies import get_all
from nasproxy.ranking.aggregate import rank_aggregate
from nasproxy.scoring.candidates import Candidate
from nasproxy.scoring.table import score_matrix
from nasproxy.search.evaluation import Evaluation
from nasproxy.search.loop import Search, SearchState
from nasproxy.search.samplers import SAMPLERS, SamplerOptions
from nasproxy.spaces.nasbench201.cell import OPERATIONS, Cell
from nasproxy.spaces.nasbench201.space import NASBench201

SPACE = NASBench201()
PROXIES = get_all(["naswot", "params"])


@dataclass
class Scores:
    """Scores by a formula, counting what is asked."""

    calls: Counter[str]

    def __call__(self, cell: Cell, function: str) -> Evaluation:
        assert function == SPACE.canonical(cell)
        self.calls[function] += 1
        assert SPACE.simplified(cell) == cell
        convolutions = float(sum(name.startswith("nor_conv") for name in cell.names))
        scores = {
            "naswot": None if convolutions == 0 else sum(cell.ops) % 7 + convolutions,
            "params": convolutions,
        }
        reasons = {} if convolutions else {"naswot": "none"}
        return Evaluation(str(cell), function, Candidate(str(cell), function, scores, reasons), {})


def _states(
    budget: int, combine: Literal["log", "mean"] = "log", **options: Any
) -> tuple[list[SearchState], Scores]:
    scores = Scores(Counter())
    loop = Search(SPACE, scores, PROXIES, options=SamplerOptions(**options), combine=combine)
    return list(loop.run(budget)), scores


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_no_function_is_scored_twice(sampler: str) -> None:
    states, scores = _states(300, name=sampler, seed=1)
    assert len(states) == 300
    assert set(scores.calls.values()) == {1}
    last = states[-1]
    assert last.proposals > 300
    assert len({c.canonical for c in last.candidates}) == 300
    assert [len(state.candidates) for state in states] == list(range(1, 301))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_seed_decides_everything(sampler: str) -> None:
    first, again, other = (
        _states(80, name=sampler, seed=seed, population=10, tournament=3)[0] for seed in (5, 5, 6)
    )
    assert [s.pick for s in first] == [s.pick for s in again]
    assert first[-1].candidates == again[-1].candidates
    assert first[-1].proposals == again[-1].proposals
    same = first[-1].candidates == other[-1].candidates
    assert same == (sampler == "exhaustive")  # which draws nothing


@pytest.mark.parametrize("combine", ["log", "mean"])
def test_fitness_is_the_rank_aggregate_of_all_that_was_seen(
    combine: Literal["log", "mean"],
) -> None:
    for state in _states(60, combine, population=10, tournament=3)[0]:
        matrix = score_matrix(state.candidates, ["naswot", "params"])
        expected = rank_aggregate(matrix, [1, 1], combine)
        assert np.array_equal(state.fitness, expected)
        assert state.pick == int(np.argmax(expected))


def test_optunas_verbosity_is_left_alone() -> None:
    before = optuna.logging.get_verbosity()
    try:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        _states(2)
        assert optuna.logging.get_verbosity() == optuna.logging.ERROR
    finally:
        optuna.logging.set_verbosity(before)


@pytest.mark.parametrize("budget", [0, -1])
def test_a_budget_below_one_is_refused(budget: int) -> None:
    with pytest.raises(NasproxyError, match=f"a budget of {budget}"):
        _states(budget)


def test_unknown_samplers_and_populations_are_refused() -> None:
    with pytest.raises(NasproxyError, match="no sampler named 'evolve'") as caught:
        _states(3, name="evolve")
    assert "did you mean evolution" in str(caught.value)
    with pytest.raises(NasproxyError, match="population of 1"):
        _states(3, population=1)


class Three(NASBench201):
    """Only the last edge is free, so that there are few functions."""

    size = 5

    def architectures(self) -> tuple[Cell, ...]:
        return tuple(Cell((1, 1, 1, 1, 1, op)) for op in range(5))

    def sample(self, rng: np.random.Generator) -> Cell:
        return self.architectures()[int(rng.integers(5))]

    def mutate(self, architecture: Cell, rng: np.random.Generator) -> Cell:
        return self.architectures()[int(rng.integers(5))]

    def dimensions(self) -> dict[str, tuple[str, ...]]:
        return {"2>3": OPERATIONS}

    def encode(self, architecture: Cell) -> dict[str, str]:
        return {"2>3": architecture.names[-1]}

    def decode(self, choices: Mapping[str, str]) -> Cell:
        return Cell((1, 1, 1, 1, 1, OPERATIONS.index(choices["2>3"])))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_budget_larger_than_the_space_ends_when_all_is_scored(sampler: str) -> None:
    space = Three()
    scores = Scores(Counter())
    states = list(Search(space, scores, PROXIES, options=SamplerOptions(sampler)).run(1000))
    assert set(scores.calls) == {space.canonical(cell) for cell in space.architectures()}
    assert len(states) == len(scores.calls) <= 5


def test_a_sampler_that_is_stuck_does_not_end_the_search() -> None:
    class Stuck(Three):
        def sample(self, rng: np.random.Generator) -> Cell:
            return self.architectures()[0]

        def mutate(self, architecture: Cell, rng: np.random.Generator) -> Cell:
            return architecture

    scores = Scores(Counter())
    states = list(
        Search(Stuck(), scores, PROXIES, options=SamplerOptions(population=3, tournament=2)).run(
            500
        )
    )
    assert len(states) == len({SPACE.canonical(cell) for cell in Stuck().architectures()})


def test_evolution_beats_random_search_on_true_accuracies() -> None:
    if find_spec("analognasbench") is None:
        pytest.skip("analog-nasbench is not installed")
    from nasproxy import benchmarks

    table = benchmarks.get("nasbench201-analog")
    accuracy = dict(zip(table.architectures, table.targets["cifar10"].tolist(), strict=True))

    def evaluate(cell: Cell, function: str) -> Evaluation:
        candidate = Candidate(str(cell), function, {"naswot": accuracy[str(cell)]}, {})
        return Evaluation(str(cell), function, candidate, {})

    def mean_pick(sampler: str) -> float:
        found = []
        for seed in range(10):
            options = SamplerOptions(sampler, seed, population=20, tournament=5)
            loop = Search(SPACE, evaluate, get_all(["naswot"]), options=options)
            *_, last = loop.run(150)
            found.append(accuracy[last.candidates[last.pick].architecture])
        return float(np.mean(found))

    evolution, uniform = mean_pick("evolution"), mean_pick("random")
    assert evolution > uniform + 0.05, (evolution, uniform)
