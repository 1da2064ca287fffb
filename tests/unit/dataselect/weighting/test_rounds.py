"""Rounds: proposals are tried, the best tried weights are kept, interruptions change nothing."""

import math
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dataselect.errors import DataselectError
from dataselect.selection.transforms import Stats
from dataselect.selection.weights import ColumnWeight
from dataselect.weighting.choice import Choice, choose
from dataselect.weighting.columns import ScoreColumns
from dataselect.weighting.design_folder import begin_design
from dataselect.weighting.design_run import POOL
from dataselect.weighting.plan import design_of
from dataselect.weighting.pool import Pool, save_pool
from dataselect.weighting.proposals import expected_improvement, normal_scores, propose
from dataselect.weighting.proxies import Losses, Proxy, TokenData, Trainer, documents_of
from dataselect.weighting.regressors.gaussian_process import GAUSSIAN_PROCESS
from dataselect.weighting.rounds import EACH, SEEDS, Trials, begin_rounds, run_rounds

NAMES = ("a", "b", "c", "d")
BEST = np.array([0.1, 0.6, 0.3, 0.0])


def bowl(weights: np.ndarray) -> np.ndarray:
    """A loss whose least value, 3, is known, and where."""
    return 3 + ((weights - BEST) ** 2).sum(axis=1)


def simplex(runs: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(len(NAMES)), size=runs)


def test_normal_scores_depend_on_the_order_alone() -> None:
    losses = np.array([3.0, 1.0, 2.0, 2.0, 1000.0])
    found = normal_scores(losses)
    np.testing.assert_allclose(found, normal_scores(np.exp(losses / 100)))
    assert found[1] == pytest.approx(-1.2815515655446004)  # Φ⁻¹(.1)
    assert found[2] == found[3] == pytest.approx(-0.2533471031357997)  # Φ⁻¹(.4)


def test_expected_improvement_is_the_mean_over_draws() -> None:
    rng = np.random.default_rng(0)
    for mean, deviation in ((0.3, 0.5), (-0.2, 0.1), (2.0, 0.7)):
        draws = np.maximum(0, 0.1 - rng.normal(mean, deviation, 400_000))
        found = expected_improvement(np.array([mean]), np.array([deviation]), 0.1)[0]
        assert found == pytest.approx(draws.mean(), abs=5 * draws.std() / 600)
    sure = expected_improvement(np.array([0.0, 2.0]), np.zeros(2), 0.5)
    np.testing.assert_allclose(sure, [0.5, 0.0], atol=1e-9)


