from __future__ import annotations

import hashlib

import pytest

from nasproxy.errors import NasproxyError
from nasproxy.spaces.nasbench201.cell import Cell
from nasproxy.spaces.nasbench201.order import SIZE, all_cells, cell_at, index_of

BEST = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
)


def test_the_four_spellings_of_one_cell() -> None:
    cell = Cell((3, 3, 3, 1, 2, 3))
    assert str(cell) == BEST
    assert Cell.parse(f"  {BEST}\n") == cell
    assert cell.naslib == (2, 2, 0, 2, 3, 2)  # 01, 02, 03, 12, 13, 23
    assert Cell.from_naslib([2, 2, 0, 2, 3, 2]) == cell
    assert Cell.of_names(cell.names) == cell
    assert index_of(cell) == 13714  # the index that the literature gives this cell


def test_every_cell_round_trips_through_every_spelling() -> None:
    cells = all_cells()
    assert len(set(cells)) == SIZE == 15_625
    assert len({str(cell) for cell in cells}) == SIZE
    assert len({cell.naslib for cell in cells}) == SIZE
    for index, cell in enumerate(cells):
        assert Cell.parse(str(cell)) == cell
        assert Cell.from_naslib(cell.naslib) == cell
        assert Cell(cell.ops) == cell
        assert index_of(cell) == index
        assert cell_at(index) is cell


def test_the_order_is_the_one_checked_against_the_benchmarks_table() -> None:
    # Pinned from the comparison with all 15,625 rows in test_nasbench201_published.py.
    text = "\n".join(map(str, all_cells()))
    assert (
        hashlib.sha256(text.encode()).hexdigest()
        == "83abc799e45cf34e9d2163654668ab998b9a54d01c39e72ca1f71f2cdf356d84"
    )


def test_a_cell_cannot_be_changed() -> None:
    cell = cell_at(0)
    with pytest.raises(AttributeError):
        cell.ops = (0,) * 6  # type: ignore[misc]
    assert not hasattr(cell, "__dict__")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("nor_conv_1x1~1", "nor_conv_1x2~1", "there is no operation 'nor_conv_1x2' in nasbench201"),
        ("|nor_conv_1x1~1", "", "it has 2 edges into node 3"),
        ("|nor_conv_1x1~1", "|none~1|nor_conv_1x1~1", "it has 4 edges into node 3"),
        ("nor_conv_1x1~1", "nor_conv_1x1~2", "it has source '2' on edge 2 into node 3"),
        ("nor_conv_1x1~1", "nor_conv_1x1", "it has source '' on edge 2 into node 3"),
        ("nor_conv_1x1~1", "nor_conv_1x1~one", "it has source 'one' on edge 2 into node 3"),
        ("+|nor_conv_3x3~0|nor_conv_3x3~1|", "", "it has 2 nodes joined by '+'"),
        ("|nor_conv_3x3~0|+|n", "|nor_conv_3x3~0+|n", "it has '|nor_conv_3x3~0' for node 1"),
        ("|nor_conv_3x3~0|+|n", "nor_conv_3x3~0|+|n", "it has 'nor_conv_3x3~0|' for node 1"),
    ],
)
def test_a_malformed_string_says_where(old: str, new: str, message: str) -> None:
    assert old in BEST
    with pytest.raises(NasproxyError) as caught:
        Cell.parse(BEST.replace(old, new, 1))
    assert message in caught.value.wrong
    assert caught.value.accepted
    assert caught.value.hint


@pytest.mark.parametrize("text", ["", "+", "++", "|+|+|", "||+||+||", "none", "| |+| | |+| | | |"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(NasproxyError):
        Cell.parse(text)


def test_an_unknown_operation_gets_the_nearest_names() -> None:
    with pytest.raises(NasproxyError) as caught:
        Cell.of_names(["conv_3x3", *["none"] * 5])
    assert "did you mean nor_conv_3x3" in (caught.value.hint or "")
    assert caught.value.accepted == "none, skip_connect, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3"
    with pytest.raises(NasproxyError) as caught:
        Cell.of_names(["q", *["none"] * 5])
    assert "for example |" in (caught.value.hint or "")


def test_codes_out_of_range_or_of_the_wrong_number_are_refused() -> None:
    with pytest.raises(NasproxyError, match="5 operation codes"):
        Cell((0,) * 5)
    with pytest.raises(NasproxyError, match="7 operation codes"):
        Cell.from_naslib((0,) * 7)
    with pytest.raises(NasproxyError, match=r"operation code 5 in \(0, 0, 0, 0, 0, 5\)") as caught:
        Cell((0, 0, 0, 0, 0, 5))
    assert caught.value.accepted is not None
    assert "the string's order: 0 none, 1 skip_connect" in caught.value.accepted
    with pytest.raises(NasproxyError, match="operation code -1") as caught:
        Cell.from_naslib((-1, 0, 0, 0, 0, 0))
    assert "NASLib's order: 0 skip_connect, 1 none" in str(caught.value)


@pytest.mark.parametrize("index", [-1, 15_625, 10**9])
def test_an_index_out_of_range_is_refused(index: int) -> None:
    with pytest.raises(NasproxyError, match=f"no cell {index}") as caught:
        cell_at(index)
    assert caught.value.accepted == "an index in 0 .. 15624"
