"""Limits, costs, latency, objectives and fronts."""

import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor, nn

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.images import load_batch
from nasproxy.scoring.candidates import Candidate
from nasproxy.search.costs import costs_of
from nasproxy.search.evaluation import Evaluation, evaluator, from_record
from nasproxy.search.latency import measured_latency
from nasproxy.search.limits import Limit, exceeded, latency_limit, size_limit
from nasproxy.search.objectives import objective_values, objectives_of, scalar
from nasproxy.search.pareto import crowding, non_dominated_ranks
from nasproxy.spaces.nasbench201.cell import Cell
from nasproxy.spaces.nasbench201.space import NASBench201
from zerocost.files import to_json

SPACE = NASBench201()
BATCH = load_batch("noise", size=2, seed=0)
CELL = SPACE.parse("|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|none~2|")


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("15.7M", 15.7e6),
        ("800k", 8e5),
        ("1.2G", 1.2e9),
        ("1,500,000", 1.5e6),
        ("3e6", 3e6),
        ("7", 7),
    ],
)
def test_sizes_as_they_are_typed(text: str, most: float) -> None:
    found = size_limit("params", text)
    assert found.cost == "params"
    assert found.most == pytest.approx(most)


@pytest.mark.parametrize(
    "text", ["", "M", "-3M", "0", "5Q", "1.2.3M", "1,5M", "1,50,000", "nan", "inf", "1e999"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(NasproxyError, match="is no positive number"):
        size_limit("flops", text)


def test_latencies_as_they_are_typed() -> None:
    assert latency_limit("pixel3=8") == Limit("latency:pixel3", 8.0)
    assert latency_limit("this=5ms") == Limit("latency:this", 5.0)
    assert latency_limit("this=0.5s") == Limit("latency:this", 500.0)
    for wrong in ("pixel3", "=5", "pixel3=", "pixel3=fast", "pixel3=-1"):
        with pytest.raises(NasproxyError, match="is no device with a time"):
            latency_limit(wrong)


def test_a_cost_at_its_limit_is_within_and_an_unknown_one_is_not() -> None:
    limits = [Limit("params", 10.0), Limit("latency:pixel3", 2.0)]
    assert exceeded(limits, {"params": 10.0, "latency:pixel3": 2.0}) == ""
    assert exceeded(limits, {"params": 11.0, "latency:pixel3": 9.0}) == "params of 11 above 10"
    unknown = {"params": 1.0, "latency:pixel3": math.nan}
    assert exceeded(limits, unknown) == "latency:pixel3 not known, or not finite"


class Uncounted(NASBench201):
    """A space that counts nothing in closed form."""

    counts = None  # type: ignore[assignment]


def test_counts_are_the_same_in_closed_form_and_of_the_network_built() -> None:
    closed = costs_of(SPACE, BATCH, ["params", "flops"])
    built = costs_of(Uncounted(), BATCH, ["params", "flops"])
    assert closed is not None
    assert built is not None
    assert closed(CELL) == built(CELL)
    assert costs_of(SPACE, BATCH, []) is None


@pytest.mark.parametrize(
    ("cost", "message"),
    [("parms", "did you mean params"), ("latency:pixel4", "did you mean pixel3")],
)
def test_costs_that_nobody_knows_are_refused(cost: str, message: str) -> None:
    _needs_hardware()
    with pytest.raises(NasproxyError) as caught:
        costs_of(SPACE, BATCH, [cost])
    assert message in str(caught.value)


def test_a_devices_latency_is_that_of_the_table() -> None:
    _needs_hardware()
    from nasproxy import benchmarks

    table = benchmarks.get("hw-nasbench201")
    found = costs_of(SPACE, BATCH, ["latency:pixel3", "params"])
    assert found is not None
    expected = table.lookup([str(CELL)], "pixel3_latency")[0]
    assert found(CELL)["latency:pixel3"] == expected


class Slow(nn.Module):
    """Takes a known time."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        # Every fifth call is held up, as by another process; the median does not see it.
        time.sleep(0.05 if self.calls % 5 == 0 else 0.004)
        assert not self.training
        assert torch.get_num_threads() == 1
        found: Tensor = self.layer(x)
        return found


def test_latency_is_the_median_of_one_thread_in_evaluation_mode() -> None:
    network = Slow()
    threads = torch.get_num_threads()
    milliseconds = measured_latency(network, Batch(torch.zeros(1, 2)))
    assert 4.0 <= milliseconds < 45.0
    assert network.training
    assert network.calls >= 15
    assert torch.get_num_threads() == threads


class Pair(nn.Module):
    """Takes two inputs, and keyword arguments by these names."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return left @ right


@pytest.mark.parametrize("named", [False, True])
def test_latency_of_a_network_with_several_inputs(named: bool) -> None:
    left, right = torch.zeros(1, 2), torch.zeros(2, 3)  # right @ left is no product
    inputs = {"right": right, "left": left} if named else (left, right)
    assert measured_latency(Pair(), Batch(inputs)) > 0


class ChangesItsInput(NASBench201):
    """Its networks rectify what they are called with, in place."""

    def build(self, *_: Any, **__: Any) -> nn.Module:
        return nn.ReLU(inplace=True)

    build_to_read = build


def test_latency_leaves_the_batch_as_it_is() -> None:
    images = torch.full((2, 3, 8, 8), -1.0)
    found = costs_of(ChangesItsInput(), Batch(images), ["latency:this"])
    assert found is not None
    found(CELL)
    assert bool((images == -1).all())


def test_latency_of_this_machine_is_a_cost() -> None:
    found = costs_of(NASBench201(channels=4, cells=1), BATCH, ["latency:this"])
    assert found is not None
    assert 0 < found(CELL)["latency:this"] < 10_000


def test_what_is_outside_the_limits_is_not_scored_and_survives_json() -> None:
    def score(cell: Cell) -> Candidate:
        return Candidate(str(cell), "f", {"naswot": 1.0}, {})

    costs = costs_of(SPACE, BATCH, ["params"])
    most = float(SPACE.counts(CELL)["parameters"])
    within = evaluator(score, costs, [Limit("params", most)])(CELL, "f")
    assert within.candidate is not None
    outside = evaluator(score, costs, [Limit("params", most - 1)])(CELL, "f")
    assert outside.candidate is None
    assert outside.outside.startswith("params of")
    for found in (within, outside):
        assert from_record(found.as_record()) == found


@pytest.mark.parametrize("unknown", [math.nan, math.inf])
def test_a_cost_that_is_not_known_is_above_every_limit_and_survives_json(unknown: float) -> None:
    def score(cell: Cell) -> Candidate:
        return Candidate(str(cell), "f", {"naswot": 1.0}, {})

    limited = evaluator(score, lambda _: {"watts": unknown}, [Limit("watts", 5.0)])(CELL, "f")
    assert limited.candidate is None
    assert limited.outside == "watts not known, or not finite"
    scored = evaluator(score, lambda _: {"watts": unknown, "params": 3.0})(CELL, "f")
    for found in (limited, scored):
        read = from_record(json.loads(to_json(found.as_record())))
        assert math.isnan(read.costs["watts"])
        assert replace(read, costs={}) == replace(found, costs={})
    assert scored.costs["params"] == 3.0


DIRECTIONS = {"naswot": True, "ntk": False, "params": True}


def test_objectives_have_directions() -> None:
    found = objectives_of(["proxies", "params", "ntk", "latency:this", "naswot=min"], DIRECTIONS)
    assert [(o.name, o.higher_is_better) for o in found] == [
        ("proxies", True),
        ("params", False),  # the cost, though a proxy has its name
        ("ntk", False),
        ("latency:this", False),
        ("naswot", False),
    ]
    assert objectives_of(["flops=max"], {})[0].higher_is_better


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["naswott"], "did you mean naswot"),
        (["synflow"], "a proxy where it is among --proxies"),
        (["params", "params=max"], "named twice"),
        (["params=up"], "no direction 'up'"),
        ([], "no objective"),
    ],
)
def test_objectives_that_cannot_be_are_refused(texts: list[str], message: str) -> None:
    with pytest.raises(NasproxyError) as caught:
        objectives_of(texts, DIRECTIONS)
    assert message in str(caught.value)


