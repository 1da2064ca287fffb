"""Designs that are run by several, killed, and gone on with: one table, joined by run id."""

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dataselect.errors import DataselectError
from dataselect.selection.transforms import Stats
from dataselect.selection.weights import ColumnWeight
from dataselect.weighting.claims import claimed
from dataselect.weighting.columns import ScoreColumns
from dataselect.weighting.design_folder import begin_design, open_design
from dataselect.weighting.design_run import POOL, run_design
from dataselect.weighting.plan import DESIGNS, design_of, proxy_of
from dataselect.weighting.pool import Pool, save_pool
from dataselect.weighting.proxies import (
    GptProxy,
    Losses,
    NgramProxy,
    Proxy,
    TokenData,
    Trainer,
    documents_of,
)

NAMES = ("near", "odd/name:2", "noise")
BUDGET = 900


def pool_of(documents: int = 120) -> Pool:
    """Candidates in one of two languages; the first score tells which."""
    rng = np.random.default_rng(0)
    near, far = rng.dirichlet(np.ones(15)), rng.dirichlet(np.ones(15))
    is_near = rng.random(documents) < 0.5

    def text(p: np.ndarray) -> list[int]:
        return (1 + rng.choice(15, size=rng.integers(15, 30), p=p)).tolist()

    candidates = documents_of([text(near if own else far) for own in is_near], 16)
    data = TokenData(candidates, {"near": documents_of([text(near) for _ in range(12)], 16)}, 16)
    scores = np.stack([is_near + rng.random(documents), *rng.random((2, documents))])
    stats = Stats(0.0, 2.0, 1.0, 0.5)
    columns = {name: ColumnWeight(1.0, 1, "minmax", "mean", stats=stats) for name in NAMES}
    places = np.arange(documents)
    return Pool(data, ScoreColumns(NAMES, columns, ()), scores, places, documents, {}, {})


def begun(folder: Path, proxy: Proxy, runs: int = 12, seed: int = 0) -> None:
    (folder / POOL).mkdir(parents=True, exist_ok=True)
    save_pool(pool_of(), folder / POOL)
    design = design_of(NAMES, "mixed", runs, seed=seed)
    begin_design(folder, design, proxy, tokens=BUDGET, seed=0, candidates="the same")


def test_a_design_is_run_and_its_table_is_joined_by_run_id(tmp_path: Path) -> None:
    begun(tmp_path, NgramProxy(2))
    own = run_design(tmp_path, NgramProxy(2))
    runs, table = own.runs(), pl.read_parquet(tmp_path / "runs.parquet")
    assert runs.run_ids == own.design.run_ids == tuple(table["run_id"])
    assert not runs.left_out
    only = {name: runs.losses[runs.run_ids.index(f"only:{name}"), 0] for name in NAMES}
    assert only["near"] < min(only["noise"], only["odd/name:2"]) - 0.05
    pool = pool_of()
    row = table.row(by_predicate=pl.col("run_id") == "only:noise", named=True)
    chosen = pool.select(np.array([0.0, 0.0, 1.0]), BUDGET)
    assert row["documents"] == len(chosen)
    assert row["tokens"] == pool.data.candidates.lengths[chosen].sum() <= BUDGET
    again = NgramProxy(2).open(pool.data)([chosen], [7])[0]
    assert row["loss:near"] == again["near"]


def test_records_in_any_order_give_the_same_table(tmp_path: Path) -> None:
    tables = []
    for name, turned in (("a", False), ("b", True)):
        begun(tmp_path / name, NgramProxy(2))
        own = open_design(tmp_path / name)
        if turned:  # the last run first, by somebody else
            donor = run_design(tmp_path / "a", NgramProxy(2))
            last = own.design.run_ids[-1]
            own.record(last).write_text(donor.record(last).read_text())
        run_design(tmp_path / name, NgramProxy(2))
        tables.append((tmp_path / name / "runs.parquet").read_bytes())
    assert tables[0] == tables[1]


KILLED = """
    import sys
    from pathlib import Path
    from dataselect.weighting.design_run import run_design
    from dataselect.weighting.proxies import GptProxy

    run_design(Path(sys.argv[1]), GptProxy(tokens=512, size="0.3M", context=16, batch=4))
"""


