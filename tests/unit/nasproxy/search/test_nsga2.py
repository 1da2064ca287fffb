"""NSGA-II on spaces whose front is known."""

from collections.abc import Sequence

import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial

from nasproxy.errors import NasproxyError
from nasproxy.proxies import get_all
from nasproxy.scoring.candidates import Candidate
from nasproxy.search.evaluation import Evaluation
from nasproxy.search.limits import Limit, exceeded
from nasproxy.search.loop import Search
from nasproxy.search.nsga2 import NSGA2
from nasproxy.search.objectives import objectives_of, oriented
from nasproxy.search.pareto import non_dominated_ranks
from nasproxy.search.samplers import SAMPLERS, SamplerOptions
from nasproxy.search.strategy import SpaceSampler, distributions
from nasproxy.spaces.nasbench201.cell import Cell
from nasproxy.spaces.nasbench201.space import NASBench201

SPACE = NASBench201()
PROXIES = get_all(["naswot"])


def told(trials: Sequence[FrozenTrial]) -> np.ndarray:
    return np.array([trial.values for trial in trials], dtype=np.float64)


def counts(cell: Cell) -> tuple[float, float]:
    """How many edges hold a convolution, and how many a skip: they compete for six edges."""
    return (
        float(sum(name.startswith("nor_conv") for name in cell.names)),
        float(cell.names.count("skip_connect")),
    )


def proposed(sampler: optuna.samplers.BaseSampler, number: int) -> list[Cell]:
    study = optuna.create_study(sampler=sampler, directions=["maximize", "maximize"])
    cells = []
    for _ in range(number):
        trial = study.ask(distributions(SPACE))
        cells.append(SPACE.decode(trial.params))
        study.tell(trial, counts(cells[-1]))
    return cells


def test_the_whole_front_is_found() -> None:
    strategy = NSGA2(SPACE, told, seed=0, population=24)
    cells = proposed(SpaceSampler(SPACE, strategy), 600)
    values = np.array([counts(cell) for cell in cells])
    front = {tuple(row) for row in values[non_dominated_ranks(values) == 0]}
    assert front == {(float(k), float(6 - k)) for k in range(7)}
    late = values[-100:].sum(axis=1).mean()
    assert late > values[:24].sum(axis=1).mean() + 1.5


def test_the_same_seed_proposes_the_same_and_another_seed_another() -> None:
    def run(seed: int) -> list[Cell]:
        return proposed(SpaceSampler(SPACE, NSGA2(SPACE, told, seed=seed, population=10)), 60)

    assert run(3) == run(3)
    assert run(3) != run(4)


def test_without_mutation_children_hold_what_their_parents_hold() -> None:
    strategy = NSGA2(SPACE, told, seed=1, population=2, mutation=0.0)
    study = optuna.create_study(
        sampler=SpaceSampler(SPACE, strategy), directions=["maximize", "maximize"]
    )
    parents = []
    for _ in range(2):
        trial = study.ask(distributions(SPACE))
        parents.append(SPACE.decode(trial.params))
        study.tell(trial, [1.0, 1.0])
    child = SPACE.decode(study.ask(distributions(SPACE)).params)
    foreign = [
        op
        for place, op in enumerate(child.ops)
        if op not in {parent.ops[place] for parent in parents}
    ]
    # A child like a parent becomes its neighbour, which is one change away.
    assert len(foreign) <= 1


def test_a_network_that_was_the_best_early_does_not_stay_so() -> None:
    # The values change their mind after 100 trials, as ranks among all that was seen do.
    seen = []

    def values(trials: Sequence[FrozenTrial]) -> np.ndarray:
        wanted = 0 if len(seen) < 100 else 1
        return np.array([[counts(SPACE.decode(trial.params))[wanted]] for trial in trials])

    strategy = NSGA2(SPACE, values, seed=0, population=10)
    study = optuna.create_study(sampler=SpaceSampler(SPACE, strategy), direction="maximize")
    for _ in range(400):
        trial = study.ask(distributions(SPACE))
        seen.append(SPACE.decode(trial.params))
        study.tell(trial, 0.0)
    assert np.mean([counts(cell)[0] for cell in seen[80:100]]) > 4
    assert np.mean([counts(cell)[1] for cell in seen[-50:]]) > 4


