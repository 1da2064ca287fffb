"""Spending trainings: what is chosen, what is kept, what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nasproxy import spaces
from nasproxy.benchmarks import BenchmarkTable, Quantity
from nasproxy.errors import NasproxyError
from nasproxy.prediction.gaussian_process import GaussianProcess
from nasproxy.prediction.trees import Trees
from nasproxy.search.bought_run import spend
from nasproxy.search.buying import BuyingOptions, buy, pick_of
from nasproxy.search.pool import sampled_pool, table_pool, with_nodes
from nasproxy.search.shop import Shop, shop_of
from nasproxy.search.training_command import training_command
from zerocost.errors import ZerocostError

SPACE = spaces.get("nasbench201")
CELLS = [str(cell) for cell in SPACE.architectures()[:150]]
QUICK = GaussianProcess(steps=5)


def _truth(text: str) -> float:
    return 60.0 + 5 * text.count("conv_3x3") + 2 * text.count("conv_1x1") - text.count("pool")


TABLE = BenchmarkTable(
    name="made-up",
    space="nasbench201",
    architectures=tuple(CELLS),
    targets={
        "score": np.array([_truth(text) for text in CELLS]),
        "loss": np.array([-_truth(text) for text in CELLS]),
    },
    reference="a test",
    quantities={"loss": Quantity("", False, "loss")},
)


def test_finds_the_best_by_few_and_none_twice() -> None:
    pool = table_pool(SPACE, CELLS, 0, within=CELLS)
    bought = list(buy(SPACE, lambda t, _: _truth(t), 40, QUICK, BuyingOptions(seed=0), pool=pool))[
        -1
    ]
    best = max(_truth(str(a)) for a in pool.architectures)
    assert len(bought) == 40 < len(pool) / 2
    assert max(p.accuracy for p in bought) == best
    assert len({p.function for p in bought}) == 40
    assert all(p.predicted is None for p in bought[:10])
    assert all(p.spread is not None and p.spread >= 0 for p in bought[10:])


def test_lower_can_be_better() -> None:
    pool = table_pool(SPACE, CELLS, 0, within=CELLS)
    *_, bought = buy(
        SPACE,
        lambda t, _: -_truth(t),
        30,
        QUICK,
        BuyingOptions(seed=0),
        pool=pool,
        higher_is_better=False,
    )
    assert bought[pick_of(bought, False)].accuracy == -max(
        _truth(str(a)) for a in pool.architectures
    )


def test_ends_when_all_is_bought() -> None:
    pool = table_pool(SPACE, CELLS[:20], 0)
    *_, bought = buy(SPACE, lambda t, _: _truth(t), 99, QUICK, BuyingOptions(), pool=pool)
    assert len(bought) == len(pool)


def test_equal_accuracies_are_bought_on_at_random() -> None:
    pool = table_pool(SPACE, CELLS[:30], 0)
    *_, bought = buy(SPACE, lambda t, _: 1.0, 15, QUICK, BuyingOptions(first=3), pool=pool)
    assert len(bought) == 15


def test_a_large_space_is_drawn_from() -> None:
    rng = np.random.default_rng(0)
    best = [SPACE.parse(CELLS[0])]
    known = {SPACE.canonical(SPACE.parse(text)) for text in CELLS}
    pool = sampled_pool(SPACE, best, known, 100, rng)
    assert pool is not None
    assert not known & set(pool.functions)
    assert len(pool.features) == len(pool) > 30
    options = BuyingOptions(first=4, pool=60)
    runs = [list(buy(SPACE, lambda t, _: _truth(t), 8, QUICK, options))[-1] for _ in range(2)]
    assert runs[0] == runs[1]
    assert len({p.function for p in runs[0]}) == 8


def test_continued_search_is_the_uninterrupted_one(tmp_path: Path) -> None:
    """Stopped by an error in the middle; nothing is paid for twice."""
    calls: list[str] = []

    def train(text: str, function: str) -> float:
        if len(calls) == 13:
            calls.append("failed")
            raise NasproxyError("the power went")
        calls.append(function)
        return _truth(text)

    def shop(of: object) -> Shop:
        return Shop(of, "made-up, score", "score", True, tuple(CELLS))  # type: ignore[arg-type]

    whole = spend(SPACE, shop(lambda t, _: _truth(t)), tmp_path / "whole", budget=18)
    with pytest.raises(NasproxyError, match="the power went"):
        spend(SPACE, shop(train), tmp_path / "cut", budget=18)
    assert not (tmp_path / "cut" / "result.json").exists()
    again = spend(SPACE, shop(train), tmp_path / "cut", budget=18)
    assert again == whole
    assert len(calls) == 19
    assert len(set(calls)) == 19
    for name in ("result.json", "bought.parquet", "best_so_far.png"):
        one, other = (tmp_path / run / name for run in ("whole", "cut"))
        assert one.read_bytes() == other.read_bytes()


def test_what_is_proposed_otherwise_than_before_is_not_paid_for_beyond_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where predictions differ between versions of a library: stood in for by other trees."""
    calls: list[str] = []

    def train(text: str, function: str) -> float:
        calls.append(function)
        return _truth(text)

    shop = Shop(train, "made-up, score", "score", True, tuple(CELLS))
    spend(SPACE, shop, tmp_path, budget=14, predictor="trees")
    monkeypatch.setattr("nasproxy.search.bought_run.get", lambda name: Trees(count=3))
    with pytest.raises(NasproxyError, match="all 14 trainings of the budget are paid for"):
        spend(SPACE, shop, tmp_path, budget=14, predictor="trees", overwrite=True)
    assert len(calls) == 14


