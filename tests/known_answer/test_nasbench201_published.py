"""Against the benchmark's tables: every one of the 15,625 rows."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import polars as pl
import pytest

from nasproxy.spaces.nasbench201 import Cell, NASBench201, Skeleton, counts
from nasproxy.spaces.nasbench201.canonical import simplified
from nasproxy.spaces.nasbench201.order import all_cells

SPACE = NASBench201()


def table(name: str) -> Path:
    folder = os.environ.get("ZEROCOST_DATA_DIR")
    path = Path(folder or ".") / "nasbench201" / name
    if folder is None or not path.exists():
        pytest.skip(f"ZEROCOST_DATA_DIR holds no nasbench201/{name}")
    return path


def test_index_and_isomorphism_text_are_the_benchmarks() -> None:
    rows = pl.read_csv(table("nats_bench.csv"))
    assert rows["ArchitectureString"].to_list() == [str(cell) for cell in all_cells()]
    assert rows["UniqueString"].to_list() == [
        SPACE.canonical_of_benchmark(cell) for cell in all_cells()
    ]


def test_parameters_flops_and_naslib_tuples_are_the_published() -> None:
    rows = pl.read_parquet(table("nb201_all.parquet")).sort("index")
    cells = all_cells()
    assert rows["arch_str"].to_list() == [str(cell) for cell in cells]
    assert rows["naslib_tuple"].to_list() == [str(cell.naslib) for cell in cells]
    published = [round(value * 1e6) for value in rows["params_M_exact"]]
    assert published == [counts.parameters(cell) for cell in cells]
    published = [round(value * 1e6) for value in rows["flops_M_c10"]]
    assert published == [counts.flops_naslib(cell) for cell in cells]


def test_closed_forms_in_millions() -> None:
    for cell in all_cells():
        one, three, pool = (
            cell.names.count(op) for op in ("nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
        )
        assert counts.parameters(cell) == 73_306 + 28_000 * one + 243_040 * three
        assert counts.multiply_accumulates(cell) == 7_783_040 + 3_932_160 * one + 35_389_440 * three
        assert (
            counts.flops_naslib(cell)
            == 7_943_872 + 4_362_240 * one + 35_819_520 * three + 1_290_240 * pool
        )


@pytest.mark.parametrize(
    ("name", "skeleton"),
    [
        ("nb201_zc_proxies.csv", Skeleton()),
        ("nb201_ImageNet16-120_zc_proxies.csv", Skeleton(classes=120, side=16)),
    ],
)
def test_counts_for_other_images_and_classes_are_the_published(
    name: str, skeleton: Skeleton
) -> None:
    rows = pl.read_csv(table(name), columns=["net", "flops", "params"])
    cells = [Cell.from_naslib(ast.literal_eval(text)) for text in rows["net"]]
    published = [(round(f * 1e6), round(p * 1e6)) for f, p in rows.select("flops", "params").rows()]
    counted = [(counts.flops_naslib(c, skeleton), counts.parameters(c, skeleton)) for c in cells]
    assert published == counted
    # the published cells are exactly those without dead edges
    assert set(cells) == {simplified(cell) for cell in all_cells()}