def test_the_spread_of_the_process_is_that_of_the_closed_form() -> None:
    weights = simplex(20)
    fitted = GAUSSIAN_PROCESS.fit(weights, normal_scores(bowl(weights)))
    points = simplex(5, seed=1)

    def kernel(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        scaled = [own**fitted.power * fitted.inverse_lengths for own in (left, right)]
        d = math.sqrt(5) * np.linalg.norm(scaled[0][:, None] - scaled[1][None], axis=2)
        return fitted.signal * (1 + d + d * d / 3) * np.exp(-d)

    covariance = kernel(weights, weights) + (fitted.noise + 1e-8) * np.eye(20)
    cross = kernel(weights, points)
    variance = np.diag(kernel(points, points) - cross.T @ np.linalg.solve(covariance, cross))
    np.testing.assert_allclose(fitted.deviations(points), np.sqrt(variance), rtol=1e-6)


def test_a_run_that_is_given_is_as_if_it_had_been_fitted() -> None:
    weights = simplex(20)
    losses = normal_scores(bowl(weights))
    fitted = GAUSSIAN_PROCESS.fit(weights[:19], losses[:19])
    given = fitted.given(weights[19], float(losses[19]))
    targets = fitted.scale.scaled(losses)
    covariance = given.lower @ given.lower.T
    np.testing.assert_allclose(covariance @ given.alpha, targets, atol=1e-8)
    point = weights[19:]
    assert given.deviations(point)[0] < fitted.deviations(point)[0]
    off = [abs(own.predict(point)[0] - losses[19]) for own in (given, fitted)]
    assert off[0] < off[1]


def test_proposals_are_on_the_simplex_apart_and_the_same_for_a_seed() -> None:
    weights = simplex(24)
    found = propose(weights, bowl(weights), 8, seed=(0, 1))
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found.min() >= 0
    assert len(np.unique(found.round(6), axis=0)) == 8
    np.testing.assert_array_equal(found, propose(weights, bowl(weights), 8, seed=(0, 1)))
    assert not np.array_equal(found, propose(weights, bowl(weights), 8, seed=(0, 2)))


def test_proposals_come_to_an_optimum_that_is_known() -> None:
    before, after = [], []
    for seed in range(3):
        weights = design_of(NAMES, "mixed", 16, seed=seed).weights
        losses = bowl(weights)
        before.append(losses.min() - 3)
        for number in range(1, 4):
            found = propose(weights, losses, EACH, seed=(seed, number))
            weights, losses = np.vstack([weights, found]), np.r_[losses, bowl(found)]
        after.append(losses.min() - 3)
    assert max(after) < 0.006
    assert np.mean(after) < 0.25 * np.mean(before)


def test_vectors_that_cannot_be_tried_are_not_proposed() -> None:
    weights = simplex(24)
    found = propose(weights, bowl(weights), 4, seed=0, usable=lambda own: bool(own[0] > 0.2))
    assert found[:, 0].min() > 0.2
    with pytest.raises(DataselectError, match="no further weights select a document"):
        propose(weights, bowl(weights), 1, seed=0, usable=lambda own: False)


def test_with_two_scores_and_many_runs_proposals_still_go_to_the_optimum() -> None:
    """Runs are dense there: none of the pool is far from all of them."""
    first = np.random.default_rng(0).random(64)
    weights = np.stack([first, 1 - first], axis=1)
    found = propose(weights, 3 + (weights[:, 0] - 0.85) ** 2, 8, seed=0)
    assert np.median(np.abs(found[:, 0] - 0.85)) < 0.1
    assert len(np.unique(found, axis=0)) == 8


def test_fewer_are_proposed_where_fewer_can_be_tried() -> None:
    weights = simplex(24)
    allowed: set[bytes] = set()

    def usable(own: np.ndarray) -> bool:
        if len(allowed) < 3:
            allowed.add(own.tobytes())
        return own.tobytes() in allowed

    assert len(propose(weights, bowl(weights), 8, seed=0, usable=usable)) == 3


# A proxy whose least loss is known: 3, where the selection has the mean scores of that by BEST.

BUDGET, TOKENS, RUNS = 1200, 4, 16


def pool() -> Pool:
    """Documents of four tokens with random scores."""
    k, n = len(NAMES), 1200
    documents = documents_of([[1] * (TOKENS - 1)] * n, 4)
    data = TokenData(documents, {"near": documents, "far": documents}, 4)
    own = ColumnWeight(1.0, 1, "minmax", "mean", stats=Stats(0.0, 1.0, 1.0, 0.5))
    scores = np.random.default_rng(0).random((k, n))
    columns = ScoreColumns(NAMES, dict.fromkeys(NAMES, own), ())
    return Pool(data, columns, scores, np.arange(n), n, {}, {})


@dataclass(frozen=True)
class Bowl:
    """Losses by how far the mean scores of a selection are from those of the best one."""

    noise: float = 0.0
    diverges: bool = False
    killed_with: int | None = None
    at_once: int = 1
    name: str = "bowl"

    def as_dict(self) -> dict[str, Any]:
        return {"proxy": self.name, "noise": self.noise, "diverges": self.diverges}

    def open(self, data: TokenData, folder: Path | None = None) -> Trainer:
        own = pool()
        best = own.scores[:, own.select(BEST, BUDGET)].mean(axis=1)
        records = None if folder is None else folder.parent

        def train(selections: Any, seeds: Any, on_step: Any = None) -> list[Losses]:
            if self.killed_with is not None and records is not None:
                done = len(list(records.glob("**/records/*.json")))
                if done == self.killed_with:
                    os.kill(os.getpid(), signal.SIGKILL)
            found = []
            for chosen, seed in zip(selections, seeds, strict=True):
                off = float(((own.scores[:, chosen].mean(axis=1) - best) ** 2).sum())
                rng = np.random.default_rng([seed, int(chosen.sum())])
                loss = 3 + 10 * off + self.noise * rng.standard_normal()
                if self.diverges and seed:
                    loss = math.nan
                found.append({"near": loss, "far": 10 - loss})
            return found

        return train


def begun(
    folder: Path, proxy: Proxy, rounds: int = 2, design: str = "mixed", target: str = "near"
) -> None:
    (folder / POOL).mkdir(parents=True, exist_ok=True)
    save_pool(pool(), folder / POOL)
    asked = design_of(NAMES, design, RUNS, seed=0)
    begin_design(folder, asked, proxy, tokens=BUDGET, seed=0, candidates="the same")
    begin_rounds(folder, rounds, target)


def chosen(trials: Trials, target: str = "near") -> Choice:
    runs = trials.runs()
    repeats = [
        {run_id: own[target] for run_id, own in part.losses().items()} for part in trials.repeats
    ]
    losses = runs.losses[:, runs.targets.index(target)]
    return choose(runs.run_ids, runs.weights, losses, repeats)


def tables(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("runs.parquet", "repeats.parquet")]


def test_rounds_come_to_the_known_optimum_and_never_keep_less_than_the_best(
    tmp_path: Path,
) -> None:
    begun(tmp_path, Bowl(), rounds=3)
    trials = run_rounds(tmp_path, Bowl())
    found, runs = chosen(trials), trials.runs()
    near = runs.losses[:, 0]
    assert len(near) == RUNS + 3 * EACH
    assert found.run_id is not None
    own = near[runs.run_ids.index(found.run_id)]
    assert own == near.min()
    assert own - 3 < 0.25 * (near[:RUNS].min() - 3)
    assert found.run_id.startswith("round-")
    # The losses draw nothing: what is measured again is what was measured.
    assert not found.drawn
    assert found.over_uniform.value == pytest.approx(near[runs.run_ids.index("uniform")] - own)
    assert math.isnan(found.over_uniform.low)
    alone = min(near[runs.run_ids.index(f"only:{name}")] for name in NAMES)
    assert found.over_single.value == pytest.approx(alone - own)


@pytest.fixture(scope="module", name="whole")
def _whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rounds of one worker that nothing has interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    begun(folder, Bowl(0.01))
    run_rounds(folder, Bowl(0.01))
    return folder


def test_rounds_are_rows_of_the_same_table(whole: Path) -> None:
    table = pl.read_parquet(whole / "runs.parquet")
    assert table["round"].to_list() == [0] * RUNS + [1] * EACH + [2] * EACH
    assert set(table["seed"]) == {0}
    assert table["run_id"].n_unique() == len(table)
    again = pl.read_parquet(whole / "repeats.parquet")
    assert sorted(set(again["seed"])) == list(range(1, 1 + SEEDS))
    assert set(again["run_id"]) <= set(table["run_id"])
    one = again.row(0, named=True)
    first = table.row(by_predicate=pl.col("run_id") == one["run_id"], named=True)
    assert all(one[f"weight:{name}"] == first[f"weight:{name}"] for name in NAMES)
    assert one["loss:near"] != first["loss:near"]
    assert len(pl.read_csv(whole / "mixtures.csv")) == len(table)


KILLED = """
    import sys
    from pathlib import Path
    from dataselect.weighting.rounds import run_rounds
    from test_rounds import Bowl

    run_rounds(Path(sys.argv[1]), Bowl(0.01, killed_with=int(sys.argv[2])))
"""


def test_rounds_that_are_killed_go_on_and_give_the_same_tables(whole: Path, tmp_path: Path) -> None:
    begun(tmp_path / "killed", Bowl(0.01))
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(KILLED))
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    # When the second round has written what it will try, and among the runs with other seeds.
    for records in (RUNS + EACH, RUNS + 2 * EACH + 2):
        found = subprocess.run(
            [sys.executable, script, tmp_path / "killed", str(records)],
            env=dict(os.environ, PYTHONPATH=paths),
            check=False,
        )
        assert found.returncode == -signal.SIGKILL
        assert len(list((tmp_path / "killed").glob("**/records/*.json"))) == records
    run_rounds(tmp_path / "killed", Bowl(0.01))
    assert tables(tmp_path / "killed") == tables(whole)
    assert not list((tmp_path / "killed").glob("**/*.claim"))