def test_a_larger_budget_goes_on(tmp_path: Path) -> None:
    shop = shop_of(None, TABLE, "score")
    spend(SPACE, shop, tmp_path, budget=5, benchmark=TABLE)
    with pytest.raises(NasproxyError, match="finished search"):
        spend(SPACE, shop, tmp_path, budget=8, benchmark=TABLE)
    more = spend(SPACE, shop, tmp_path, budget=8, benchmark=TABLE, overwrite=True)
    assert len(more.purchases) == 8
    found = json.loads((tmp_path / "result.json").read_text())
    assert found["trainings"] == 8
    assert found["regret"] == pytest.approx(TABLE.best("score")[1] - found["pick"]["accuracy"])
    assert pq.read_table(tmp_path / "bought.parquet").num_rows == 8
    with pytest.raises(ZerocostError, match="another configuration"):
        spend(
            SPACE,
            shop,
            tmp_path,
            budget=9,
            options=BuyingOptions(seed=1),
            benchmark=TABLE,
            overwrite=True,
        )


def test_scores_are_read_beside(tmp_path: Path) -> None:
    import pyarrow as pa

    known = [_truth(text) if i % 10 else None for i, text in enumerate(CELLS)]
    pq.write_table(pa.table({"architecture": CELLS, "hint": known}), tmp_path / "s.parquet")
    found = spend(
        SPACE,
        shop_of(None, TABLE, "score"),
        tmp_path / "out",
        budget=14,
        scores=tmp_path / "s.parquet",
        benchmark=TABLE,
    )
    assert found.regret is not None
    assert found.regret <= 3


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; print('no memory', file=sys.stderr); sys.exit(7)", "exit code 7"),
        ("pass", "printed nothing"),
        ("print('done')", "'done'"),
        ("print('nan')", "orders nothing"),
    ],
)
def test_failed_trainings(code: str, said: str) -> None:
    train = training_command(f'{sys.executable} -c "{code}" {{arch}}')
    with pytest.raises(NasproxyError, match=said) as raised:
        train(CELLS[0])
    assert not raised.value.bad_input
    if "7" in said:
        assert "no memory" in str(raised.value)


def test_a_command_gets_the_text_as_it_is() -> None:
    code = "import sys; print(1); print(len(sys.argv[1]))"
    assert training_command(f'{sys.executable} -c "{code}" {{arch}}')(CELLS[0]) == len(CELLS[0])


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(NasproxyError, match=r"no \{arch\}"):
        training_command("python train.py")
    with pytest.raises(NasproxyError, match="nowhere to buy"):
        shop_of(None, None, None)
    with pytest.raises(NasproxyError, match="cannot be started"):
        training_command("/no/such/program {arch}")("x")
    with pytest.raises(NasproxyError, match="first is 2"):
        BuyingOptions(first=2)
    with pytest.raises(NasproxyError, match="budget of 0"):
        spend(SPACE, shop_of(None, TABLE, "score"), tmp_path / "x", budget=0)


@pytest.mark.parametrize(
    ("predictor", "options", "said"),
    [
        ("mabn", BuyingOptions(), "no node-wise values"),
        ("best", BuyingOptions(first=5), "5 training architectures"),
    ],
)
def test_what_cannot_be_fitted_costs_no_training(
    tmp_path: Path, predictor: str, options: BuyingOptions, said: str
) -> None:
    def train(text: str, function: str) -> float:
        raise AssertionError("paid")

    out = tmp_path / "out"
    shop = Shop(train, "a shop", "accuracy", True, tuple(CELLS))
    with pytest.raises(NasproxyError, match=said):
        spend(SPACE, shop, out, budget=20, predictor=predictor, options=options)
    assert not out.exists()


def test_node_values_are_read_of_candidates_by_function(tmp_path: Path) -> None:
    cells = CELLS[:40]
    rows = [
        (text, 0, "snip", f"layer{k}", "Conv2d", k, 8, 1.0 + k * _truth(text))
        for text in cells
        for k in range(3)
    ]
    names = ("architecture", "seed", "proxy", "node", "kind", "position", "width", "value")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table(columns), tmp_path / "nodes.parquet")
    found = spend(
        SPACE,
        Shop(lambda t, _: _truth(t), "a shop", "accuracy", True),
        tmp_path / "out",
        budget=11,
        predictor="dagger",
        options=BuyingOptions(acquisition="ucb"),
        nodes=tmp_path / "nodes.parquet",
    )
    held: dict[str, float] = {}
    for text in cells:
        held.setdefault(SPACE.canonical(SPACE.parse(text)), _truth(text))
    *random, wanted = (purchase.function for purchase in found.purchases)
    assert {*random, wanted} <= held.keys()
    assert held[wanted] == max(held[function] for function in held.keys() - set(random))
    other = next(t for t in CELLS if SPACE.canonical(SPACE.parse(t)) not in held)
    pool = table_pool(SPACE, [other], 0)
    with pytest.raises(NasproxyError, match="holds none of the"):
        with_nodes(SPACE, pool, tmp_path / "nodes.parquet")
