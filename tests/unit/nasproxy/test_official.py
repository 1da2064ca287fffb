"""The official NAS-Bench-201 file, on a small one of the same form."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nasproxy import benchmarks
from nasproxy.benchmarks.official import convert
from nasproxy.errors import NasproxyError
from nasproxy.spaces.nasbench201.space import NASBench201
from zerocost.errors import ZerocostError
from zerocost.files import sha256_of

pytest.importorskip("nas_201_api")

CELLS = [str(cell) for cell in NASBench201().architectures()[:3]]
SPLITS = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("x-valid", "x-test", "ori-test"),
    "ImageNet16-120": ("x-valid", "x-test", "ori-test"),
}


def _accuracy(cell: int, data_set: str, split: str, seed: int, epochs: int) -> float:
    return 10.0 * cell + len(data_set) + len(split) / 10 + seed / 1000 + epochs / 1e6


def _trial(cell: int, data_set: str, seed: int, epochs: int) -> dict[str, Any]:
    last = epochs - 1
    return {
        "name": "infer.tiny",
        "net_state_dict": None,
        "train_acc1es": {last: 99.0},
        "train_acc5es": None,
        "train_losses": {last: 0.1},
        "train_times": None,
        "arch_config": {"channel": 16, "num_cells": 5, "arch_str": CELLS[cell], "class_num": 10},
        "params": 1.0,
        "flop": 10.0,
        "seed": seed,
        "epochs": epochs,
        "latency": [0.01],
        "eval_names": list(SPLITS[data_set]),
        "eval_acc1es": {
            f"{split}@{last}": _accuracy(cell, data_set, split, seed, epochs)
            for split in SPLITS[data_set]
        },
        "eval_times": {},
        "eval_losses": {f"{split}@{last}": 0.5 for split in SPLITS[data_set]},
    }


def _results(cell: int, epochs: int, seeds: list[int]) -> dict[str, Any]:
    data_sets = list(SPLITS) if cell != 2 else ["cifar10"]
    return {
        "arch_index": cell,
        "arch_str": CELLS[cell],
        "all_results": {
            (data_set, seed): _trial(cell, data_set, seed, epochs)
            for data_set in data_sets
            for seed in seeds
        },
        "dataset_seed": dict.fromkeys(data_sets, seeds),
        "clear_net_done": False,
    }


@pytest.fixture
def official(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three cells of the form of NAS-Bench-201-v1_1-096897.pth; the last on CIFAR-10 alone."""
    monkeypatch.setenv("ZEROCOST_DATA_DIR", str(tmp_path / "data"))
    content = {
        "meta_archs": CELLS,
        "total_archs": len(CELLS),
        "arch2infos": {
            cell: {
                "less": _results(cell, 12, [777]),
                "full": _results(cell, 200, [777, 888][: 1 + cell % 2]),
            }
            for cell in range(3)
        },
        "evaluated_indexes": [0, 1, 2],
    }
    path = tmp_path / "official.pth"
    torch.save(content, path)
    return path


def test_the_table_holds_the_means_over_the_seeds_after_200_epochs(official: Path) -> None:
    made = convert(official, allow_pickle=True)
    table = benchmarks.get("nasbench201-official")
    assert table.source == made
    assert table.architectures == tuple(CELLS)
    for target, (data_set, split) in {
        "cifar10": ("cifar10", "ori-test"),
        "cifar10-valid": ("cifar10-valid", "x-valid"),
        "cifar100": ("cifar100", "x-test"),
        "imagenet16-120-valid": ("ImageNet16-120", "x-valid"),
    }.items():
        seeds: list[list[int]] = [[777], [777, 888], [777]]
        expected = [
            np.mean([_accuracy(cell, data_set, split, seed, 200) for seed in seeds[cell]])
            for cell in range(3)
        ]
        if data_set != "cifar10":
            expected[2] = np.nan  # never trained there, and no number is made up
        assert table.targets[target] == pytest.approx(expected, nan_ok=True), target
    assert sha256_of(made) in made.with_suffix(".json").read_text()
    assert sha256_of(official) in made.with_suffix(".json").read_text()


def test_a_pickle_is_read_only_where_the_user_says_so(official: Path, tmp_path: Path) -> None:
    with pytest.raises(NasproxyError, match="can run code") as caught:
        convert(official, allow_pickle=False)
    assert "--allow-pickle" in str(caught.value)
    assert not (tmp_path / "data").exists()
    with pytest.raises(NasproxyError, match="was not converted yet") as caught:
        benchmarks.get("nasbench201-official")
    assert "nasproxy data convert" in str(caught.value)


def test_a_conversion_is_kept_and_what_was_changed_since_is_refused(official: Path) -> None:
    made = convert(official, allow_pickle=True)
    with pytest.raises(ZerocostError, match="exists"):
        convert(official, allow_pickle=True)
    assert convert(official, allow_pickle=True, overwrite=True) == made
    made.write_bytes(made.read_bytes() + b" ")
    with pytest.raises(NasproxyError, match="is not the table that was converted"):
        benchmarks.get("nasbench201-official")


@pytest.mark.parametrize(
    "spoil", [lambda path: path.write_bytes(b"no pickle"), lambda path: torch.save({"a": 1}, path)]
)
def test_another_file_is_named(official: Path, spoil: Callable[[Path], object]) -> None:
    spoil(official)
    with pytest.raises(NasproxyError, match="is not the official file"):
        convert(official, allow_pickle=True)
    with pytest.raises(NasproxyError, match="does not exist"):
        convert(official.with_name("absent.pth"), allow_pickle=True)
