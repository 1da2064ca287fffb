from __future__ import annotations

import contextlib

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nasproxy.errors import NasproxyError
from nasproxy.spaces.nasbench201 import Cell, NASBench201
from nasproxy.spaces.nasbench201.network import build

SPACE = NASBench201(channels=4, cells=1)
# Codes and not cells: the run-time type checks of a cell draw from `random`, and Hypothesis refuses
# strategies that do.
Codes = tuple[int, ...]
codes = st.tuples(*[st.integers(0, 4)] * 6)
NAMES = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


@given(codes)
def test_every_form_leads_back(ops: Codes) -> None:
    cell = Cell(ops)
    assert SPACE.parse(str(cell)) == cell
    assert SPACE.parse(str(SPACE.index(cell))) == cell
    assert SPACE.decode(SPACE.encode(cell)) == cell
    assert Cell.from_naslib(cell.naslib) == cell


@given(codes)
def test_simplifying_keeps_the_function(ops: Codes) -> None:
    cell = Cell(ops)
    assert SPACE.canonical(SPACE.simplified(cell)) == SPACE.canonical(cell)


@given(codes, st.integers(0, 5), st.sampled_from(NAMES))
def test_an_edge_that_the_output_never_sees_can_hold_anything(
    ops: Codes, edge: int, name: str
) -> None:
    cell = Cell(ops)
    # Node 1 feeds nothing, so that its only incoming edge 0>1 is free.
    blind = {**SPACE.encode(cell), "1>2": "none", "1>3": "none"}
    assert SPACE.canonical(SPACE.decode({**blind, "0>1": name})) == SPACE.canonical(
        SPACE.decode(blind)
    )


@given(codes)
def test_the_names_of_the_inner_nodes_do_not_matter(ops: Codes) -> None:
    cell = Cell(ops)
    # Without the edge 1>2 the two inner nodes can change places.
    apart = {**SPACE.encode(cell), "1>2": "none"}
    swapped = {
        **apart,
        **{"0>1": apart["0>2"], "0>2": apart["0>1"], "1>3": apart["2>3"], "2>3": apart["1>3"]},
    }
    assert SPACE.canonical(SPACE.decode(apart)) == SPACE.canonical(SPACE.decode(swapped))


@given(st.text(alphabet="|~+0123 noesk_", max_size=60) | st.text(max_size=60))
def test_any_text_is_a_cell_or_a_clear_error(text: str) -> None:
    with contextlib.suppress(NasproxyError):
        assert str(SPACE.parse(text)) == text.strip() or text.strip().isdecimal()


@settings(max_examples=30, deadline=None)
@given(codes, st.integers(-(2**70), 2**70))
def test_pruned_networks_agree_to_the_bit_for_any_seed(ops: Codes, seed: int) -> None:
    cell = Cell(ops)
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    whole = build(cell, seed=seed, channels=4, cells=1)
    part = build(SPACE.simplified(cell), seed=seed, channels=4, cells=1)
    with torch.no_grad():
        assert torch.equal(whole(x), part(x))