def test_any_number_of_workers_come_to_the_same_tables(whole: Path, tmp_path: Path) -> None:
    begun(tmp_path, Bowl(0.01))
    with ThreadPoolExecutor(3) as threads:
        found = [threads.submit(run_rounds, tmp_path, Bowl(0.01)) for _ in range(3)]
    runs = [own.result().runs() for own in found]
    assert all(own.run_ids == runs[0].run_ids for own in runs)
    assert tables(tmp_path) == tables(whole)


def test_fewer_rounds_use_the_first_of_those_that_are_there(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "runs")
    folder = tmp_path / "runs"
    there = {path: path.stat().st_mtime_ns for path in folder.glob("**/records/*.json")}
    for rounds in (1, 0, 2):
        begin_rounds(folder, rounds, "near")
        trials = run_rounds(folder, Bowl(0.01))
        assert len(trials.runs().run_ids) == RUNS + rounds * EACH
        assert bool(trials.repeats) == bool(rounds) == (folder / "repeats.parquet").exists()
    assert tables(folder) == tables(whole)
    assert all(path.stat().st_mtime_ns == time for path, time in there.items())


def test_rounds_of_another_target_are_not_mixed_with_these(tmp_path: Path) -> None:
    begun(tmp_path, Bowl(), rounds=1)
    first = run_rounds(tmp_path, Bowl()).runs()
    with pytest.raises(DataselectError, match="are for the target near"):
        begin_rounds(tmp_path, 1, "far")
    begin_rounds(tmp_path, 0, "far")  # without rounds it does not matter
    begin_rounds(tmp_path, 1, "far", overwrite=True)
    trials = run_rounds(tmp_path, Bowl())
    other = trials.runs()
    np.testing.assert_array_equal(other.losses[:RUNS], first.losses[:RUNS])
    assert not np.array_equal(other.weights[RUNS:], first.weights[RUNS:])
    own = other.run_ids.index(chosen(trials, "far").run_id or "")
    assert other.losses[own, 1] == other.losses[:, 1].min()


def test_a_design_without_uniform_weights_has_them_tried(tmp_path: Path) -> None:
    begun(tmp_path, Bowl(), rounds=1, design="published")
    trials = run_rounds(tmp_path, Bowl())
    runs = trials.runs()
    assert len(runs.run_ids) == RUNS + EACH + 1
    np.testing.assert_allclose(runs.weights[runs.run_ids.index("uniform")], 0.25)
    found = chosen(trials)
    assert found.over_uniform.value > 0
    assert found.single is None
    assert math.isnan(found.over_single.value)


def test_finalists_that_diverge_are_not_kept(tmp_path: Path) -> None:
    begun(tmp_path, Bowl(diverges=True), rounds=1)
    trials = run_rounds(tmp_path, Bowl(diverges=True))
    found = chosen(trials)
    near = trials.runs().losses[:, 0]
    assert found.run_id == trials.runs().run_ids[int(near.argmin())]
    assert math.isnan(found.over_uniform.value)
    assert not (tmp_path / "repeats.parquet").exists()