@pytest.mark.parametrize("options", [{"population": 1}, {"mutation": -0.1}, {"mutation": 1.5}])
def test_options_out_of_range_are_named(options: dict[str, float]) -> None:
    with pytest.raises(NasproxyError, match=str(next(iter(options.values())))):
        NSGA2(SPACE, told, seed=0, **options)  # type: ignore[arg-type]


def _evaluate(limit: float) -> object:
    def evaluate(cell: Cell, function: str) -> Evaluation:
        convolutions, skips = counts(cell)
        costs = {"params": skips}
        outside = exceeded([Limit("params", limit)], costs)
        candidate = Candidate(str(cell), function, {"naswot": convolutions}, {})
        return Evaluation(str(cell), function, None if outside else candidate, costs, outside)

    return evaluate


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("objectives", [["proxies"], ["proxies", "params"]])
def test_limits_are_kept_by_every_sampler(sampler: str, objectives: list[str]) -> None:
    search = Search(
        SPACE,
        _evaluate(1.0),  # type: ignore[arg-type]
        PROXIES,
        options=SamplerOptions(sampler, seed=0, population=10, tournament=3),
        objectives=objectives_of(objectives, {"naswot": True}),
    )
    budget = 25 if sampler == "tpe" else 60
    *_, last = search.run(budget)
    assert len(last.evaluations) == budget
    assert max(found.costs["params"] for found in last.evaluations) <= 1
    assert last.outside > 0
    assert last.proposals >= budget + last.outside


class Endless(NASBench201):
    size = None  # type: ignore[assignment]

    def canonical(self, architecture: Cell) -> str:
        self.made = getattr(self, "made", 0) + 1
        return str(self.made)


def test_limits_that_nearly_nothing_keeps_end_the_search_with_what_it_has() -> None:
    def evaluate(architecture: Cell, function: str) -> Evaluation:
        most = 6.0 if int(function) <= 30 else -1.0  # nothing of later ones is within
        return _evaluate(most)(architecture, function)  # type: ignore[operator]

    search = Search(Endless(), evaluate, PROXIES, hopeless=200)
    for _ in search.run(100):
        pass
    assert 0 < len(search.state.evaluations) <= 30
    assert search.state.outside >= 200


def test_limits_that_nothing_keeps_end_the_search() -> None:
    search = Search(Endless(), _evaluate(-1.0), PROXIES, hopeless=200)  # type: ignore[arg-type]
    with pytest.raises(NasproxyError, match="none is within the limits") as caught:
        list(search.run(5))
    assert "the lowest seen: params " in str(caught.value)


def test_a_front_of_a_search_is_that_of_its_values() -> None:
    objectives = objectives_of(["naswot", "params=max"], {"naswot": True})
    search = Search(
        SPACE,
        _evaluate(6.0),  # type: ignore[arg-type]
        PROXIES,
        options=SamplerOptions("nsga2", seed=0, population=20),
        objectives=objectives,
    )
    *_, last = search.run(250)
    values = np.array(
        [
            [e.candidate.scores["naswot"], e.costs["params"]]  # type: ignore[union-attr]
            for e in last.evaluations
        ]
    )
    found = {tuple(row) for row in values[non_dominated_ranks(oriented(objectives, values)) == 0]}
    # Dead edges are gone from what is evaluated, so not every split of six edges exists.
    assert (6.0, 0.0) in found
    assert len(found) >= 3


def test_a_mutation_belongs_to_nsga2() -> None:
    with pytest.raises(NasproxyError, match="belongs to nsga2"):
        Search(SPACE, _evaluate(6.0), PROXIES, options=SamplerOptions(mutation=0.1))  # type: ignore[arg-type]
