"""Which network a score belongs to, and that a table does not depend on how it was made."""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import nasproxy
from nasproxy.errors import NasproxyError
from nasproxy.images import load_batch
from nasproxy.proxies import get_all, names
from nasproxy.scoring import rank as rank_module
from nasproxy.scoring.candidates import build_for, score_candidate
from nasproxy.scoring.choice import choose
from nasproxy.scoring.rank import rank_architectures
from nasproxy.scoring.readiness import batch_identity, check_device
from nasproxy.scoring.table import read_scores
from nasproxy.spaces.nasbench201.space import NASBench201

SPACE = NASBench201(channels=4, cells=1)
DEAD = SPACE.parse(
    "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|none~0|none~1|nor_conv_1x1~2|"
)  # the first edge leads nowhere
NOTHING = SPACE.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
BATCH = load_batch("noise", size=4, seed=0)
CELLS = [*choose(SPACE, sample=9, seed=1), NOTHING, DEAD]
PROXIES = ["naswot", "synflow", "params", "snip"]


def _rank(out: Path, **changed: object) -> list[object]:
    arguments: dict[str, object] = {"batch": BATCH, "proxies": PROXIES, **changed}
    return list(rank_architectures(SPACE, CELLS, out=out, **arguments))  # type: ignore[arg-type]


def test_weights_are_those_as_written_and_data_sees_the_simplified_network() -> None:
    simplified = SPACE.simplified(DEAD)
    assert simplified != DEAD
    found = score_candidate(SPACE, DEAD, BATCH, names(), seed=3)
    assert found.architecture == str(DEAD)
    read = [name for name in names() if name not in found.reasons]
    assert len(read) >= 25  # what is left reads transformers
    written, pruned = (
        nasproxy.evaluate(build_for(SPACE, cell, BATCH, seed=3), BATCH, read, seed=3)
        for cell in (DEAD, simplified)
    )
    differing = set()
    for proxy in get_all(read):
        expected = written if proxy.depends_on_spelling else pruned
        assert found.scores[proxy.name] == expected[proxy.name].value
        if written[proxy.name].value != pruned[proxy.name].value:
            differing.add(proxy.name)
    assert {"params", "flops", "l2_norm"} <= differing


def test_a_table_is_the_same_bytes_for_one_process_and_for_two(tmp_path: Path) -> None:
    _rank(tmp_path / "one.parquet", jobs=1)
    _rank(tmp_path / "two.parquet", jobs=2)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_no_score_is_null_ranks_worst_and_is_counted(tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    _rank(out, command=("/usr/bin/nasproxy", "rank"), inputs=[Path(__file__)])
    found = pq.read_table(out)
    last = found.slice(len(CELLS) - 1).to_pylist()[0]
    assert last["architecture"] == str(NOTHING)
    assert last["rank"] == len(CELLS)
    assert last["naswot"] is None
    assert last["synflow"] is None
    assert last["params"] > 0
    assert (np.diff(found.column("fitness").to_numpy()) <= 0).all()
    manifest = json.loads(out.with_name("scores.parquet.manifest.json").read_text())
    assert manifest["counts"]["taken"] == manifest["counts"]["given"] == len(CELLS)
    rejected = manifest["counts"]["rejected"]
    assert sum(rejected.values()) == sum(
        row[name] is None for row in found.to_pylist() for name in PROXIES
    )
    assert any("naswot" in reason for reason in rejected)
    assert manifest["command"] == ["nasproxy", "rank"]
    assert manifest["seeds"] == {"rank": 0}
    assert manifest["configuration"]["proxies"] == PROXIES
    assert manifest["configuration"]["images"] == batch_identity(BATCH)
    assert [file["path"] for file in manifest["inputs"]] == [__file__]
    assert manifest["outputs"][0]["bytes"] == out.stat().st_size
    assert sorted(p.name for p in tmp_path.iterdir()) == [out.name, f"{out.name}.manifest.json"]


def test_a_run_killed_between_the_table_and_its_manifest_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rank(tmp_path / "whole.parquet")
    out = tmp_path / "scores.parquet"
    with monkeypatch.context() as patched:
        patched.setattr(rank_module, "write_manifest", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            _rank(out)
    assert out.exists()
    _rank(out)
    assert out.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert not out.with_name(f"{out.name}.journal.jsonl").exists()


def test_an_interrupted_run_is_continued_with_its_own_settings_alone(tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"

    def stop(_candidate: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _rank(out, on_candidate=stop)
    other = load_batch("noise", size=4, seed=9)
    for change, key in (
        ({"seed": 1}, "seed: 0 there, 1 now"),
        ({"proxies": ["params"]}, "proxies"),
        ({"batch": other}, "images"),
    ):
        with pytest.raises(rank_module.NasproxyError.__mro__[1], match=key):
            _rank(out, **change)
    assert not out.exists()
    _rank(out)
    _rank(tmp_path / "whole.parquet")
    assert out.read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_a_run_stopped_before_its_first_score_binds_nobody(tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    out.write_bytes(b"mine")
    rank_module.Journal(out.with_name(f"{out.name}.journal.jsonl"), {"seed": 5}).close()
    with pytest.raises(NasproxyError, match="exists"):
        _rank(out)
    assert out.read_bytes() == b"mine"
    _rank(out, overwrite=True)
    assert read_scores(out).space == "nasbench201"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"jobs": 0}, "0 jobs"),
        ({"device": "cuda:99"}, "cuda:99"),
        ({"device": "nonsense"}, "knows no such device"),
        ({"batch": load_batch("noise", size=1)}, "naswot needs a batch of at least 2"),
        ({"proxies": ["naswott"]}, "did you mean naswot"),
    ],
)
def test_what_cannot_work_leaves_nothing_behind(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(NasproxyError) as caught:
        _rank(tmp_path / "scores.parquet", **change)
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_device_that_is_there_is_accepted() -> None:
    check_device("cpu")


def test_a_batch_is_known_by_its_values() -> None:
    again = load_batch("noise", size=4, seed=0)
    assert batch_identity(again) == batch_identity(BATCH)
    assert again.labels is not None
    again.labels[0] += 1
    assert batch_identity(again) != batch_identity(BATCH)
    assert batch_identity(load_batch("noise", size=4, seed=1)) != batch_identity(BATCH)


def test_a_folder_or_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(NasproxyError, match="is a folder"):
        _rank(tmp_path, overwrite=True)
    kept = tmp_path / "scores.parquet.manifest.json"
    kept.write_text("mine")
    with pytest.raises(NasproxyError, match="exists"):
        _rank(tmp_path / "scores.parquet")
    assert kept.read_text() == "mine"
    assert os.listdir(tmp_path) == [kept.name]  # noqa: PTH208
