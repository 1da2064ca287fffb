"""HW-NAS-Bench as published, and latency as a limit of a search."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from nasproxy import benchmarks, data
from nasproxy.benchmarks.hardware import devices
from nasproxy.benchmarks.table import ACCURACY, BenchmarkTable, Quantity
from nasproxy.errors import NasproxyError
from nasproxy.spaces.nasbench201.space import NASBench201

SPACE = NASBench201()


@pytest.fixture(scope="module")
def hardware() -> BenchmarkTable:
    if not (Path(data.where()) / data.HW_NASBENCH201.name).exists():
        pytest.skip("ZEROCOST_DATA_DIR has no nasbench201/hw_cifar10.csv")
    return benchmarks.get("hw-nasbench201")


def test_every_cell_has_every_number_with_its_unit(hardware: BenchmarkTable) -> None:
    assert set(hardware.architectures) == {str(cell) for cell in SPACE.architectures()}
    assert devices(hardware) == ["edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga"]
    assert not any(np.isnan(values).any() for values in hardware.targets.values())
    assert hardware.quantity("pixel3_latency") == Quantity("ms", False)
    assert hardware.quantity("fpga_energy") == Quantity("mJ", False)
    assert hardware.quantity("eyeriss_arithmetic_intensity").higher_is_better
    # The first row of the file, whose edges are in NASLib's order.
    first = SPACE.parse(
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|"
        "+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    )
    assert first.naslib == (4, 3, 3, 0, 0, 0)
    assert hardware.lookup([str(first)], "pixel3_latency")[0] == 3.6058499999999998


def test_latency_follows_the_multiply_accumulates(hardware: BenchmarkTable) -> None:
    flops = np.array(
        [SPACE.counts(SPACE.parse(a))["multiply_accumulates"] for a in hardware.architectures]
    )
    for device in ("raspi4", "pixel3"):  # the simulated eyeriss follows other things too (.54)
        assert spearmanr(flops, hardware.targets[f"{device}_latency"]).statistic > 0.8, device


def test_the_best_latency_is_the_lowest(hardware: BenchmarkTable) -> None:
    _, value = hardware.best("pixel3_latency")
    assert value == hardware.targets["pixel3_latency"].min()


def test_quantities_have_labels_and_belong_to_targets() -> None:
    assert ACCURACY.label("cifar10") == "cifar10 accuracy (%)"
    assert Quantity("ms", False).label("pixel3_latency") == "pixel3_latency (ms)"
    assert Quantity().label("snip") == "snip"
    with pytest.raises(NasproxyError, match="no target 'b' to describe"):
        BenchmarkTable("t", "s", ("x",), {"a": np.ones(1)}, "r", quantities={"b": Quantity()})
