"""Score tables read back, and compared with a truth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import kendalltau, spearmanr

from nasproxy.benchmarks import BenchmarkTable
from nasproxy.errors import NasproxyError
from nasproxy.scoring.candidates import Candidate
from nasproxy.scoring.correlation import baselines, correlate_with
from nasproxy.scoring.table import candidates_table, read_scores, write_table
from nasproxy.spaces.nasbench201.space import NASBench201

SPACE = NASBench201()
RNG = np.random.default_rng(0)
CELLS = [str(SPACE.sample(RNG)) for _ in range(40)]
TRUTH = RNG.normal(size=40)
SCORES = {"naswot": TRUTH + RNG.normal(size=40), "snip": RNG.normal(size=40)}
TABLE = BenchmarkTable("fake", "nasbench201", tuple(CELLS), {"accuracy": TRUTH}, "none")


def _written(path: Path) -> Path:
    candidates = [
        Candidate(
            cell, SPACE.canonical(SPACE.parse(cell)), {n: s[i] for n, s in SCORES.items()}, {}
        )
        for i, cell in enumerate(CELLS)
    ]
    write_table(candidates_table("nasbench201", candidates, list(SCORES)), path)
    return path


def test_what_was_written_is_read_back_bit_for_bit(tmp_path: Path) -> None:
    table = read_scores(_written(tmp_path / "s.parquet"))
    at = [CELLS.index(cell) for cell in table.architectures]
    assert sorted(at) == list(range(40))
    assert table.space == "nasbench201"
    assert table.higher_is_better == {"naswot": True, "snip": True}
    for name, values in SCORES.items():
        assert np.array_equal(table.scores[name], values[at])
    assert set(table.columns) == {"rank", "architecture", "canonical", "fitness"}


def test_correlations_are_scipys_and_baselines_stand_beside(tmp_path: Path) -> None:
    table = read_scores(_written(tmp_path / "s.parquet"))
    found = correlate_with(table, TABLE, space=SPACE, resamples=20)
    for name, values in SCORES.items():
        assert found.proxies[name].kendall.value == pytest.approx(kendalltau(values, TRUTH)[0])
        assert found.proxies[name].spearman.value == pytest.approx(spearmanr(values, TRUTH)[0])
    assert set(found.baselines) == {"params", "flops"}
    parameters = [SPACE.counts(SPACE.parse(cell))["parameters"] for cell in CELLS]
    assert baselines(SPACE, CELLS)["params"].tolist() == parameters
    assert found.baselines["params"].kendall.value == pytest.approx(
        kendalltau(parameters, TRUTH)[0]
    )


def test_strata_are_correlated_within(tmp_path: Path) -> None:
    half = ["small" if i < 20 else "large" for i in range(40)]
    columns = {"architecture": CELLS, "mine": SCORES["naswot"], "half": half}
    pq.write_table(pa.table(columns), tmp_path / "own.parquet")
    table = read_scores(tmp_path / "own.parquet")
    assert (table.space, list(table.scores)) == ("", ["mine"])
    found = correlate_with(table, TABLE, strata="half", resamples=20)
    within = found.strata["small"].proxies["mine"].kendall.value
    assert within == pytest.approx(kendalltau(SCORES["naswot"][:20], TRUTH[:20])[0])
    # It names no space: another's counts stand beside where that reads every architecture.
    assert set(correlate_with(table, TABLE, space=SPACE, resamples=2).baselines) == {
        "params",
        "flops",
    }
    other = replace(table, architectures=("no cell", *table.architectures[1:]))
    assert not correlate_with(other, TABLE, space=SPACE, resamples=2).baselines
    with pytest.raises(NasproxyError, match="the seed is -1"):
        correlate_with(table, TABLE, seed=-1)
    with pytest.raises(NasproxyError, match="no column 'haf'") as caught:
        correlate_with(table, TABLE, strata="haf")
    assert "did you mean half" in str(caught.value)


def test_another_space_target_or_architectures_are_refused(tmp_path: Path) -> None:
    table = read_scores(_written(tmp_path / "s.parquet"))
    other = BenchmarkTable("other", "words", ("a",), {"t": np.ones(1)}, "none")
    with pytest.raises(NasproxyError, match="is of the space 'words'"):
        correlate_with(table, other)
    with pytest.raises(NasproxyError, match="no target 'acuracy'") as caught:
        correlate_with(table, TABLE, "acuracy")
    assert "did you mean accuracy" in str(caught.value)
    elsewhere = BenchmarkTable("far", "nasbench201", ("a",), {"t": np.ones(1)}, "none")
    with pytest.raises(NasproxyError, match="none of the 40 architectures"):
        correlate_with(table, elsewhere)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"arch": ["a"], "naswot": [1.0]}, "no column 'architecture'"),
        ({"architecture": ["a"]}, "no column of scores"),
        ({"architecture": ["a"], "naswot": ["high"]}, "no column of scores"),
    ],
)
def test_a_table_without_what_is_needed_is_refused(
    tmp_path: Path, columns: dict[str, list[object]], message: str
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(NasproxyError, match=message):
        read_scores(tmp_path / "t.parquet")


def test_a_score_column_taken_away_is_named(tmp_path: Path) -> None:
    path = _written(tmp_path / "s.parquet")
    pq.write_table(pq.read_table(path).drop_columns(["snip"]), path)
    with pytest.raises(NasproxyError, match="no column of scores 'snip'"):
        read_scores(path)


def test_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("architecture,naswot")
    for name, why in (("text", "cannot be read as Parquet"), ("absent", "does not exist")):
        with pytest.raises(NasproxyError, match=why):
            read_scores(tmp_path / name)