def test_a_run_killed_in_mid_design_goes_on_and_gives_the_same_table(tmp_path: Path) -> None:
    proxy = GptProxy(tokens=512, size="0.3M", context=16, batch=4)
    for name in ("whole", "killed"):
        begun(tmp_path / name, proxy, runs=4)
    run_design(tmp_path / "whole", proxy)
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(KILLED))
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    running = subprocess.Popen([sys.executable, script, tmp_path / "killed"], env=environment)
    records = tmp_path / "killed" / "records"
    end = time.monotonic() + 300
    while not list(records.glob("*.json")) and time.monotonic() < end:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    # As if it had been killed between its first record and the end of its claim.
    first = next(records.glob("*.json")).stem
    host = os.uname().nodename
    (tmp_path / "killed" / "claims" / f"{first}.claim").write_text(f"{running.pid} {host}")
    before = {path.name: path.read_bytes() for path in records.glob("*.json")}
    assert 0 < len(before) < 4
    run_design(tmp_path / "killed", proxy)
    for name, content in before.items():  # what was done was not done again
        assert (records / name).read_bytes() == content
    assert not list((tmp_path / "killed" / "claims").glob("*"))
    tables = [(tmp_path / name / "runs.parquet").read_bytes() for name in ("whole", "killed")]
    assert tables[0] == tables[1]


