"""AutoFormer's counts, description and table."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from nasproxy import benchmarks
from nasproxy.benchmarks.autoformer import read
from nasproxy.errors import NasproxyError
from nasproxy.evaluation import evaluate
from nasproxy.images import load_batch
from nasproxy.spaces.autoformer import AutoFormer, Transformer

SPACE = AutoFormer(side=32)


def test_counts_are_those_of_the_network() -> None:
    rng = np.random.default_rng(0)
    for _ in range(3):
        architecture = SPACE.sample(rng)
        network = SPACE.build(architecture, seed=0, classes=7)
        built = sum(parameter.numel() for parameter in network.parameters())
        assert built == SPACE.counts(architecture, classes=7)["parameters"]
    batch = load_batch("digits", size=2, seed=0, image_size=32)
    found = evaluate(SPACE.build(architecture, seed=0), batch, ["flops", "params"])
    assert found["params"].value == SPACE.counts(architecture)["parameters"]


def test_size_is_that_of_the_paper() -> None:
    """The smallest and the largest of the supernet "tiny": 5 to 10 million parameters."""
    space = AutoFormer()
    small = Transformer.parse("|".join(["192"] + ["3-3.5"] * 12))
    large = Transformer.parse("|".join(["240"] + ["4-4"] * 14))
    assert 4.5e6 < space.counts(small, classes=1000)["parameters"] < 5.5e6
    assert 9.5e6 < space.counts(large, classes=1000)["parameters"] < 11e6
    assert space.size == 3 * 4**12 * (1 + 4 + 16)


def test_description_has_the_same_columns_for_every_depth() -> None:
    rng = np.random.default_rng(1)
    found = [SPACE.describe(SPACE.sample(rng)) for _ in range(10)]
    assert len({tuple(row) for row in found}) == 1
    assert len({row["size:depth"] for row in found}) > 1


def test_refusals() -> None:
    for text in ("200|" + "|".join(["3-4"] * 12), "192|3-4", "192|" + "|".join(["5-4"] * 12)):
        with pytest.raises(NasproxyError):
            SPACE.parse(text)
    with pytest.raises(NasproxyError, match="multiple of 16"):
        AutoFormer(side=100)


def test_file_of_another_form(tmp_path: Path) -> None:
    accuracies = "c100_base_acc,c100_kd_acc,flower_base_acc,flower_kd_acc,chaoyang_base_acc"
    header = f"arch,{accuracies},chaoyang_kd_acc,imagenet_super_acc"
    bad = json.dumps({"hidden_dim": 192}).replace('"', '""')
    (tmp_path / "t.csv").write_text(f'{header}\n"{bad}",1,1,1,1,1,1,1\n')
    with pytest.raises(NasproxyError, match="num_heads"):
        read(tmp_path / "t.csv")


def test_published_table() -> None:
    folder = os.environ.get("ZEROCOST_DATA_DIR")
    if folder is None or not (Path(folder) / "vit" / "gt_autoformer.csv").exists():
        pytest.skip("ZEROCOST_DATA_DIR has no vit/gt_autoformer.csv")
    table = benchmarks.get("autoformer")
    assert table.distinct == 100
    first = table.architectures[0]
    assert first.startswith("192|4-3.5|4-4|3-3.5")
    assert table.lookup([first], "cifar100")[0] == 68.66
    assert table.best("imagenet-supernet")[1] == pytest.approx(75.51000003)
