from __future__ import annotations

from collections import defaultdict

import pytest

from nasproxy.spaces.nasbench201.canonical import (
    benchmark_text,
    function_text,
    live_edges,
    simplified,
)
from nasproxy.spaces.nasbench201.cell import EDGES, Cell
from nasproxy.spaces.nasbench201.order import all_cells


def test_the_whole_space_has_the_published_numbers_of_classes() -> None:
    assert len({benchmark_text(cell) for cell in all_cells()}) == 6466
    assert len({function_text(cell) for cell in all_cells()}) == 4930


def test_the_benchmarks_classes_are_finer() -> None:
    functions = defaultdict(set)
    for cell in all_cells():
        functions[benchmark_text(cell)].add(function_text(cell))
    assert all(len(texts) == 1 for texts in functions.values())


@pytest.mark.parametrize(
    ("names", "benchmark_form", "function"),
    [
        ("none none none none none none", "#+#+#", "0"),
        ("none none none skip_connect none none", "#+#+0", "x"),
        # node 2 is a sum of two zeros, which the benchmark does not see as a zero
        (
            "none none none none none nor_conv_3x3",
            "#+#+(#+#)@nor_conv_3x3",
            "0",
        ),
        (
            "nor_conv_1x1 none none none skip_connect none",
            "#+#+(0)@nor_conv_1x1",
            "nor_conv_1x1(x)",
        ),
        (
            "skip_connect skip_connect skip_connect none none avg_pool_3x3",
            "#+#+(0+0)@avg_pool_3x3",
            "avg_pool_3x3(x + x)",
        ),
    ],
)
def test_small_cells_by_hand(names: str, benchmark_form: str, function: str) -> None:
    cell = Cell.of_names(names.split())
    assert benchmark_text(cell) == benchmark_form
    assert function_text(cell) == function


def test_a_skip_may_stand_on_either_side() -> None:
    before = Cell.of_names(["skip_connect", "none", "none", "none", "nor_conv_3x3", "none"])
    after = Cell.of_names(["nor_conv_3x3", "none", "none", "none", "skip_connect", "none"])
    assert function_text(before) == function_text(after)


def _brute_force_live(cell: Cell) -> tuple[bool, ...]:
    """The edges on the paths that are found by walking each path from node 0 to node 3."""
    there = {edge for edge, op in zip(EDGES, cell.names, strict=True) if op != "none"}
    paths = [[(0, 3)], [(0, 1), (1, 3)], [(0, 2), (2, 3)], [(0, 1), (1, 2), (2, 3)]]
    on_path = {edge for path in paths if there.issuperset(path) for edge in path}
    return tuple(edge in on_path for edge in EDGES)


def test_dead_edges_are_those_on_no_path_for_all_cells() -> None:
    for cell in all_cells():
        assert live_edges(cell) == _brute_force_live(cell)


def test_simplifying_keeps_the_function_and_is_done_at_once_for_all_cells() -> None:
    for cell in all_cells():
        simple = simplified(cell)
        assert function_text(simple) == function_text(cell)
        assert simplified(simple) == simple
        kept = [op == was for op, was in zip(simple.ops, cell.ops, strict=True)]
        assert all(same or op == 0 for same, op in zip(kept, simple.ops, strict=True))


def test_simplified_cells_are_the_9445_whose_public_proxies_were_computed() -> None:
    assert len({simplified(cell) for cell in all_cells()}) == 9445
