"""Several seeds, node-wise values, shared networks and estimates of a ranking."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from torch import Tensor, nn

import nasproxy
from nasproxy.errors import NasproxyError
from nasproxy.images import load_batch
from nasproxy.proxies import get_all, names
from nasproxy.scoring import architectures as architectures_module
from nasproxy.scoring.architectures import architectures_task, multiply_accumulates
from nasproxy.scoring.candidates import build_for
from nasproxy.scoring.choice import choose
from nasproxy.scoring.estimate import estimate
from nasproxy.scoring.measuring import depends_on_seed
from nasproxy.scoring.nodes import NodeLog, node_rows, node_schema
from nasproxy.scoring.rank import rank_architectures, seeds_of
from nasproxy.scoring.table import read_scores
from nasproxy.spaces.nasbench201.cell import Cell
from nasproxy.spaces.nasbench201.space import NASBench201

SPACE = NASBench201(channels=4, cells=1)
BATCHES = [load_batch("noise", size=4, seed=seed) for seed in range(3)]
PROXIES = ["naswot", "params", "synflow", "snip", "l2_norm"]
LIVE = SPACE.parse("|none~0|+|skip_connect~0|none~1|+|none~0|none~1|nor_conv_1x1~2|")
DEAD = SPACE.parse("|nor_conv_3x3~0|+|skip_connect~0|none~1|+|none~0|none~1|nor_conv_1x1~2|")
NOTHING = SPACE.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
CELLS = [DEAD, *choose(SPACE, sample=5, seed=2), NOTHING, LIVE]


def _rank(out: Path, **changed: Any) -> Path:
    arguments: dict[str, Any] = {"batch": BATCHES, "proxies": PROXIES, "seeds": 3, **changed}
    rank_architectures(
        SPACE,
        changed.pop("cells", CELLS),
        out=out,
        **{key: value for key, value in arguments.items() if key != "cells"},
    )
    return out


def test_mean_and_spread_are_those_of_single_seeds(tmp_path: Path) -> None:
    several = pq.read_table(_rank(tmp_path / "several.parquet")).to_pylist()
    singles = []
    for seed in range(3):
        out = _rank(tmp_path / f"{seed}.parquet", batch=BATCHES[seed], seed=seed, seeds=1)
        singles.append({row["architecture"]: row for row in pq.read_table(out).to_pylist()})
    assert len(several) == len(CELLS)
    for row in several:
        for proxy in PROXIES:
            values = [single[row["architecture"]][proxy] for single in singles]
            if None in values:
                assert row[proxy] is None
                assert row[f"{proxy}_sd"] is None
                continue
            assert row[proxy] == pytest.approx(np.mean(values), rel=1e-15)
            assert row[f"{proxy}_sd"] == pytest.approx(np.std(values, ddof=1), rel=1e-12)
        assert row["params_sd"] == 0
        assert row["architecture"] == str(NOTHING) or row["snip_sd"] > 0
    table = read_scores(tmp_path / "several.parquet")
    assert list(table.scores) == PROXIES  # a spread is no proxy to be correlated
    assert (
        b'"seeds": [0, 1, 2]' in pq.read_schema(tmp_path / "several.parquet").metadata[b"nasproxy"]
    )


def test_weights_drawn_anew_in_place_are_those_of_a_fresh_network() -> None:
    network = build_for(SPACE, DEAD, BATCHES[0], seed=0)
    SPACE.redraw(network, 7)
    fresh = build_for(SPACE, DEAD, BATCHES[0], seed=7)
    for (name, one), (_, other) in zip(
        network.state_dict().items(), fresh.state_dict().items(), strict=True
    ):
        assert one.equal(other), name


def test_what_no_seed_changes_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {p.name for p in get_all(names()) if not depends_on_seed(p)} == {"params", "flops"}
    built = []

    def counted(*arguments: Any, **named: Any) -> Any:
        built.append(named["seed"])
        return build_for(*arguments, **named)

    monkeypatch.setattr(architectures_module, "build_for", counted)
    task = architectures_task(SPACE, BATCHES, PROXIES, seeds=(0, 1, 2))
    found = task.start()(str(LIVE), False)
    assert built == [0]  # weights of the others are drawn into the same network
    assert len(set(found.values["params"])) == 1
    assert len(set(found.values["snip"])) == 3


def test_a_network_of_two_spellings_is_measured_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SPACE.simplified(DEAD) == LIVE
    measured: list[tuple[str, tuple[str, ...]]] = []
    real: Callable[..., Any] = architectures_module.measured

    def watched(draw: Any, batches: Any, proxies: Any, seeds: Any, **named: Any) -> Any:
        measured.append((named["entry"], tuple(p.name for p in proxies)))
        return real(draw, batches, proxies, seeds, **named)

    monkeypatch.setattr(architectures_module, "measured", watched)
    nodes = tmp_path / "nodes.parquet"
    out = _rank(tmp_path / "both.parquet", cells=[DEAD, LIVE], nodes=nodes)
    spelt, shared = ("params", "l2_norm"), ("naswot", "synflow", "snip")
    assert measured == [(str(DEAD), spelt), (str(DEAD), shared), (str(LIVE), spelt)]
    monkeypatch.undo()
    alone_nodes = tmp_path / "alone_nodes.parquet"
    alone = _rank(tmp_path / "alone.parquet", cells=[LIVE], nodes=alone_nodes)
    columns = [*PROXIES, *(f"{proxy}_sd" for proxy in PROXIES)]
    (expected,) = pq.read_table(alone, columns=columns).to_pylist()
    rows = {row["architecture"]: row for row in pq.read_table(out).to_pylist()}
    assert {column: rows[str(LIVE)][column] for column in columns} == expected
    assert rows[str(DEAD)]["params"] > rows[str(LIVE)]["params"]
    assert rows[str(DEAD)]["snip"] == rows[str(LIVE)]["snip"]

    def of_live(path: Path) -> set[tuple[object, ...]]:
        found = pq.read_table(path).to_pylist()
        return {tuple(row.values()) for row in found if row["architecture"] == str(LIVE)}

    assert of_live(nodes) == of_live(alone_nodes)


def test_nodes_add_up_to_the_scores_and_say_where_they_are(tmp_path: Path) -> None:
    nodes = tmp_path / "nodes.parquet"
    _rank(tmp_path / "scores.parquet", nodes=nodes)
    table = pq.read_table(nodes)
    assert table.schema.remove_metadata() == node_schema()
    rows = table.to_pylist()
    for cell in (CELLS[1], DEAD):
        for seed in range(3):
            network = build_for(SPACE, cell, BATCHES[seed], seed=seed)
            pruned = build_for(SPACE, SPACE.simplified(cell), BATCHES[seed], seed=seed)
            for proxy in get_all(PROXIES):
                source = network if proxy.depends_on_spelling else pruned
                score = nasproxy.evaluate(source, BATCHES[seed], proxy, seed=seed)[proxy.name]
                found = [
                    row
                    for row in rows
                    if (row["architecture"], row["seed"], row["proxy"])
                    == (str(cell), seed, proxy.name)
                ]
                assert [row["node"] for row in found] == list(score.node_names)
                assert [row["value"] for row in found] == score.nodes.tolist()
    modules = dict(build_for(SPACE, CELLS[1], BATCHES[0], seed=0).named_modules())
    for row in rows:
        if row["architecture"] == str(CELLS[1]) and row["proxy"] == "l2_norm":
            module = modules[row["node"].removesuffix(".weight")]
            assert row["kind"] == type(module).__name__
            assert list(modules.values())[row["position"]] is module
            assert row["width"] == module.weight.shape[0]


def test_the_nodes_of_a_module_that_is_called_twice_are_its_own() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU())
            self.head = nn.utils.parametrizations.weight_norm(nn.Linear(3, 10))

        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = self.head(self.body(self.body(x)).mean(dim=(2, 3)))
            return scores

    network = Twice()
    found = nasproxy.evaluate(network, BATCHES[0], ["naswot", "fisher", "l2_norm"])
    rows = node_rows("a", 0, network, found).to_pylist()
    places = {(row["proxy"], row["node"]): (row["kind"], row["position"]) for row in rows}
    assert places["naswot", "body.1"] == places["naswot", "body.1#2"] == ("ReLU", 3)
    assert places["fisher", "body.0"] == places["fisher", "body.0#2"] == ("Conv2d", 2)
    inside = [place for (_, node), place in places.items() if "parametrizations" in node]
    assert inside
    assert set(inside) == {("ParametrizedLinear", 4)}


def test_nodes_are_the_same_bytes_for_any_jobs_and_after_an_interruption(tmp_path: Path) -> None:
    whole, cut, two = (tmp_path / name for name in ("whole", "cut", "two"))
    for folder in (whole, cut, two):
        folder.mkdir()
    _rank(whole / "s.parquet", nodes=whole / "n.parquet")
    _rank(two / "s.parquet", nodes=two / "n.parquet", jobs=2)
    for stop_after in (1, 4):
        seen = []

        def stop(candidate: object, at: int = stop_after, seen: list[object] = seen) -> None:
            seen.append(candidate)
            if len(seen) == at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            _rank(cut / "s.parquet", nodes=cut / "n.parquet", on_candidate=stop)
    log = cut / "n.parquet.journal.arrow"
    # As after a power cut: the journal has more than the log, whose last rows are cut off.
    log.write_bytes(log.read_bytes()[:-7])
    _rank(cut / "s.parquet", nodes=cut / "n.parquet")
    for name in ("s.parquet", "n.parquet"):
        expected = (whole / name).read_bytes()
        assert (cut / name).read_bytes() == (two / name).read_bytes() == expected
    assert sorted(p.name for p in cut.iterdir()) == [
        "n.parquet",
        "s.parquet",
        "s.parquet.manifest.json",
    ]


def test_a_log_of_nodes_drops_what_was_cut_off(tmp_path: Path) -> None:
    import pyarrow as pa

    def rows(entry: str) -> pa.RecordBatch:
        row = {"architecture": entry, "seed": 0, "proxy": "p", "node": "n", "value": 1.5}
        return pa.RecordBatch.from_pylist([row], schema=node_schema())

    path = tmp_path / "log"
    log = NodeLog(path, keep=0)
    for entry in ("a", "b", "c"):
        log.append(rows(entry))
    log.close()
    whole = path.read_bytes()
    for cut in range(0, len(whole), 13):
        path.write_bytes(whole[:cut])
        again = NodeLog(path, keep=3)
        assert [batch.column(0)[0].as_py() for batch in again] == ["a", "b", "c"][: len(again)]
        assert len(again) == cut * 3 // len(whole)
        again.close()
    path.write_bytes(whole)
    kept = NodeLog(path, keep=1)
    kept.append(rows("z"))
    assert [batch.column(0)[0].as_py() for batch in kept] == ["a", "z"]
    kept.close()


def test_an_estimate_writes_nothing_and_counts_what_is_shared(tmp_path: Path) -> None:
    task = architectures_task(SPACE, BATCHES, PROXIES, seeds=(0, 1, 2), nodes=True)
    entries = [str(cell) for cell in CELLS]
    found = estimate(task, entries, jobs=2, timed=3, size=multiply_accumulates(SPACE))
    assert found.entries == len(CELLS)
    assert found.networks == len({str(SPACE.simplified(cell)) for cell in CELLS})
    assert found.networks < found.entries
    assert found.timed == 3
    assert found.seconds_each > 0
    assert found.seconds >= found.seconds_each * found.networks / 2
    assert found.node_rows is not None
    assert found.node_rows > 0
    with pytest.raises(NasproxyError, match="no architecture"):
        estimate(task, [], jobs=1)


def test_seeds_are_counted_up_and_one_at_the_least() -> None:
    assert seeds_of(5, 3) == (5, 6, 7)
    with pytest.raises(NasproxyError, match="0 seeds"):
        seeds_of(0, 0)
    with pytest.raises(NasproxyError, match="the seed is -1"):
        seeds_of(-1, 3)
    assert isinstance(CELLS[0], Cell)