def test_objective_values_keep_their_units() -> None:
    evaluations = [
        Evaluation("a", "a", Candidate("a", "a", {"naswot": 3.0}, {}), {"params": 7.0}),
        Evaluation("b", "b", Candidate("b", "b", {"naswot": None}, {}), {"params": 8.0}),
    ]
    wanted = objectives_of(["proxies", "naswot", "params"], {"naswot": True})
    values = objective_values(wanted, evaluations, np.array([0.5, 0.25]))
    assert np.array_equal(values, [[0.5, 3.0, 7.0], [0.25, np.nan, 8.0]], equal_nan=True)


POINTS = hnp.arrays(
    np.float64,
    st.tuples(st.integers(0, 25), st.integers(1, 4)),
    elements=st.integers(-3, 3).map(float) | st.just(np.nan),
)


def _brute_force(values: np.ndarray) -> list[int]:
    """Fronts peeled off one by one, by the definition."""
    known = [[-np.inf if np.isnan(v) else v for v in row] for row in values]
    ranks, left, front = [-1] * len(known), set(range(len(known))), 0
    while left:
        here = {
            i
            for i in left
            if not any(
                all(a >= b for a, b in zip(known[j], known[i], strict=True))
                and known[j] != known[i]
                for j in left
            )
        }
        for i in here:
            ranks[i] = front
        left, front = left - here, front + 1
    return ranks


