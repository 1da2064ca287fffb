"""The real tables against published numbers, and against each other."""

import itertools
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from nasproxy import benchmarks
from nasproxy.benchmarks import BenchmarkTable, published
from nasproxy.benchmarks.columns import read_columns
from nasproxy.spaces.nasbench201.cell import Cell

DATA = Path(os.environ.get("ZEROCOST_DATA_DIR", "/nonexistent")) / "nasbench201"
needs_table = pytest.mark.skipif(
    not (DATA / "nats_bench.csv").is_file(),
    reason="ZEROCOST_DATA_DIR holds no nasbench201/nats_bench.csv",
)
needs_published = pytest.mark.skipif(
    not (DATA / "nb201_zc_proxies.csv").is_file(),
    reason="ZEROCOST_DATA_DIR holds no nasbench201/nb201_zc_proxies.csv",
)
needs_analog = pytest.mark.skipif(
    find_spec("analognasbench") is None, reason="analog-nasbench is not installed"
)
EVERY_CELL = frozenset(str(Cell(ops)) for ops in itertools.product(range(5), repeat=6))


@cache
def _table(name: str) -> BenchmarkTable:
    return benchmarks.get(name)


@needs_table
def test_nasbench201_holds_every_cell_once_and_its_published_optima() -> None:
    table = _table("nasbench201")
    assert frozenset(table.architectures) == EVERY_CELL
    best = {target: round(table.best(target)[1], 4) for target in table.targets}
    assert best == {"cifar10": 94.3733, "cifar100": 73.5133, "imagenet16-120": 47.3111}
    assert not any(np.isnan(values).any() for values in table.targets.values())


@needs_table
def test_row_13714_is_architecture_13714() -> None:
    # the architecture that the benchmark's authors list under this index
    assert _table("nasbench201").architectures[13714] == (
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
        "+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
    )


@needs_table
def test_a_cell_that_passes_nothing_on_guesses() -> None:
    none = str(Cell((0,) * 6))
    table = _table("nasbench201")
    assert table.lookup([none], "cifar10")[0] == pytest.approx(10, abs=0.01)
    assert table.lookup([none], "cifar100")[0] == pytest.approx(1, abs=0.01)


@needs_analog
def test_the_analog_table_holds_every_cell_once() -> None:
    table = _table("nasbench201-analog")
    assert frozenset(table.architectures) == EVERY_CELL
    values = table.targets["cifar10"]
    assert values.min() >= 9
    assert 93.5 < values.max() < 95


@needs_table
@needs_analog
def test_two_trainings_of_the_same_cells_agree() -> None:
    """A wrong reading of the op codes or edges comes to .82 at the best."""
    analog = _table("nasbench201-analog")
    truth = _table("nasbench201").lookup(analog.architectures, "cifar10")
    assert spearmanr(analog.targets["cifar10"], truth).statistic == pytest.approx(0.991, abs=0.002)


@needs_published
def test_published_strings_agree_with_their_tuples() -> None:
    table = published.load()
    assert len(table) == 9445
    strings = read_columns(DATA / "nb201_zc_proxies.csv")["net_str"]
    assert table.architectures == tuple(strings)
    assert published.load_imagenet16().architectures == table.architectures


@needs_published
def test_published_values_that_could_not_be_computed_are_missing() -> None:
    table = published.load()
    assert len(table.targets) == 13
    missing = {name for name, values in table.targets.items() if np.isnan(values).any()}
    assert missing == {"epe_nas", "jacov", "nwot", "zen"}
    rows = {tuple(np.flatnonzero(np.isnan(table.targets[name]))) for name in missing}
    assert len(rows) == 1  # one and the same cell
    (row,) = rows.pop()
    assert table.architectures[row] == str(Cell((0,) * 6))
    assert min(np.nanmin(values) for values in table.targets.values()) > -1e8


@needs_published
def test_published_parameters_follow_from_the_operations() -> None:
    """Parameters in millions: .073306 + .028 a 1x1 convolution + .24304 a 3x3 one."""
    table = published.load()
    ones = np.array([text.count("1x1") for text in table.architectures])
    threes = np.array([text.count("conv_3x3") for text in table.architectures])
    expected = 0.073306 + 0.028 * ones + 0.24304 * threes
    assert np.allclose(table.targets["params"], expected, atol=5e-7)
