from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from nasproxy.errors import NasproxyError
from nasproxy.spaces.nasbench201 import Cell, NASBench201, Skeleton

SPACE = NASBench201()
CELL = SPACE.parse("13714")


def test_a_text_may_be_an_architecture_string_or_an_index() -> None:
    assert str(CELL).startswith("|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|")
    assert SPACE.parse(f" {CELL} ") == SPACE.parse(" 13714 ") == CELL
    assert SPACE.index(CELL) == 13714
    for text in ("15625", "-1"):
        with pytest.raises(NasproxyError, match=f"no cell {text}"):
            SPACE.parse(text)


def test_both_canonical_forms_have_names_of_their_own() -> None:
    assert SPACE.canonical(SPACE.parse("0")) == (
        "avg_pool_3x3(x) + avg_pool_3x3(x) + nor_conv_1x1(x) + nor_conv_1x1(x)"
    )
    assert SPACE.canonical_of_benchmark(SPACE.parse("0")) == (
        "(0)@avg_pool_3x3+(0)@avg_pool_3x3+(0)@nor_conv_1x1+(0)@nor_conv_1x1"
    )


def test_a_cell_has_24_neighbours_and_mutation_meets_them_alike() -> None:
    around = list(SPACE.neighbours(CELL))
    assert len(around) == len(set(around)) == 24
    rng = np.random.default_rng(0)
    met = Counter(SPACE.mutate(CELL, rng) for _ in range(4800))
    assert set(met) == set(around)
    assert chisquare(list(met.values())).pvalue > 1e-3


def test_sampling_is_uniform_on_every_edge() -> None:
    rng = np.random.default_rng(0)
    codes = np.array([SPACE.sample(rng).ops for _ in range(5000)])
    for edge in range(6):
        assert chisquare(np.bincount(codes[:, edge], minlength=5)).pvalue > 1e-3


def test_the_choices_are_six_edges_of_five_operations() -> None:
    assert list(SPACE.dimensions()) == ["0>1", "0>2", "1>2", "0>3", "1>3", "2>3"]
    assert all(len(values) == 5 for values in SPACE.dimensions().values())
    assert SPACE.encode(CELL)["1>3"] == "nor_conv_1x1"


def test_wrong_choices_say_which() -> None:
    choices = SPACE.encode(CELL)
    with pytest.raises(NasproxyError, match="no operation 'conv'"):
        SPACE.decode({**choices, "0>1": "conv"})
    del choices["0>1"]
    with pytest.raises(NasproxyError, match="'0>1' is missing"):
        SPACE.decode(choices)
    with pytest.raises(NasproxyError, match="'0>11' is no dimension") as caught:
        SPACE.decode({**choices, "0>11": "none"})
    assert "did you mean 0>1" in (caught.value.hint or "")


def test_counts_name_the_conventions_apart() -> None:
    assert SPACE.counts(CELL) == {
        "parameters": 1_073_466,
        "multiply_accumulates": 153_272_960,
        "flops_naslib": 155_584_192,
    }
    small = NASBench201(channels=4, cells=1)
    built = small.build(CELL, seed=0, classes=7, in_channels=1)
    counted = small.counts(CELL, classes=7, in_channels=1, side=8)
    assert counted["parameters"] == sum(p.numel() for p in built.parameters())


@pytest.mark.parametrize("size", ["channels", "cells", "classes", "in_channels", "side"])
def test_sizes_are_positive(size: str) -> None:
    with pytest.raises(NasproxyError, match=f"{size} = 0 of a nasbench201 network"):
        Skeleton(**{size: 0})


def test_the_side_is_a_multiple_of_four() -> None:
    with pytest.raises(NasproxyError, match="side = 30") as caught:
        SPACE.counts(Cell((0,) * 6), side=30)
    assert caught.value.hint == "pad or scale the images"
    with pytest.raises(NasproxyError, match="channels = -1"):
        NASBench201(channels=-1)