@given(POINTS)
@settings(max_examples=150, deadline=None)
def test_fronts_are_those_of_the_definition(values: np.ndarray) -> None:
    assert non_dominated_ranks(values).tolist() == _brute_force(values)


@given(POINTS)
@settings(max_examples=60, deadline=None)
def test_a_scalar_never_prefers_a_later_front(values: np.ndarray) -> None:
    order, fronts = scalar(values), np.array(_brute_force(values), dtype=np.int64)
    for i in range(len(values)):
        for j in range(len(values)):
            if fronts[i] < fronts[j] and not np.isnan(order[[i, j]]).any():
                assert order[i] > order[j]


def test_crowding_by_hand() -> None:
    # Deb and others, section III.B: on the line y = 4 - x the ends are infinite; the point at 1
    # has its neighbours 3 apart in both objectives, whose spreads are 4, the one at 3 too.
    x = np.array([0.0, 4.0, 1.0, 3.0])
    found = crowding(np.stack([x, 4 - x], axis=1))
    assert found.tolist() == [np.inf, np.inf, 1.5, 1.5]
    assert crowding(np.ones((3, 2))).tolist() == [0, 0, 0]
    assert crowding(np.empty((0, 2))).tolist() == []


def _needs_hardware() -> None:
    from nasproxy import data

    if not (Path(data.where()) / data.HW_NASBENCH201.name).exists():
        pytest.skip("ZEROCOST_DATA_DIR has no nasbench201/hw_cifar10.csv")


def test_a_batch_of_one_is_what_latency_is_measured_on() -> None:
    seen: list[Any] = []

    class Watched(NASBench201):
        def build(self, architecture: Cell, **named: Any) -> nn.Module:
            network = super().build(architecture, **named)
            network.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0].shape[0]))
            return network

    batch = Batch(torch.zeros(5, 3, 32, 32), torch.zeros(5, dtype=torch.long), 10)
    found = costs_of(Watched(channels=4, cells=1), batch, ["latency:this"])
    assert found is not None
    found(CELL)
    assert set(seen) == {1}