def test_two_processes_share_a_design(tmp_path: Path) -> None:
    for name, jobs in (("one", 1), ("two", 2)):
        begun(tmp_path / name, NgramProxy(2), runs=6)
        seen: list[tuple[int, int]] = []
        run_design(
            tmp_path / name, NgramProxy(2), jobs=jobs, on_run=lambda *at, seen=seen: seen.append(at)
        )
        assert seen[-1] == (6, 6)
    one, two = ((tmp_path / name / "runs.parquet").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_claim_is_held_by_one_and_taken_over_from_the_dead(tmp_path: Path) -> None:
    with claimed(tmp_path, "run") as mine:
        assert mine is not None
        with claimed(tmp_path, "run") as theirs:
            assert theirs is None
        assert (tmp_path / "run.claim").exists()
    assert not (tmp_path / "run.claim").exists()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = os.uname().nodename
    (tmp_path / "run.claim").write_text(f"{dead.pid} {host}")
    with claimed(tmp_path, "run") as mine:
        assert mine is not None
    (tmp_path / "run.claim").write_text(f"{os.getpid()} elsewhere")
    with claimed(tmp_path, "run") as theirs:
        assert theirs is None
    old = time.time() - 3600
    os.utime(tmp_path / "run.claim", (old, old))
    with claimed(tmp_path, "run") as mine:
        assert mine is not None


def test_another_design_in_the_folder_is_refused(tmp_path: Path) -> None:
    begun(tmp_path, NgramProxy(4))  # without a run it binds nobody
    begun(tmp_path, NgramProxy(2))
    run_design(tmp_path, NgramProxy(2))
    with pytest.raises(DataselectError, match="runs differ"):
        begun(tmp_path, NgramProxy(2), seed=1)
    with pytest.raises(DataselectError, match="proxy differ"):
        begun(tmp_path, NgramProxy(3))
    with pytest.raises(DataselectError, match="is of"):
        run_design(tmp_path, NgramProxy(3))


def test_a_record_of_another_design_is_refused(tmp_path: Path) -> None:
    begun(tmp_path, NgramProxy(2))
    own = run_design(tmp_path, NgramProxy(2))
    path = own.record("uniform")
    found = json.loads(path.read_text())
    path.write_text(json.dumps(found | {"design": "another"}))
    with pytest.raises(DataselectError, match="damaged, or a record of another design"):
        own.runs()


@dataclass(frozen=True)
class Diverging:
    """n-grams, but for the selections that one score alone leads to."""

    name: str = "diverging"
    at_once: int = 1

    def as_dict(self) -> dict[str, Any]:
        return {"proxy": self.name}

    def open(self, data: TokenData, folder: Path | None = None) -> Trainer:
        pool, own = pool_of(), NgramProxy(2).open(data)
        bad = pool.select(np.array([0.0, 0.0, 1.0]), BUDGET)

        def train(selections: Any, seeds: Any, on_step: Any = None) -> list[Losses]:
            found = own(selections, seeds, on_step)
            return [
                {"near": math.nan} if np.array_equal(chosen, bad) else losses
                for chosen, losses in zip(selections, found, strict=True)
            ]

        return train


def test_a_run_that_diverges_is_left_out_and_not_run_again(tmp_path: Path) -> None:
    begun(tmp_path, Diverging())
    own = run_design(tmp_path, Diverging())
    assert own.runs().left_out == {"only:noise": "a loss that is not finite"}
    table = pl.read_parquet(tmp_path / "runs.parquet")
    assert len(table) == 11
    assert "only:noise" not in table["run_id"].to_list()
    record = own.record("only:noise")
    assert json.loads(record.read_text())["losses"] == {"near": None}
    before = record.stat().st_mtime_ns
    run_design(tmp_path, Diverging())
    assert record.stat().st_mtime_ns == before


def test_who_works_on_a_design_that_was_replaced_writes_nothing(tmp_path: Path) -> None:
    begun(tmp_path, NgramProxy(2))
    late = open_design(tmp_path)
    begun(tmp_path, NgramProxy(2), seed=1)
    with pytest.raises(DataselectError, match="another command has begun another design"):
        late.write_record("uniform", {"near": 1.0}, {})
    assert not late.record("uniform").exists()


SLOW = """
    import os, sys, time
    from dataclasses import dataclass
    from pathlib import Path
    from dataselect.weighting.design_run import run_design

    @dataclass(frozen=True)
    class Slow:
        where: str
        fails: bool
        name: str = "slow"
        at_once: int = 1

        def as_dict(self):
            return {"proxy": "slow"}

        def open(self, data, folder=None):
            def train(selections, seeds, on_step=None):
                mine = Path(self.where) / f"{os.getpid()}.worker"
                mine.touch()
                first = min(Path(self.where).glob("*.worker"), key=lambda p: p.stat().st_mtime_ns)
                if self.fails and first == mine:
                    while len(list(Path(self.where).glob("*.worker"))) < 2:
                        time.sleep(0.01)
                    raise ValueError("broken")
                time.sleep(600)
            return train

    if __name__ == "__main__":
        run_design(Path(sys.argv[1]), Slow(sys.argv[1], sys.argv[2] == "fails"), jobs=2)
"""


def alive(process: int) -> bool:
    """Whether it runs; what has ended and nobody has asked after does not."""
    status = Path(f"/proc/{process}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("how", ["killed", "interrupted", "fails"])
def test_processes_end_with_the_command(tmp_path: Path, how: str) -> None:
    (tmp_path / POOL).mkdir()
    save_pool(pool_of(), tmp_path / POOL)
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(SLOW))
    design = design_of(NAMES, "mixed", 4, seed=0)
    begin_design(tmp_path, design, NamedSlow(), tokens=BUDGET, seed=0, candidates="the same")
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    running = subprocess.Popen(
        [sys.executable, script, tmp_path, how], env=environment, stderr=subprocess.PIPE
    )
    end = time.monotonic() + 120
    while len(list(tmp_path.glob("*.worker"))) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    workers = [int(path.stem) for path in tmp_path.glob("*.worker")]
    assert len(workers) == 2
    if how != "fails":
        running.send_signal(signal.SIGKILL if how == "killed" else signal.SIGINT)
    _, said = running.communicate(timeout=60)
    while any(map(alive, workers)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(map(alive, workers))
    assert running.returncode != 0
    if how == "fails":
        assert b"broken" in said


class NamedSlow(NgramProxy):
    """What the design says of `SLOW`."""

    def as_dict(self) -> dict[str, Any]:
        return {"proxy": "slow"}


@pytest.mark.parametrize("kind", DESIGNS)
def test_a_design_has_as_many_runs_as_asked(kind: str) -> None:
    names = tuple(f"score{i}" for i in range(5))
    for runs in (3, 12, 13, 40):
        found = design_of(names, kind, runs, seed=0)
        assert len(found.run_ids) == runs
        if kind != "published":
            assert found.run_ids[0] == "uniform"
            assert ("only:score4" in found.run_ids) == (runs >= 12)
    with pytest.raises(DataselectError, match="a design of 1 runs"):
        design_of(names, kind, 1, seed=0)


def test_names_of_proxies_and_designs_are_checked() -> None:
    assert proxy_of("ngram", tokens=5, order=3, size=None) == NgramProxy(3)
    with pytest.raises(DataselectError, match="no proxy 'gtp'"):
        proxy_of("gtp", tokens=10_000)
    with pytest.raises(DataselectError, match="ngram has no setting 'size'"):
        proxy_of("ngram", tokens=10_000, size="1M")
    with pytest.raises(DataselectError, match="no design 'mixd'"):
        design_of(("a", "b"), "mixd", 9, seed=0)
