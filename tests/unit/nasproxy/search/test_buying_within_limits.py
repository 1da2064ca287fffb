"""Trainings within limits: what is asked, what is left out, what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from nasproxy import spaces
from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.images import load_batch
from nasproxy.prediction.gaussian_process import GaussianProcess
from nasproxy.search import bought_run, costs
from nasproxy.search.bought_run import spend
from nasproxy.search.buying import BuyingOptions, Purchase, buy
from nasproxy.search.limits import Limit
from nasproxy.search.pool import table_pool
from nasproxy.search.shop import Shop
from nasproxy.spaces.nasbench201.cell import Cell
from zerocost.journal import Journal

SPACE = spaces.get("nasbench201")
CELLS = [str(cell) for cell in SPACE.architectures()[:150]]
QUICK = GaussianProcess(steps=5)
AIM = SPACE.parse(
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
)


def _truth(text: str, _: str = "") -> float:
    return 60.0 + 5 * text.count("conv_3x3") + 2 * text.count("conv_1x1") - text.count("pool")


def _convolutions(cell: Cell, _: str) -> Mapping[str, float]:
    return {"params": str(cell).count("conv_3x3") + 0.5}


def _steps_to_the_aim(cell: Cell, _: str) -> Mapping[str, float]:
    mine, aim = (SPACE.encode(c) for c in (cell, AIM))
    return {"params": 1.0 + sum(mine[name] != aim[name] for name in aim)}


def _last(found: object) -> tuple[Purchase, ...]:
    return list(found)[-1]  # type: ignore[call-overload, no-any-return]


def _images() -> Batch:
    return load_batch("digits", size=4)


def test_only_what_is_within_is_trained_and_the_best_of_it_found() -> None:
    pool = table_pool(SPACE, CELLS, 0, within=CELLS)
    within = {
        f: _truth(str(a))
        for f, a in zip(pool.functions, pool.architectures, strict=True)
        if _convolutions(a, f)["params"] <= 1.6
    }
    assert 40 < len(within) < len(pool) - 20
    options, limits = BuyingOptions(seed=0), (Limit("params", 1.6),)
    bought = _last(
        buy(SPACE, _truth, 30, QUICK, options, pool=pool, costs=_convolutions, limits=limits)
    )
    assert len(bought) == 30
    assert {p.function for p in bought} <= set(within)
    assert max(p.accuracy for p in bought) == max(within.values())
    assert all(p.costs["params"] <= 1.6 for p in bought)


def test_costs_are_asked_once_and_of_the_wanted_only() -> None:
    pool = table_pool(SPACE, CELLS, 0, within=CELLS)
    asked: list[str] = []

    def counted(cell: Cell, function: str) -> Mapping[str, float]:
        asked.append(function)
        return _convolutions(cell, function)

    limits = (Limit("params", 2.6),)
    _last(buy(SPACE, _truth, 12, QUICK, BuyingOptions(), pool=pool, costs=counted, limits=limits))
    assert len(set(asked)) == len(asked) < len(pool) / 2


def test_ends_when_all_that_is_within_is_bought() -> None:
    pool = table_pool(SPACE, CELLS, 0, within=CELLS)
    within = [f for f, a in zip(pool.functions, pool.architectures, strict=True)
              if _convolutions(a, f)["params"] < 1]  # fmt: skip
    limits = (Limit("params", 1.0),)
    bought = _last(
        buy(
            SPACE,
            _truth,
            len(pool),
            QUICK,
            BuyingOptions(first=200),
            pool=pool,
            costs=_convolutions,
            limits=limits,
        )
    )
    assert {p.function for p in bought} == set(within)


def test_a_rare_network_of_a_large_space_is_approached() -> None:
    """One spelling in 15,625 is within; uniform draws would not find it in 2,000."""
    options = BuyingOptions(pool=400)
    (bought,) = _last(
        buy(
            SPACE,
            _truth,
            1,
            QUICK,
            options,
            costs=_steps_to_the_aim,
            limits=(Limit("params", 1.0),),
        )
    )
    assert bought.function == SPACE.canonical(AIM)


@pytest.mark.parametrize("listed", [True, False])
def test_nothing_within_says_how_near_the_nearest_is(listed: bool) -> None:
    pool = table_pool(SPACE, CELLS, 0, within=CELLS) if listed else None
    with pytest.raises(
        NasproxyError, match=r"none of [\d,]+ candidates .* params of 0.5 above 0.2"
    ):
        _last(
            buy(
                SPACE,
                _truth,
                3,
                QUICK,
                BuyingOptions(pool=150),
                pool=pool,
                costs=_convolutions,
                limits=(Limit("params", 0.2),),
            )
        )


def test_a_folder_keeps_counts(tmp_path: Path) -> None:
    shop = Shop(_truth, "made-up", "score", True, tuple(CELLS))
    limits = (Limit("params", 2e5), Limit("flops", 40e6))
    found = spend(SPACE, shop, tmp_path, budget=6, limits=limits, batch=_images())
    table = pq.read_table(tmp_path / "bought.parquet")
    assert max(table["params"].to_pylist()) <= 200_000
    assert max(table["flops"].to_pylist()) <= 40e6
    counted = SPACE.counts(SPACE.parse(found.purchases[0].architecture))  # type: ignore[attr-defined]
    assert found.purchases[0].costs["params"] == counted["parameters"]
    with Journal(tmp_path / "bought.jsonl", _settings(tmp_path)) as journal:
        assert [sorted(r) for r in journal.records] == [
            ["accuracy", "architecture", "function"]
        ] * 6


def test_measured_costs_are_kept_and_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = np.random.default_rng(0)
    times = iter([np.nan, np.inf, *clock.uniform(1, 3, size=1000)])  # two are not known
    monkeypatch.setattr(costs, "measured_latency", lambda *_, **__: float(next(times)))
    shop = Shop(_truth, "made-up", "score", True, tuple(CELLS))
    limits = (Limit("latency:this", 2.0),)
    first = spend(SPACE, shop, tmp_path, budget=5, limits=limits, batch=_images())
    assert all(p.costs["latency:this"] <= 2 for p in first.purchases)
    monkeypatch.setattr(costs, "measured_latency", lambda *_, **__: pytest.fail("measured again"))
    again = spend(SPACE, shop, tmp_path, budget=5, limits=limits, batch=_images(), overwrite=True)
    assert again == first


def test_trainings_bought_are_written_by_the_same_command_after_it_was_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(_truth, "made-up", "score", True, tuple(CELLS))
    with monkeypatch.context() as patched:
        patched.setattr(bought_run, "write_manifest", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            spend(SPACE, shop, tmp_path, budget=5)
    found = spend(SPACE, shop, tmp_path, budget=5)
    assert len(found.purchases) == 5
    with pytest.raises(NasproxyError, match="holds a finished search"):
        spend(SPACE, shop, tmp_path, budget=5)


def test_limits_need_a_batch(tmp_path: Path) -> None:
    shop = Shop(_truth, "made-up", "score", True, tuple(CELLS))
    with pytest.raises(NasproxyError, match="without a batch"):
        spend(SPACE, shop, tmp_path / "out", budget=5, limits=(Limit("params", 1e6),))
    assert not (tmp_path / "out").exists()


def _settings(folder: Path) -> dict[str, object]:
    import json

    header = (folder / bought_run.JOURNAL).read_text(encoding="utf-8").splitlines()[0]
    found: dict[str, object] = json.loads(header)["configuration"]
    return found


def test_attempts_draw_others() -> None:
    from nasproxy.search.strategy import trial_rng

    draws = [trial_rng(3, 4, attempt).random() for attempt in range(4)]
    assert draws[0] == trial_rng(3, 4).random()
    assert all(a != b for a, b in pairwise(draws))
